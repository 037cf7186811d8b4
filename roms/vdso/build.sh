#!/bin/sh
# Rebuilds mimus-vdso-riscv64.so (or the file named as the first argument) with Debian's gcc-riscv64-linux-gnu.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/mimus-vdso-riscv64.so}
cross=${CROSS:-riscv64-linux-gnu-}
cd "$here"
"${cross}gcc" -march=rv64imafdc -mabi=lp64d -nostdlib -shared -fPIC -Wl,--build-id=none -Wl,--hash-style=both \
  -Wl,--eh-frame-hdr -Wl,-soname=linux-vdso.so.1 -Wl,-z,noexecstack -Wl,-T,vdso.ld -o "$out" riscv64.S
"${cross}strip" --strip-unneeded "$out"
chmod 644 "$out"
