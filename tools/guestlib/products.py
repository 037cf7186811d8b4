"""Everything that `tools/guests get` can provide, one row per product and one function that makes it."""

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Callable

from . import disk, initramfs, roots, roots_arm64
from .apt import Suite
from .arch import ARCHES, SUITE
from .kernel import Modules, plain_image
from .store import GuestError, building, cache_root, locked, product_folder, recorded, say

HERE = Path(__file__).parent


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


def linux(arch, suite, folder):
    meta = f"linux-image-{arch.debian}"
    package = next((name for name in Suite(suite, arch.debian).depends(meta) if name.startswith("linux-image-")), None)
    if package is None:
        raise GuestError(f"{meta} names no kernel package")
    with Unpacked(package, arch.debian, suite) as unpacked:
        (folder / "Image").write_bytes(plain_image(unpacked.one("boot/vmlinu*").read_bytes()))
        shutil.copy(unpacked.one("boot/config-*"), folder / "config")
        shutil.copytree(unpacked.one("**/lib/modules/*"), folder / "modules" / package.removeprefix("linux-image-"))
        return {"package": package, "version": unpacked.version}


def busybox(arch, folder):
    with Unpacked("busybox-static", arch.debian) as unpacked:
        initramfs.write_busybox(unpacked.one("usr/bin/busybox").read_bytes(), folder / "initramfs.cpio.gz")
        return {"version": unpacked.version}


def initrd(arch, folder):
    kernel = product_folder(f"{arch.debian}-linux")
    initramfs.write_modules(Modules(kernel / "modules"), folder / "modules.cpio.gz")
    with open(folder / "initrd.gz", "wb") as out:  # the kernel takes archives one behind the other
        for part in (product_folder(f"{arch.debian}-busybox") / "initramfs.cpio.gz", folder / "modules.cpio.gz"):
            out.write(part.read_bytes())
    os.unlink(folder / "modules.cpio.gz")
    return {}


def installer(arch, folder):
    with Unpacked(f"debian-installer-13-netboot-{arch.debian}", arch.debian) as unpacked:
        base = "usr/lib/debian-installer/images/*/*/text/**"
        (folder / "Image").write_bytes(plain_image(unpacked.one(f"{base}/linux").read_bytes()))
        shutil.copy(unpacked.one(f"{base}/initrd.gz"), folder / "initrd.gz")
        return {"version": unpacked.version}


def copied(package, arch, files, folder):
    """Files of a package as they are."""
    with Unpacked(package, arch.debian) as unpacked:
        for name in files:
            shutil.copy(unpacked.one(name), folder / Path(name).name)
        return {"version": unpacked.version}


def opensbi(arch, folder):
    base = "usr/lib/riscv64-linux-gnu/opensbi/generic"
    return copied("opensbi", arch, [f"{base}/{name}" for name in ("fw_dynamic.bin", "fw_dynamic.elf", "fw_jump.bin")], folder)


def uboot(arch, folder):
    return copied("u-boot-qemu", arch, [f"usr/lib/u-boot/{arch.uboot}/{name}" for name in ("u-boot.bin", "uboot.elf")], folder)


def edk2(arch, folder):
    return copied(arch.edk2, arch, arch.flash, folder)


def uboot_disk(arch, folder):
    disk.make_boot_disk(arch, folder / "disk.raw", product_folder(f"{arch.debian}-linux") / "Image",
                        product_folder(f"{arch.debian}-initrd") / "initrd.gz")
    return {}


def grub_disk(arch, folder):
    with Unpacked(f"grub-efi-{arch.debian}-unsigned", arch.debian) as unpacked:
        disk.make_grub_disk(arch, folder / "disk.raw", unpacked.one(f"usr/lib/grub/{arch.grub}"),
                            product_folder(f"{arch.debian}-linux") / "Image",
                            product_folder(f"{arch.debian}-initrd") / "initrd.gz")
        return {"version": unpacked.version}


def debian_disk(arch, folder):
    disk.make_debian(arch, folder / "disk.raw", SUITE, product_folder(f"{arch.debian}-linux"),
                     product_folder(f"{arch.debian}-initrd") / "initrd.gz")
    return {}


_PACKED = ("cpio.py", "initramfs.py", "guest-init.sh")
_DISK = ("disk.py", "disk-setup.sh", "deb.py")



def products_of(arch):
    """What there is for every architecture."""
    a = arch.debian
    with_kernel = (f"{a}-linux", f"{a}-initrd")
    return (
        Product(f"{a}-linux", "Image", partial(linux, arch, SUITE), "Debian's kernel: plain Image, config, modules/"),
        Product(f"{a}-busybox", "initramfs.cpio.gz", partial(busybox, arch), "a shell in a megabyte, no modules", (), _PACKED),
        Product(f"{a}-initrd", "initrd.gz", partial(initrd, arch),
                "the same with virtio and ext4 modules; mimus.root=/dev/vda1", (f"{a}-linux", f"{a}-busybox"),
                _PACKED + ("kernel.py",)),
        Product(f"{a}-installer", "", partial(installer, arch), "Debian installer: Image and initrd.gz"),
        Product(f"{a}-uboot", "u-boot.bin", partial(uboot, arch), "U-Boot for the virt board"),
        Product(f"{a}-edk2", Path(arch.flash[0]).name, partial(edk2, arch),
                f"UEFI firmware for --flash, with {Path(arch.flash[1]).name} beside it"),
        Product(f"{a}-uboot-disk", "disk.raw", partial(uboot_disk, arch), "a disk that U-Boot starts: kernel and busybox",
                with_kernel, ("disk.py",)),
        Product(f"{a}-grub-disk", "disk.raw", partial(grub_disk, arch),
                "a disk that UEFI firmware starts: GRUB, kernel and busybox", with_kernel, ("disk.py",)),
        Product(f"{a}-debian-disk", "disk.raw", partial(debian_disk, arch),
                "Debian with systemd on a raw disk; U-Boot starts it, or --kernel with the initrd", with_kernel, _DISK),
    )


_RISCV64, _ARM64 = ARCHES["riscv64"], ARCHES["arm64"]

PRODUCTS = {product.name: product for product in (
    *products_of(_RISCV64),
    Product("riscv64-root", "", partial(roots.unpack, SUITE, roots.SMALL),
            "programs for mimus exec -L: bash, coreutils, python3, perl, git, ...", (), ("roots.py",)),
    Product("riscv64-root-big", "", partial(roots.unpack, SUITE, roots.BIG),
            "the same with gcc, Go, Node, a JVM, gdb (2 GB)", (), ("roots.py",)),
    Product("riscv64-opensbi", "fw_dynamic.bin", partial(opensbi, _RISCV64), "OpenSBI for the generic platform"),
    *products_of(_ARM64),
    Product("arm64-linux-12", "Image", partial(linux, _ARM64, "bookworm"), "the kernel of Debian 12"),
    Product("arm64-root", "", partial(roots_arm64.unpack, roots_arm64.SMALL),
            "programs of AArch64 for mimus exec -L: bash, coreutils, python3, perl, git, ...", (),
            ("roots.py", "roots_arm64.py")),
    Product("arm64-root-big", "", partial(roots_arm64.unpack, roots_arm64.BIG),
            "the same with gcc, Go, Node, a JVM, gdb (2 GB)", (), ("roots.py", "roots_arm64.py")),
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
