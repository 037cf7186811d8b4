#!/bin/busybox sh
# Process 1 of the small guests. What it does is said on the kernel command line:
#   ... -- COMMAND     runs the command with sh, prints its exit status, powers off
#   mimus.run=CMD      the same; a comma stands for a space
#   mimus.root=DEV     mounts DEV (ext4) and hands over to its /sbin/init
#   (none of these)    a shell; leaving it powers off
export PATH=/sbin:/bin HOME=/root TERM="${TERM:-vt100}"
/bin/busybox mkdir -p /proc /sys /dev /tmp /root /mnt /run
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev 2>/dev/null
/bin/busybox --install -s /bin
mkdir -p /dev/pts && mount -t devpts devpts /dev/pts
ip link set lo up 2>/dev/null
hostname mimus

# The shell prefers busybox's own poweroff, halt and reboot, and those signal process 1.
finish() { # poweroff | halt | reboot
  sync
  busybox "$1" -f & # as a child: process 1 must not end before the machine does
  while :; do sleep 1; done
}
trap 'finish poweroff' USR2
trap 'finish halt' USR1
trap 'finish reboot' TERM

cmdline=" $(cat /proc/cmdline)"
option() { # value of the first NAME=VALUE before "--"
  for word in ${cmdline%% -- *}; do
    case $word in "$1"=*) echo "${word#*=}"; return 0 ;; esac
  done
  return 1
}

if [ -f /lib/modules/order ]; then
  while read -r module; do insmod "/lib/modules/$module.ko" 2>/dev/null; done </lib/modules/order
fi

if root=$(option mimus.root); then
  tries=0
  while [ ! -b "$root" ] && [ $tries -lt 50 ]; do sleep 0.1; tries=$((tries + 1)); done
  if mount -t ext4 "$root" /mnt; then
    mount --move /dev /mnt/dev
    umount /proc /sys
    exec switch_root /mnt /sbin/init
  fi
  echo "guest: cannot mount $root; here is a shell instead"
fi

run=
case $cmdline in *" -- "*) run=${cmdline#* -- } ;; esac
if [ -z "$run" ]; then run=$(option mimus.run | tr , ' '); fi
if [ -n "$run" ]; then
  sh -c "$run" </dev/console &
  wait $!
  echo "guest: exit status $?"
else
  [ -e /sys/class/net/eth0 ] && (netup >/tmp/netup.log 2>&1 &)
  cat /etc/banner
  echo "  $(uname -sr) on $(uname -m), $(nproc) hart(s), $(($(sed -n 's/^MemTotal: *\([0-9]*\).*/\1/p' /proc/meminfo) / 1024)) MiB"
  cd /root || exit
  setsid cttyhack sh -l &
  wait $!
fi
finish poweroff
