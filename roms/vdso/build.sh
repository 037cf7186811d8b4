#!/bin/sh
# Rebuilds mimus-vdso-ISA.so (or the file named as the second argument) with Debian's cross compiler of the ISA named as
# the first argument: riscv64 (the default) or aarch64.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
isa=${1:-riscv64}
out=${2:-$here/mimus-vdso-$isa.so}
cross=${CROSS:-$isa-linux-gnu-}
case $isa in
  riscv64) flags="-march=rv64imafdc -mabi=lp64d" ;;
  *) flags= ;;
esac
cd "$here"
# shellcheck disable=SC2086  # words
"${cross}gcc" $flags -nostdlib -shared -fPIC -Wl,--build-id=none -Wl,--hash-style=both \
  -Wl,--eh-frame-hdr -Wl,-soname=linux-vdso.so.1 -Wl,-z,noexecstack -Wl,-T,vdso.ld -Wl,--version-script="$isa.map" -o "$out" "$isa.S"
"${cross}strip" --strip-unneeded "$out"
chmod 644 "$out"
