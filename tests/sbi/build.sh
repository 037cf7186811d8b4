#!/bin/sh
# Builds the check as a flat image for 0x80200000: build.sh OUTPUT
set -eu
out=$1
cd "$(dirname "$0")"
cross=${CROSS:-riscv64-unknown-elf-}
"${cross}gcc" -march=rv64ima_zicsr_zifencei -mabi=lp64 -mcmodel=medany -O2 -std=gnu11 -Wall -Wextra -Werror -ffreestanding \
  -nostdlib -static -Wl,-T,link.ld -Wl,--no-warn-rwx-segments -Wl,--build-id=none -o "$out.elf" entry.S check.c
"${cross}objcopy" -O binary "$out.elf" "$out"
