"""Roots of foreign programs for `mimus exec -L`: Debian packages, unpacked and not installed."""

from .apt import Suite

SMALL = ("bash", "bc", "bzip2", "coreutils", "dash", "diffutils", "findutils", "gawk", "git", "grep", "gzip", "7zip",
         "libc-bin", "lua5.4", "openssl", "perl", "python3", "sed", "sqlite3", "tar", "util-linux", "xz-utils", "zstd")
BIG = SMALL + ("default-jre-headless", "g++", "gcc", "gdb", "golang-go", "libpython3.13-testsuite", "make", "nodejs",
               "strace")


def unpack(suite, packages, folder):
    return {"versions": Suite(suite, "riscv64").unpack_all(packages, folder)}
