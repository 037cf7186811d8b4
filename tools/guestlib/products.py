"""Everything that `tools/guests get` can provide, one row per product and one function that makes it."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from . import disk, initramfs, roots
from .apt import Suite
from .kernel import Modules, plain_image
from .store import GuestError, building, cache_root, locked, product_folder, recorded, say

HERE = Path(__file__).parent
SUITE = "trixie"


@dataclass(frozen=True)
class Product:
    name: str
    main: str            # the file whose path is printed; "" for the folder
    make: Callable       # make(folder) fills the folder and returns facts for its record
    about: str
    needs: tuple = ()    # products that have to be there first
    sources: tuple = ()  # files of this folder whose change makes it stale


class Unpacked:
    """A package unpacked into a scratch folder for the duration of a `with` block."""

    def __init__(self, package, arch, suite=SUITE):
        self._package, self._suite = package, Suite(suite, arch)

    def __enter__(self):
        cache_root().mkdir(parents=True, exist_ok=True)
        self._scratch = tempfile.TemporaryDirectory(prefix=".unpack-", dir=cache_root())
        self.root = Path(self._scratch.name)
        self.version = self._suite.unpack(self._package, self.root)
        return self

    def __exit__(self, *_):
        self._scratch.cleanup()

    def one(self, pattern):
        """The only file that matches a pattern below the package's root."""
        found = sorted(self.root.glob(pattern))
        if len(found) != 1:
            raise GuestError(f"the package {self._package} {self.version} holds {len(found)} files like {pattern}, not one")
        return found[0]


def linux(folder):
    meta = "linux-image-riscv64"
    package = next((name for name in Suite(SUITE, "riscv64").depends(meta) if name.startswith("linux-image-")), None)
    if package is None:
        raise GuestError(f"{meta} names no kernel package")
    with Unpacked(package, "riscv64") as unpacked:
        (folder / "Image").write_bytes(plain_image(unpacked.one("boot/vmlinu*").read_bytes()))
        shutil.copy(unpacked.one("boot/config-*"), folder / "config")
        shutil.copytree(unpacked.one("usr/lib/modules/*"), folder / "modules" / package.removeprefix("linux-image-"))
        return {"package": package, "version": unpacked.version}


def busybox(folder):
    with Unpacked("busybox-static", "riscv64") as unpacked:
        initramfs.write_busybox(unpacked.one("usr/bin/busybox").read_bytes(), folder / "initramfs.cpio.gz")
        return {"version": unpacked.version}


def initrd(folder):
    kernel = product_folder("riscv64-linux")
    initramfs.write_modules(Modules(kernel / "modules"), folder / "modules.cpio.gz")
    with open(folder / "initrd.gz", "wb") as out:  # the kernel takes archives one behind the other
        for part in (product_folder("riscv64-busybox") / "initramfs.cpio.gz", folder / "modules.cpio.gz"):
            out.write(part.read_bytes())
    os.unlink(folder / "modules.cpio.gz")
    return {}


def installer(folder):
    with Unpacked("debian-installer-13-netboot-riscv64", "riscv64") as unpacked:
        base = "usr/lib/debian-installer/images/*/*/text/**"
        (folder / "Image").write_bytes(plain_image(unpacked.one(f"{base}/linux").read_bytes()))
        shutil.copy(unpacked.one(f"{base}/initrd.gz"), folder / "initrd.gz")
        return {"version": unpacked.version}


def opensbi(folder):
    with Unpacked("opensbi", "riscv64") as unpacked:
        base = "usr/lib/riscv64-linux-gnu/opensbi/generic"
        for name in ("fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin"):
            shutil.copy(unpacked.one(f"{base}/{name}"), folder / name)
        return {"version": unpacked.version}


def uboot(folder):
    with Unpacked("u-boot-qemu", "riscv64") as unpacked:
        for name in ("u-boot.bin", "uboot.elf"):
            shutil.copy(unpacked.one(f"usr/lib/u-boot/qemu-riscv64_smode/{name}"), folder / name)
        return {"version": unpacked.version}


def edk2(folder):
    with Unpacked("qemu-efi-riscv64", "riscv64") as unpacked:
        for name in ("RISCV_VIRT_CODE.fd", "RISCV_VIRT_VARS.fd"):
            shutil.copy(unpacked.one(f"usr/share/qemu-efi-riscv64/{name}"), folder / name)
        return {"version": unpacked.version}


