"""Guest programs compiled for tests."""

import shutil
import subprocess

from .machine import Missing

PACKAGES = {
    "cc": "gcc", "gcc": "gcc",
    "riscv64-linux-gnu-gcc": "gcc-riscv64-linux-gnu",
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
}


class CompileError(Exception):
    """A guest program that does not compile."""


def compile_program(compiler, sources, out, flags, libraries=()):
    """Links `sources` to the program `out`. Returns its path."""
    if shutil.which(compiler) is None:
        raise Missing(f"{compiler} (Debian package {PACKAGES.get(compiler, compiler)})")
    command = [compiler, *flags, "-o", str(out), *map(str, sources), *libraries]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise CompileError(f"{' '.join(command)}\n{result.stderr}")
    return str(out)
