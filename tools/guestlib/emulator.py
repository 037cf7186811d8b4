"""The machine in which a guest finishes its own installation: QEMU, or the mimus whose path MIMUS_SETUP_EMULATOR says."""

import os

from .apt import require

HARTS, MEMORY = "2", "1G"


def command(image, initrd, disk, append):
    """Boots the kernel with the disk as its first virtio one and the console on stdout; ends at power-off."""
    chosen = os.environ.get("MIMUS_SETUP_EMULATOR") or "qemu"
    if chosen != "qemu":
        return [chosen, "run", "--isa", "riscv64", "--smp", HARTS, "--memory", MEMORY, "--kernel", image,
                "--initrd", initrd, "--disk", f"{disk},format=raw", "--append", append]
    require("qemu-system-riscv64", "qemu-system-misc")
    return ["qemu-system-riscv64", "-M", "virt", "-smp", HARTS, "-m", MEMORY, "-nographic", "-no-reboot",
            "-kernel", image, "-initrd", initrd, "-append", append, "-device", "virtio-blk-device,drive=d",
            "-drive", f"id=d,if=none,format=raw,cache=unsafe,file={disk}"]
