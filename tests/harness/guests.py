"""Guests for tests: products of tools/guests, and small archives made for one run."""

import sys

from .machine import SOURCE, Missing

sys.path.insert(0, str(SOURCE / "tools"))

from guestlib import products  # noqa: E402
from guestlib.arch import ARCHES, Arch  # noqa: E402,F401
from guestlib.cpio import Archive  # noqa: E402
from guestlib.kernel import Modules  # noqa: E402,F401
from guestlib.store import GuestError, recorded  # noqa: E402

ISAS = {arch.isa: arch for arch in ARCHES.values()}


def product(name, fetch=True):
    """Path of a product, made if need be. With fetch=False only what is in the cache already, as it is."""
    try:
        if not fetch:
            if not recorded(name):
                raise Missing(f"guest {name} is not in the cache; tools/guests get {name} makes it")
            return str(products.product_path(products.PRODUCTS[name]))
        return str(products.get(name))
    except GuestError as error:
        raise Missing(f"guest {name}: {error}") from error


def initrd_with(base, files, out):
    """Writes `base` plus an archive of files: {path in the guest: (content, permissions)}. Returns the path."""
    archive = Archive()
    for name, (content, permissions) in files.items():
        archive.file(name, content, permissions)
    archive.write(out)
    with open(base, "rb") as first, open(out, "rb") as second:
        data = first.read() + second.read()
    with open(out, "wb") as whole:
        whole.write(data)
    return str(out)
