"""The roots of roots.py for arm64, from Debian 12, whose programs are built without branch protection."""

import os
import shutil

from .apt import Suite
from .roots import BIG as BIG_RISCV64
from .roots import SMALL as SMALL_RISCV64

SUITE = "bookworm"
_NAMES = {"libpython3.13-testsuite": "libpython3.11-testsuite", "7zip": "p7zip-full"}  # of trixie, and what they are here
SMALL = tuple(_NAMES.get(name, name) for name in SMALL_RISCV64)
BIG = tuple(_NAMES.get(name, name) for name in BIG_RISCV64)


def _merge_usr(folder):
    """/bin and the like become links into /usr, as an installed system has them."""
    for name in ("bin", "sbin", "lib"):
        old, new = folder / name, folder / "usr" / name
        if old.is_symlink() or not old.is_dir():
            continue
        shutil.copytree(old, new, symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(old)
        os.symlink(f"usr/{name}", old)


def unpack(packages, folder):
    versions = Suite(SUITE, "arm64").unpack_all(packages, folder)
    _merge_usr(folder)
    return {"versions": versions}
