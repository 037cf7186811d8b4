"""The architectures of our guests: what differs between the products of one and of another."""

from dataclasses import dataclass

SUITE = "trixie"


@dataclass(frozen=True)
class Arch:
    debian: str     # Debian's name, and the first word of its products
    isa: str        # as `mimus run --isa` has it
    console: str    # the serial port of the virt board, as Linux calls it
    cpu: str        # of the QEMU that sets up disks
    qemu_package: str
    uboot: str      # folder of the package u-boot-qemu
    edk2: str       # package
    flash: tuple    # its two banks: code, variables; other builds
    grub: str       # the one file of package grub-efi-..-unsigned, and the name under which firmware starts it
    boot_name: str


ARCHES = {arch.debian: arch for arch in (
    Arch("riscv64", "riscv64", "ttyS0", "rv64", "qemu-system-misc", "qemu-riscv64_smode", "qemu-efi-riscv64",
         ("usr/share/qemu-efi-riscv64/RISCV_VIRT_CODE.fd", "usr/share/qemu-efi-riscv64/RISCV_VIRT_VARS.fd"),
         "riscv64-efi/monolithic/grubriscv64.efi", "BOOTRISCV64.EFI"),
    Arch("arm64", "aarch64", "ttyAMA0", "cortex-a72", "qemu-system-arm", "qemu_arm64", "qemu-efi-aarch64",
         ("usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "usr/share/AAVMF/AAVMF_VARS.fd",
          "usr/share/qemu-efi-aarch64/QEMU_EFI.fd"),
         "arm64-efi/monolithic/grubaa64.efi", "BOOTAA64.EFI"),
)}
