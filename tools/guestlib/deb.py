"""Rewrites Debian packages without compression, so that a guest need not decompress what the host can faster.

Format: deb(5), version 2.0: an ar archive of debian-binary, control.tar[.xz|.gz|.zst], data.tar[.xz|.gz|.zst].
"""

import gzip
import lzma

from .store import GuestError

_AR_MAGIC = b"!<arch>\n"
_UNPACK = {"": lambda data: data, ".xz": lzma.decompress, ".gz": gzip.decompress}


def _members(data):
    if data[:8] != _AR_MAGIC:
        raise GuestError("not a Debian package")
    at = 8
    while at + 60 <= len(data):
        header = data[at:at + 60]
        name, size = header[:16].decode().strip().rstrip("/"), int(header[48:58])
        yield name, header, data[at + 60:at + 60 + size]
        at += 60 + size + (size & 1)


def store_uncompressed(path):
    """Replaces the package file by one with plain members. Packages with unknown compression stay as they are."""
    out = bytearray(_AR_MAGIC)
    for name, header, content in _members(path.read_bytes()):
        base, tar, suffix = name.partition(".tar")
        if tar:
            if suffix not in _UNPACK:
                return
            content, name = _UNPACK[suffix](content), base + tar
        out += name.ljust(16).encode() + header[16:48] + str(len(content)).ljust(10).encode() + header[58:60]
        out += content + b"\n" * (len(content) & 1)
    path.write_bytes(out)