def uboot_disk(folder):
    disk.make_boot_disk(folder / "disk.raw", product_folder("riscv64-linux") / "Image",
                        product_folder("riscv64-initrd") / "initrd.gz")
    return {}


def grub_disk(folder):
    with Unpacked("grub-efi-riscv64-unsigned", "riscv64") as unpacked:
        disk.make_grub_disk(folder / "disk.raw", unpacked.one("usr/lib/grub/riscv64-efi/monolithic/grubriscv64.efi"),
                            product_folder("riscv64-linux") / "Image", product_folder("riscv64-initrd") / "initrd.gz")
        return {"version": unpacked.version}


def debian_disk(folder):
    disk.make_debian(folder / "disk.raw", SUITE, product_folder("riscv64-linux"),
                     product_folder("riscv64-initrd") / "initrd.gz")
    return {}


_PACKED = ("cpio.py", "initramfs.py", "guest-init.sh")
_DISK = ("disk.py", "disk-setup.sh", "deb.py")

PRODUCTS = {product.name: product for product in (
    Product("riscv64-linux", "Image", linux, "Debian's kernel: plain Image, config, modules/"),
    Product("riscv64-busybox", "initramfs.cpio.gz", busybox, "a shell in a megabyte, no modules", (), _PACKED),
    Product("riscv64-initrd", "initrd.gz", initrd, "the same with virtio and ext4 modules; mimus.root=/dev/vda1",
            ("riscv64-linux", "riscv64-busybox"), _PACKED + ("kernel.py",)),
    Product("riscv64-root", "", partial(roots.unpack, SUITE, roots.SMALL),
            "programs for mimus exec -L: bash, coreutils, python3, perl, git, ...", (), ("roots.py",)),
    Product("riscv64-root-big", "", partial(roots.unpack, SUITE, roots.BIG),
            "the same with gcc, Go, Node, a JVM, gdb (2 GB)", (), ("roots.py",)),
    Product("riscv64-installer", "", installer, "Debian installer: Image and initrd.gz"),
    Product("riscv64-opensbi", "fw_dynamic.bin", opensbi, "OpenSBI for the generic platform"),
    Product("riscv64-uboot", "u-boot.bin", uboot, "U-Boot for S-mode on the virt board"),
    Product("riscv64-edk2", "RISCV_VIRT_CODE.fd", edk2, "UEFI firmware for --flash, with RISCV_VIRT_VARS.fd beside it"),
    Product("riscv64-uboot-disk", "disk.raw", uboot_disk, "a disk that U-Boot starts: kernel and busybox",
            ("riscv64-linux", "riscv64-initrd"), ("disk.py",)),
    Product("riscv64-grub-disk", "disk.raw", grub_disk, "a disk that UEFI firmware starts: GRUB, kernel and busybox",
            ("riscv64-linux", "riscv64-initrd"), ("disk.py",)),
    Product("riscv64-debian-disk", "disk.raw", debian_disk,
            "Debian with systemd on a raw disk; U-Boot starts it, or --kernel with riscv64-initrd",
            ("riscv64-linux", "riscv64-initrd"), _DISK),
)}


def _recipe(product):
    """Changes when the product has to be made again: its own sources, and what it is made of."""
    digest = hashlib.sha256()
    for name in product.sources:
        digest.update((HERE / name).read_bytes())
    for name in product.needs:
        digest.update(repr(sorted((recorded(name) or {}).items())).encode())
    return digest.hexdigest()[:16]


def product_path(product):
    folder = product_folder(product.name)
    return folder / product.main if product.main else folder


def get(name, refresh=False):
    """Makes the product unless it is there already. Returns its path."""
    product = PRODUCTS[name]
    for needed in product.needs:
        get(needed, refresh)
    with locked(name):
        record = recorded(name)
        recipe = _recipe(product)
        if record is None or record.get("recipe") != recipe or (refresh and not product.needs):
            say(f"making {name}: {product.about}")
            facts = {"recipe": recipe}
            with building(name, facts) as folder:
                facts.update(product.make(folder))
    return product_path(product)
