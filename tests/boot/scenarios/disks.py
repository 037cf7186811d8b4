"""Disks: what the guest writes and what the host finds."""

import hashlib
import subprocess
from functools import partial

from harness.machine import Disk

from .base import MIB, PROMPT, check_file_system, checked_file, file_in_image, power_off, require, tool


def disk_write(context, smp=1, device="vda", interface="virtio", virtio="mmio"):
    """mkfs in the guest, a large file written, read back after a remount, and verified on the host."""
    image = context.scratch / "disk.raw"
    with open(image, "wb") as file:
        file.truncate(256 * MIB)
    size = 48
    disk = Disk(str(image), interface=interface)
    with context.start(context.busybox("initrd", disks=(disk,), smp=smp, virtio=virtio)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(90))
        require(run(f"cat /sys/block/{device}/size") == str(256 * MIB // 512), "size of the disk")
        run(f"mke2fs -F /dev/{device} >/dev/null && mount -t ext4 /dev/{device} /mnt")
        run(f"dd if=/dev/urandom of=/tmp/block bs=1M count=4 2>/dev/null; for i in $(seq 1 {size // 4}); do cat /tmp/block; "
            "echo $i; done >/mnt/large")
        first = run("md5sum </mnt/large").split()[0]
        run("for i in $(seq 1 200); do mkdir -p /mnt/d/$i; echo $i >/mnt/d/$i/n; done; rm -r /mnt/d/1?")
        run(f"umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 -o ro /dev/{device} /mnt")
        require(run("md5sum </mnt/large").split()[0] == first, "the guest reads back something else")
        require(run("cat /mnt/d/*/n | wc -l").strip() == "190", "small files after the remount")
        run("umount /mnt")
        power_off(console, context)
    check_file_system(str(image))
    require(file_in_image(str(image), "/large", context.scratch) == first, "the host finds another content in the image")


def disk_journal(context):
    """An ext4 made on the host, with a journal; power-off with the file system mounted leaves a recoverable disk."""
    image = context.scratch / "disk.raw"
    subprocess.run([tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", str(image), "128M"], check=True,
                   stdout=subprocess.DEVNULL)
    with context.start(context.busybox("initrd", disks=(Disk(str(image)),))) as console:
        console.expect(PROMPT, context.wait(60))
        console.run("mount -t ext4 /dev/vda /mnt && seq 1 200000 >/mnt/numbers && sync", timeout=context.wait(60))
        power_off(console, context)
    subprocess.run([tool("e2fsck", "e2fsprogs"), "-p", str(image)], capture_output=True, check=False)
    check_file_system(str(image))
    want = hashlib.md5("".join(f"{i}\n" for i in range(1, 200001)).encode()).hexdigest()
    require(file_in_image(str(image), "/numbers", context.scratch) == want, "synced data is not in the image")


def disk_qcow2(context):
    """A read-only qcow2 disk: contents as on the host, writes refused, the file untouched."""
    folder, raw, image = context.scratch / "root", context.scratch / "disk.raw", context.scratch / "disk.qcow2"
    folder.mkdir()
    sums = {name: checked_file(folder / name, size, name) for name, size in
            (("large", 24 * MIB), ("odd", 123457), ("small", 7))}
    subprocess.run([tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-d", str(folder), str(raw), "96M"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([tool("qemu-img", "qemu-utils"), "convert", "-O", "qcow2", str(raw), str(image)], check=True)
    before = hashlib.md5(image.read_bytes()).hexdigest()
    with context.start(context.busybox("initrd", disks=(Disk(str(image), "qcow2", True),))) as console:
        console.expect(PROMPT, context.wait(60))
        require(console.run("cat /sys/block/vda/ro") == "1", "the guest does not see a read-only disk")
        console.run("mount -t ext4 -o ro /dev/vda /mnt")
        for name, want in sums.items():
            got = console.run(f"md5sum </mnt/{name}", timeout=context.wait(60)).split()[0]
            require(got == want, f"the file {name} of the qcow2 disk has another content")
        console.run("umount /mnt; ! dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync 2>/dev/null")
        power_off(console, context)
    require(hashlib.md5(image.read_bytes()).hexdigest() == before, "the read-only image has been changed")


def hot_reset(context):
    """An NVMe controller behind a root port goes on after a secondary bus reset and a function-level reset."""
    image = context.scratch / "disk.raw"
    want = checked_file(image, 16 * MIB, 4)
    machine = context.busybox("initrd", disks=(Disk(str(image), interface="nvme"),), virtio="pci", ports=True)
    with context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        run("cd /sys/bus/pci/devices/*/nvme/..")
        for method in ("bus", "flr"):
            run(f"echo {method} >reset_method && echo 1 >reset")
            run("echo 3 >/proc/sys/vm/drop_caches")
            require(run("md5sum </dev/nvme0n1").split()[0] == want, f"the disk reads differently after reset by {method}")
        power_off(console, context)
