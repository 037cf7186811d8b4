"""The cache: one folder per product, built aside and renamed into place, one lock per product."""

import contextlib
import fcntl
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path


class GuestError(Exception):
    """One clear message for the user."""


def say(message):
    print(f"guests: {message}", file=sys.stderr, flush=True)


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "mimus" / "guests"


@contextlib.contextmanager
def locked(name):
    """Holds the lock `name` for the duration of the block; says so when somebody else has it."""
    folder = cache_root() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another run that works on {name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def product_folder(name):
    return cache_root() / name


def recorded(name):
    """The record of a finished product, or None."""
    try:
        return json.loads((product_folder(name) / "product.json").read_text())
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def building(name, record):
    """Yields an empty folder; on success it replaces the product's folder, on failure it vanishes."""
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    for left in root.glob(f".{name}-*"):  # of a run that was killed; the caller holds the product's lock
        shutil.rmtree(left, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    try:
        yield scratch
        (scratch / "product.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        os.chmod(scratch, 0o755)
        final = product_folder(name)
        if final.exists():
            shutil.rmtree(final)
        os.rename(scratch, final)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
