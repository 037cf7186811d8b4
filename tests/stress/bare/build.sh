#!/bin/sh
# build.sh OUT: the stress program as an ELF file, with Debian's gcc-riscv64-unknown-elf.
set -eu
cd "$(dirname "$0")"
exec "${CROSS:-riscv64-unknown-elf-}gcc" -march=rv64imac_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -std=gnu11 \
  -Wall -Wextra -Werror -ffreestanding -fno-common -fno-pic -fno-builtin -fno-stack-protector -nostdlib -static \
  -Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,link.ld -o "$1" \
  start.S main.c trap.c interrupts.c locks.c order.c misaligned.c paging.c code.c -lgcc
