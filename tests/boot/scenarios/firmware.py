"""Unmodified firmware: U-Boot, OpenSBI, EDK2 with GRUB."""

import re
import shutil
from pathlib import Path

from harness.machine import Disk

from .base import PROMPT, power_off, require

ACPI_BOARDS = ("aarch64",)  # EDK2 has ACPI tables from the board
ACPI_ERRORS = r"ACPI (BIOS )?(Error|Warning)|ACPI: .*(invalid|Invalid|failed)|\[Firmware Bug\]"


def uboot_machine(context, opensbi):
    """U-Boot enters where firmware left off (RISC-V: it runs in S-mode), or is the firmware itself (AArch64)."""
    image = context.scratch / "disk.raw"
    shutil.copyfile(context.product("uboot-disk"), image)
    common = {"disks": (Disk(str(image)),), "memory": "1G"}
    if context.arch.isa == "riscv64":
        firmware = context.product("opensbi") if opensbi and context.driver.name == "mimus" else ""
        return context.machine(firmware=firmware, kernel=context.product("uboot"), **common)
    return context.machine(firmware=context.product("uboot"), **common)


def uboot(context, opensbi=False):
    """U-Boot, on RISC-V above the built-in firmware or OpenSBI, then the kernel from a virtio disk."""
    with context.start(uboot_machine(context, opensbi)) as console:
        if opensbi:
            console.expect(r"OpenSBI v\d", context.wait(20))
        console.expect(r"U-Boot \d{4}", context.wait(30))
        console.expect(r"Linux version \d", context.wait(60))
        console.expect(PROMPT, context.wait(60))
        require(console.run("uname -m") == context.arch.isa, f"uname -m is not {context.arch.isa}")
        power_off(console, context)


def opensbi(context, smp=1):
    """The kernel under OpenSBI instead of the built-in firmware."""
    firmware = context.product("opensbi") if context.driver.name == "mimus" else ""
    with context.start(context.busybox(firmware=firmware, smp=smp)) as console:
        console.expect(r"OpenSBI v\d", context.wait(20))
        console.expect(PROMPT, context.wait(60))
        require(console.run("nproc") == str(smp), f"the guest does not see {smp} CPUs")
        power_off(console, context)


def efi_machine(context, disks=(), **more):
    """EDK2 in flash with a fresh variable store, GRUB on the first disk, everything on PCI."""
    image, variables = context.scratch / "grub.raw", context.scratch / "vars.fd"
    shutil.copyfile(context.product("grub-disk"), image)
    code = Path(context.product("edk2"))
    shutil.copyfile(code.with_name(Path(context.arch.flash[1]).name), variables)
    return context.machine(flash=(str(code), str(variables)), disks=(Disk(str(image)), *disks), virtio="pci", memory="1G", **more)


def check_description(console, acpi):
    """The kernel works by ACPI tables, and has nothing against them, or by a device tree."""
    console.run("test -e " + ("/sys/firmware/acpi/tables/DSDT" if acpi else "/proc/device-tree/compatible"))
    log = console.run("dmesg") if acpi else ""
    found = re.search(ACPI_ERRORS, log)
    require(not found, f"the kernel complains about '{found[0] if found else ''}':\n{log}")


def efi_grub(context, **more):
    """EDK2 in flash, GRUB from the disk's EFI system partition, the kernel; a variable survives into the next run."""
    name = "/sys/firmware/efi/efivars/Mimus-12345678-1234-1234-1234-123456789abc"
    machine = efi_machine(context, **more)
    for again in (False, True):
        with context.start(machine) as console:
            console.expect("GNU GRUB", context.wait(60))
            console.expect(r"Linux version \d", context.wait(60))
            console.expect(PROMPT, context.wait(60))
            check_description(console, context.arch.isa in ACPI_BOARDS and "acpi=off" not in machine.board)
            require(console.run("nproc") == str(machine.smp), f"the guest does not see {machine.smp} CPUs")
            console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
            if again:
                require("kept" in console.run(f"tail -c 4 {name}"), "the variable did not survive")
            else:
                console.run(f"printf '\\007\\000\\000\\000kept' >{name}")
            power_off(console, context)
