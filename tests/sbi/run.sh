#!/bin/sh
# Runs the check on the firmware. run.sh rebuild | run.sh qemu | run.sh mimus PROGRAM. Exit status 77: skipped.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
firmware=$here/../../roms/sbi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

skip() {
  echo "skipped: $*"
  exit 77
}
need() { command -v "$1" >/dev/null || skip "$1 is not installed (package $2)"; }

check() { # HARTS COMMAND...: the check passes and the machine ends with status 0
  harts=$1
  shift
  if "$@" </dev/null >"$work/log" 2>&1 && grep -q 'sbi-check: passed' "$work/log"; then
    echo "passed with $harts hart(s)"
  else
    cat "$work/log"
    echo "the check failed with $harts hart(s)"
    exit 1
  fi
}

need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf
case $1 in
  rebuild)
    version=$(sed -n 's/.*gcc-riscv64-unknown-elf` \([^ ]*\) .*/\1/p' "$firmware/README.md")
    have=$(dpkg-query -W -f '${Version}' gcc-riscv64-unknown-elf 2>/dev/null || echo unknown)
    [ "$version" = "$have" ] || skip "the binary was made by gcc-riscv64-unknown-elf $version, here is $have"
    "$firmware/build.sh" "$work/rebuilt.bin"
    cmp "$work/rebuilt.bin" "$firmware/mimus-sbi.bin"
    ;;
  qemu)
    need qemu-system-riscv64 qemu-system-misc
    "$here/build.sh" "$work/check.bin"
    for harts in 1 4; do
      for cpu in rv64 rv64,sstc=off; do
        check "$harts" timeout 100 qemu-system-riscv64 -M virt -cpu "$cpu" -smp "$harts" -m 128M -nographic -no-reboot \
          -bios "$firmware/mimus-sbi.bin" -kernel "$work/check.bin"
      done
    done
    ;;
  mimus)
    "$here/build.sh" "$work/check.bin"
    for harts in 1 4 8; do
      check $harts timeout 100 "$2" run --isa riscv64 --smp $harts --memory 128M --kernel "$work/check.bin"
    done
    ;;
esac
