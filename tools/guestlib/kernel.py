"""Debian kernels: the plain image out of whatever wrapping the package uses, and module files with what they need."""

import gzip
import lzma
import re
import struct
from pathlib import Path

from .store import GuestError

RISCV_MAGIC = (0x30, b"RISCV\0\0\0")  # Linux, Documentation/arch/riscv/boot-image-header.rst
ARM64_MAGIC = (0x38, b"ARMd")         # Linux, Documentation/arch/arm64/booting.rst


def plain_image(data):
    """The uncompressed boot image in `data`, which may be one already, gzip, or an EFI zboot wrapper."""
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    if data[4:8] == b"zimg":  # Linux, drivers/firmware/efi/libstub/zboot-header.S: offset, size, ..., algorithm
        offset, size = struct.unpack_from("<II", data, 8)
        algorithm = data[24:56].split(b"\0")[0].decode(errors="replace")
        if algorithm != "gzip":
            raise GuestError(f"the kernel is packed with '{algorithm}', which this tool does not unpack")
        data = gzip.decompress(data[offset:offset + size])
    for offset, magic in (RISCV_MAGIC, ARM64_MAGIC):
        if data[offset:offset + len(magic)] == magic:
            return data
    raise GuestError("the kernel package holds no boot image in a known form")


class Modules:
    """The module tree of a kernel package (usr/lib/modules/VERSION)."""

    def __init__(self, folder):
        self._files = {p.name.split(".")[0].replace("-", "_"): p for p in Path(folder).rglob("*.ko*")}

    def read(self, name):
        path = self._files[name]
        data = path.read_bytes()
        return lzma.decompress(data) if path.suffix == ".xz" else data

    def ordered(self, wanted):
        """The wanted modules that exist as files, each after those that it depends on: [(name, content)]."""
        done = {}

        def visit(name):
            if name in done or name not in self._files:
                return  # built in, or not in this kernel
            content = self.read(name)
            done[name] = None
            for needed in re.search(rb"\0depends=([^\0]*)\0", content).group(1).decode().split(","):
                visit(needed.replace("-", "_"))
            done.pop(name)
            done[name] = content

        for name in wanted:
            visit(name)
        return list(done.items())
