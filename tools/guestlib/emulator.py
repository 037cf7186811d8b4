"""The machine in which a guest finishes its own installation: QEMU, or the mimus whose path MIMUS_SETUP_EMULATOR says."""

import os

from .apt import require

HARTS, MEMORY = "2", "1G"


def command(arch, image, initrd, disk, append):
    """Boots the kernel with the disk as its first virtio one and the console on stdout; ends at power-off."""
    chosen = os.environ.get("MIMUS_SETUP_EMULATOR") or "qemu"
    if chosen != "qemu":
        return [chosen, "run", "--isa", arch.isa, "--smp", HARTS, "--memory", MEMORY, "--kernel", image,
                "--initrd", initrd, "--disk", f"{disk},format=raw", "--append", append]
    program = f"qemu-system-{arch.isa}"
    require(program, arch.qemu_package)
    return [program, "-M", "virt", "-cpu", arch.cpu, "-smp", HARTS, "-m", MEMORY, "-nographic", "-no-reboot", "-nic", "none",
            "-kernel", image, "-initrd", initrd, "-append", append, "-device", "virtio-blk-device,drive=d",
            "-drive", f"id=d,if=none,format=raw,cache=unsafe,file={disk}"]
