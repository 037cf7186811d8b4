"""Interrupts by messages: who delivers them is seen in /proc/interrupts."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness import guests
from harness.machine import Disk

from .base import MIB, PROMPT, checked_file, power_off, press_power_button, require


@dataclass(frozen=True)
class Controller:
    board: tuple      # options of the board
    messages: str     # the kernel's name of the interrupt chip for MSI-X
    serial: str       # the serial port's row
    absent: str       # a chip that must not be there


AIA = Controller(("aia=aplic-imsic",), r"PCI-MSIX-\S+", r"APLIC-MSI\S* +10 Level .*ttyS0", "SiFive PLIC")
ITS = Controller(("gic=3",), r"ITS-PCI-MSIX-\S+", r"GICv3 +33 Level .*uart-pl011", "GIC-0")
GICV2M = Controller(("gic=2",), r"GICv2m-PCI-MSIX-\S+", r"GIC-0 +33 Level .*uart-pl011", "GICv3")


def messages(context, controller, opensbi=False, **more):
    """MSI-X of NVMe and virtio on two CPUs, the wire of the serial port, interrupts between CPUs."""
    image = context.scratch / "disk.raw"
    want = checked_file(image, 32 * MIB, 3)
    firmware = context.product("opensbi") if opensbi and context.driver.name == "mimus" else ""
    machine = context.busybox("initrd", firmware=firmware, disks=(Disk(str(image), interface="nvme"),), network=True,
                              virtio="pci", board=controller.board, smp=2, **more)
    with context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        require(run("md5sum </dev/nvme0n1").split()[0] == want, "the disk reads differently")
        run("netup; ping -c 2 -W 5 10.0.2.2")
        run("for i in $(seq 1 4); do (seq 1 3000 | sort -r | md5sum >/tmp/o$i) & done; wait")
        table = run("cat /proc/interrupts")
        for pattern in (rf"[1-9]\d* +\d* *{controller.messages} +\d+ +Edge +nvme0q0",
                        rf"[1-9]\d* .*{controller.messages} +\d+ +Edge +virtio\d-output",
                        rf"[1-9]\d* .*{controller.serial}", r"IPI1: +[1-9]"):
            require(re.search(pattern, table), f"no interrupts like {pattern} in\n{table}")
        require(controller.absent not in table, f"there is a {controller.absent}:\n{table}")
        power_off(console, context)


def power_key(context, efi=False):
    """The monitor presses the power button, and its key arrives: by GPIO, or with `efi` by ACPI."""
    image = Path(context.product("linux"))
    modules = guests.Modules(image.parent / "modules").ordered(("gpio_keys", "evdev"))
    initrd = guests.initrd_with(context.product("initrd"), {f"lib/{name}.ko": (content, 0o644) for name, content in modules},
                                context.scratch / "initrd.gz")
    machine = context.machine(kernel=str(image), initrd=initrd, append=f"console={context.arch.console} quiet panic=-1",
                              flash=(context.product("edk2"),) if efi else (), memory="1G")
    with context.start(machine, terminal=True) as console:
        console.expect(PROMPT, context.wait(90))
        console.run("; ".join(f"insmod /lib/{name}.ko" for name, _ in modules))
        require("Power" in console.run("cat /proc/bus/input/devices", check=False) or not efi, "no power button")
        console.run("(cat /dev/input/event0 >/tmp/events &); sleep 2")
        press_power_button(console, context)
        console.run("sleep 1")
        events = console.run("hexdump -v -e '12/2 \"%04x \" \"\\n\"' /tmp/events")
        require("0001 0074 0001 0000" in events, f"no KEY_POWER:\n{events}")
        power_off(console, context)
