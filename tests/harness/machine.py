"""A machine to start, and the emulators that can start it.

The same description runs under Mimus and under QEMU: that is how a benchmark gets its two sides, and how a test proves
that its expectations hold on the rival before they judge Mimus.
"""

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
ENGINES = ("interp", "baseline", "llvm", "auto")


class Missing(Exception):
    """Something that the machine under test needs is not there. A test that gets it is skipped, with this reason."""


@dataclass(frozen=True)
class Disk:
    path: str
    format: str = "raw"
    readonly: bool = False
    interface: str = "virtio"  # or "nvme"


@dataclass(frozen=True)
class Machine:
    """A virt board. Paths are files of the host; `firmware` "" is the emulator's own, "none" M-mode at once (RISC-V)."""

    isa: str = "riscv64"
    kernel: str = ""
    initrd: str = ""
    append: str = ""
    firmware: str = ""
    flash: tuple = ()     # files
    disks: tuple = ()
    network: bool = False
    forwards: tuple = ()  # of (port on the host's loopback, port in the guest), TCP
    nets: tuple = ()      # further networks as --net describes them; Mimus only
    virtio: str = "mmio"  # or "pci"
    board: tuple = ()     # further options of the board, as --machine has them
    ports: bool = False   # PCI devices behind root ports; Mimus only
    smp: int = 1
    memory: str = "512M"


class Mimus:
    name = "mimus"

    def __init__(self, program, engine="auto", options=()):
        self.program, self.engine, self._options = str(program), engine, list(options)

    press_button = "powerdown"  # a command of the monitor

    def title(self):
        return f"mimus {self.engine}"

    def command(self, machine):
        board = ",".join(["virt", f"virtio={machine.virtio}", f"pci={'ports' if machine.ports else 'flat'}", *machine.board])
        words = [self.program, "run", "--isa", machine.isa, "--engine", self.engine, "--smp", str(machine.smp),
                 "--memory", machine.memory, "--machine", board, *self._options]
        for option in ("firmware", "kernel", "initrd", "append"):
            if getattr(machine, option):
                words += ["--" + option, getattr(machine, option)]
        for path in machine.flash:
            words += ["--flash", path]
        for disk in machine.disks:
            words += ["--disk", f"{disk.path},format={disk.format}" + (",readonly" if disk.readonly else "")
                      + f",if={disk.interface}"]
        if machine.network:
            words += ["--net", "user" + "".join(f",hostfwd=tcp:127.0.0.1:{a}-:{b}" for a, b in machine.forwards)]
        for net in machine.nets:
            words += ["--net", net]
        return words


DISK_DEVICES = {("virtio", "mmio"): "virtio-blk-device", ("virtio", "pci"): "virtio-blk-pci",
                ("nvme", "mmio"): "nvme,serial=disk", ("nvme", "pci"): "nvme,serial=disk"}


QEMU_MACHINES = {  # package, board, further options
    "riscv64": ("qemu-system-misc", "virt", ()),
    "aarch64": ("qemu-system-arm", "virt,gic-version=3", ("-cpu", "cortex-a72")),
}
QEMU_BOARD = {"gic=2": "gic-version=2", "gic=3": "gic-version=3"}  # what has another name there


class Qemu:
    """QEMU with a machine of one ISA. On RISC-V its own firmware is OpenSBI."""

    name = "qemu"
    press_button = "system_powerdown"

    def __init__(self, isa="riscv64"):
        package, self._board, self._more = QEMU_MACHINES[isa]
        self.program = shutil.which(f"qemu-system-{isa}")
        if self.program is None:
            raise Missing(f"qemu-system-{isa} (Debian package {package})")

    def title(self):
        return "qemu"

    def command(self, machine):
        board = ",".join([self._board, *(QEMU_BOARD.get(option, option) for option in machine.board)])
        words = [self.program, "-M", board, *self._more, "-nographic", "-smp", str(machine.smp), "-m", machine.memory]
        for option, name in (("firmware", "-bios"), ("kernel", "-kernel"), ("initrd", "-initrd"), ("append", "-append")):
            if getattr(machine, option):
                words += [name, getattr(machine, option)]
        for index, path in enumerate(machine.flash):
            words += ["-drive", f"if=pflash,unit={index},format=raw,file={path}" + (",readonly=on" if index == 0 else "")]
        for index, disk in enumerate(machine.disks):
            words += ["-drive", f"id=d{index},if=none,format={disk.format},file={disk.path}"
                      + (",readonly=on" if disk.readonly else ""), "-device", f"{DISK_DEVICES[disk.interface, machine.virtio]},drive=d{index}"]
        words += ["-nic", "none"] if not machine.network else []
        if machine.network:
            words += ["-netdev", "user,id=n0" + "".join(f",hostfwd=tcp:127.0.0.1:{a}-:{b}" for a, b in machine.forwards),
                      "-device", ("virtio-net-pci,romfile=" if machine.virtio == "pci" else "virtio-net-device") + ",netdev=n0"]
        return words


def find_mimus(given=None):
    """The program under test: as given, or MIMUS, or the release build."""
    path = Path(given or os.environ.get("MIMUS") or SOURCE / "build" / "release" / "bin" / "mimus")
    if not path.exists():
        raise Missing(f"{path} is not built")
    return path


def driver(kind, program=None, engine="auto", options=(), isa="riscv64"):
    return Qemu(isa) if kind == "qemu" else Mimus(find_mimus(program), engine, options)
