"""Raw disk images with one bootable ext4 partition, made without root (mke2fs fills it from a folder)."""

import os
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from .apt import KEYRING, mirror, require, run
from .deb import store_uncompressed
from .emulator import command
from .store import GuestError, cache_root, say

HERE = Path(__file__).parent
SECTOR = 512
PARTITION_START = 2048  # sectors
MIB = 1 << 20

PACKAGES = ("systemd,systemd-sysv,systemd-resolved,udev,dbus,kmod,iproute2,iputils-ping,login,passwd,procps,less,"
            "ca-certificates,curl,busybox,e2fsprogs")

EXTLINUX = """default linux
timeout 1
label linux
  kernel /boot/Image
  initrd /boot/initrd.gz
  append console={console} {arguments}
"""


GRUB_ENTRIES = (("busybox", ""), ("Debian on the second virtio disk", "mimus.root=/dev/vdb1"),
                ("Debian on an NVMe disk", "mimus.root=/dev/nvme0n1p1"))

LINUX, EFI_SYSTEM = 0x83, 0xef  # partition types


def _partition_table(sectors, kind=LINUX):
    """A master boot record with one active partition. CHS fields say "use LBA"."""
    entry = struct.pack("<B3sB3sII", 0x80, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", PARTITION_START,
                        sectors - PARTITION_START)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa"


def _grub_menu(arch):
    entries = [f"menuentry '{title}' {{\n  linux /Image {f'console={arch.console} {arguments}'.strip()}\n  initrd /initrd.gz\n}}\n"
               for title, arguments in GRUB_ENTRIES]
    return "set timeout=1\n" + "".join(entries)


def _add_boot_files(arch, root, image, initrd, arguments):
    (root / "boot" / "extlinux").mkdir(parents=True, exist_ok=True)
    shutil.copy(image, root / "boot" / "Image")
    shutil.copy(initrd, root / "boot" / "initrd.gz")
    (root / "boot" / "extlinux" / "extlinux.conf").write_text(EXTLINUX.format(console=arch.console, arguments=arguments))


def _write_disk(out, root, size, wrapper=()):
    with open(out, "wb") as disk:
        disk.truncate(size)
        disk.write(_partition_table(size // SECTOR))
    offset = PARTITION_START * SECTOR
    run([*wrapper, "mke2fs", "-q", "-F", "-t", "ext4", "-O", "^metadata_csum,^orphan_file", "-L", "mimus-root",
         "-E", f"offset={offset},root_owner=0:0", "-d", str(root), str(out), f"{(size - offset) // 1024}k"],
        "writing the file system")


def make_boot_disk(arch, out, image, initrd):
    require("mke2fs", "e2fsprogs")
    with tempfile.TemporaryDirectory(prefix=".disk-", dir=cache_root()) as scratch:
        root = Path(scratch)
        _add_boot_files(arch, root, image, initrd, "")
        _write_disk(out, root, 96 * MIB)


def make_grub_disk(arch, out, grub, image, initrd):
    """An EFI system partition with GRUB where firmware looks first, its menu, a kernel and an initial RAM disk."""
    require("mformat", "mtools")
    size = 128 * MIB
    with open(out, "wb") as disk:
        disk.truncate(size)
        disk.write(_partition_table(size // SECTOR, EFI_SYSTEM))
    volume = f"{out}@@{PARTITION_START * SECTOR}"
    with tempfile.TemporaryDirectory(prefix=".grub-", dir=cache_root()) as scratch:
        menu = Path(scratch) / "grub.cfg"
        menu.write_text(_grub_menu(arch))
        run(["mformat", "-i", volume, "-F", "-T", str(size // SECTOR - PARTITION_START), "::"], "making a FAT file system")
        run(["mmd", "-i", volume, "::/EFI", "::/EFI/BOOT", "::/EFI/debian"], "filling the FAT file system")
        for source, target in ((grub, f"EFI/BOOT/{arch.boot_name}"), (menu, "EFI/debian/grub.cfg"), (image, "Image"),
                               (initrd, "initrd.gz")):
            run(["mcopy", "-i", volume, str(source), f"::/{target}"], "filling the FAT file system")


def make_debian(arch, out, suite, kernel, initrd):
    """debootstrap in two halves: unpacking here, configuration by the packages themselves in the booted guest."""
    for program in ("debootstrap", "fakeroot", "mke2fs", "e2fsck"):
        require(program, "e2fsprogs" if "2" in program else program)
    with tempfile.TemporaryDirectory(prefix=".debian-", dir=cache_root()) as scratch:
        root, state = Path(scratch) / "root", str(Path(scratch) / "fakeroot.state")
        say("unpacking Debian packages (about 150 MB to download, a minute)")
        run(["fakeroot", "-s", state, "debootstrap", "--foreign", f"--arch={arch.debian}", "--variant=minbase",
             f"--keyring={KEYRING}", f"--include={PACKAGES}", suite, str(root), mirror()],
            "unpacking Debian (is the network up?)")
        for package in (root / "var" / "cache" / "apt" / "archives").glob("*.deb"):
            store_uncompressed(package)
        _add_boot_files(arch, root, kernel / "Image", initrd, "mimus.root=/dev/vda1")
        shutil.copytree(kernel / "modules", root / "usr" / "lib" / "modules", dirs_exist_ok=True)
        shutil.copy(HERE / "disk-setup.sh", root / "mimus-setup.sh")
        os.chmod(root / "mimus-setup.sh", 0o755)
        _write_disk(out, root, 4096 * MIB, ("fakeroot", "-i", state, "-s", state))
    _configure(arch, out, kernel / "Image", initrd)


def _configure(arch, out, image, initrd):
    say("configuring Debian inside the guest (several minutes, once)")
    log = cache_root() / f"{arch.debian}-debian-disk-setup.log"
    append = (f"console={arch.console} quiet panic=-1 -- mount -t ext4 /dev/vda1 /mnt && "
              "for d in proc sys dev; do mount -o bind /$d /mnt/$d; done; chroot /mnt /mimus-setup.sh; "
              "umount /mnt/proc /mnt/sys /mnt/dev 2>/dev/null; umount /mnt")
    with open(log, "wb") as output:
        result = subprocess.run(command(arch, str(image), str(initrd), str(out), append), stdin=subprocess.DEVNULL,
                                stdout=output, stderr=subprocess.STDOUT, timeout=3600, check=False)
    if result.returncode != 0 or b"mimus-setup: done" not in log.read_bytes():
        raise GuestError(f"the configuration of the Debian guest failed; its console is in {log}")
