#!/bin/sh
# Rebuilds mimus-sbi.bin (or the file named as the first argument) with Debian's gcc-riscv64-unknown-elf.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/mimus-sbi.bin}
cross=${CROSS:-riscv64-unknown-elf-}
elf=$(mktemp)
trap 'rm -f "$elf"' EXIT
cd "$here"
"${cross}gcc" -march=rv64ima_zicsr_zifencei -mabi=lp64 -mcmodel=medany -Os -std=gnu11 \
  -Wall -Wextra -Wno-unused-parameter -Werror -ffreestanding -fno-common -fno-pic -fno-builtin -fno-stack-protector \
  -fno-asynchronous-unwind-tables -ffunction-sections -nostdlib -static \
  -Wl,--gc-sections -Wl,--build-id=none -Wl,--no-warn-rwx-segments -Wl,-T,link.ld \
  -o "$elf" start.S main.c aplic.c hart.c hsm.c ipi.c rfence.c timer.c console.c reset.c ecall.c trap.c fdt.c -lgcc
"${cross}objcopy" -O binary "$elf" "$out"
chmod 644 "$out"
