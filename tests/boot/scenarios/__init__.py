"""Real guests, one scenario per function. A scenario gets a Context and returns if all is well."""

from dataclasses import dataclass
from functools import partial
from typing import Callable

from .base import Context, Failed  # noqa: F401
from .debian import debian, installer, power_button
from .disks import disk_journal, disk_qcow2, disk_write, hot_reset
from .firmware import efi_grub, opensbi, uboot
from .interrupts import AIA, GICV2M, ITS, messages, power_key
from .network import network, network_ipv6, network_link
from .shell import piped, reboot, saved, shell

RISCV, ARM = ("riscv64",), ("aarch64",)
ALL = RISCV + ARM


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable
    about: str
    engine: str = "auto"
    patience: float = 1.0
    timeout: int = 120   # seconds for the whole of it
    isas: tuple = ALL
    long_on: tuple = ()  # ISAs on which it runs only with MIMUS_LONG=1 or --long

    def is_long(self, isa):
        return isa in self.long_on


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario("shell-interp", shell, "busybox shell, interpreter", "interp", 6, 420),
    Scenario("shell-baseline", shell, "busybox shell, baseline", "baseline"),
    Scenario("shell-llvm", shell, "busybox shell, LLVM above the interpreter", "llvm", 6, 420),
    Scenario("shell-auto", shell, "busybox shell, all engines together", long_on=ARM),
    Scenario("shell-baseline-smp4", partial(shell, smp=4), "busybox shell on 4 CPUs, baseline", "baseline", long_on=ARM),
    Scenario("shell-auto-smp4", partial(shell, smp=4), "busybox shell on 4 CPUs"),
    Scenario("gicv2", partial(shell, smp=4, board=("gic=2",)), "the same with a GICv2", isas=ARM, long_on=ARM),
    Scenario("debian-12-kernel", partial(shell, kernel="linux-12"), "busybox shell, Debian 12's kernel", isas=ARM),
    Scenario("saved", saved, "busybox shell twice, the second time from kept translations", long_on=ARM),
    Scenario("piped", piped, "commands piped in before the start", long_on=ARM),
    Scenario("reboot", reboot, "the guest's reboot command, twice"),
    Scenario("opensbi-smp4", partial(opensbi, smp=4), "the kernel under OpenSBI on 4 harts", isas=RISCV),
    Scenario("uboot", uboot, "U-Boot, the kernel from a disk", timeout=180),
    Scenario("opensbi-uboot", partial(uboot, opensbi=True), "OpenSBI, U-Boot, the kernel from a disk", timeout=180, isas=RISCV),
    Scenario("efi-grub", efi_grub, "EDK2 in flash, GRUB, the kernel; a variable that survives", timeout=240),
    Scenario("efi-gicv2", partial(efi_grub, board=("gic=2",), smp=4), "the same with a GICv2 on 4 CPUs", timeout=240, isas=ARM,
             long_on=ARM),
    Scenario("efi-device-tree", partial(efi_grub, board=("acpi=off",)), "the same without ACPI tables", timeout=240, isas=ARM,
             long_on=ARM),
    Scenario("disk-write", disk_write, "mkfs, a large file, verified by guest and host", long_on=ARM),
    Scenario("disk-pci", partial(disk_write, virtio="pci"), "the same on virtio over PCI", long_on=ARM),
    Scenario("disk-nvme", partial(disk_write, device="nvme0n1", interface="nvme"), "the same on NVMe", long_on=ARM),
    Scenario("disk-journal", disk_journal, "ext4 with a journal, power-off while mounted", long_on=ARM),
    Scenario("disk-qcow2", disk_qcow2, "a read-only qcow2 disk", long_on=ARM),
    Scenario("disk-write-smp4", partial(disk_write, smp=4), "the same on 4 CPUs", long_on=ALL),
    Scenario("hot-reset", hot_reset, "an NVMe controller behind a root port, reset in operation", long_on=ARM),
    Scenario("messages", partial(messages, controller=AIA), "AIA: MSI-X, wires and interrupts between harts by IMSICs", isas=RISCV),
    Scenario("messages-opensbi", partial(messages, controller=AIA, opensbi=True), "the same, set up by OpenSBI", isas=RISCV,
             long_on=RISCV),
    Scenario("messages-its", partial(messages, controller=ITS), "MSI-X by a GICv3's ITS, interrupts between CPUs", isas=ARM),
    Scenario("messages-gicv2m", partial(messages, controller=GICV2M), "MSI-X by a GICv2's frame for messages", isas=ARM),
    Scenario("power-key", power_key, "the monitor's powerdown is a key in the guest", isas=ARM),
    Scenario("power-key-acpi", partial(power_key, efi=True), "the same by ACPI", isas=ARM, long_on=ARM),
    Scenario("network", network, "HTTP both ways through the NAT", long_on=ARM),
    Scenario("network-smp4", partial(network, smp=4), "the same on 4 CPUs", long_on=ALL),
    Scenario("network-ipv6", network_ipv6, "HTTP over IPv6 through the NAT", long_on=ARM),
    Scenario("network-link", network_link, "two machines on a cable, packet capture", long_on=ARM),
    Scenario("installer", installer, "Debian's installer to its first dialogue", timeout=300, long_on=ARM),
    Scenario("debian", debian, "Debian 13 with systemd: login, network, files, power-off", timeout=1500, long_on=ALL),
    Scenario("debian-baseline", debian, "the same, baseline", "baseline", timeout=1500, long_on=ALL),
    Scenario("efi-debian", partial(debian, efi="virtio"), "the same, started by EDK2 and GRUB, on virtio over PCI",
             timeout=1500, long_on=ALL),
    Scenario("efi-debian-nvme", partial(debian, efi="nvme"), "the same on NVMe", timeout=1500, long_on=ALL),
    Scenario("debian-smp4", partial(debian, smp=4), "the same on 4 CPUs", timeout=1500, long_on=ALL),
    Scenario("power-button", power_button, "the monitor's powerdown ends Debian in order", timeout=1500, isas=ARM, long_on=ARM),
    Scenario("efi-power-button", partial(power_button, efi="virtio"), "the same by ACPI", timeout=1500, isas=ARM, long_on=ARM),
)}
