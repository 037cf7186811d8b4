"""The small guest: busybox, a /init (guest-init.sh) and, in a second archive behind the first, kernel modules."""

from pathlib import Path

from .cpio import Archive

HERE = Path(__file__).parent

BANNER = """
  busybox on Linux. Things to try: cat /proc/cpuinfo, top, dmesg | less, vi, md5sum /bin/busybox
  `poweroff` or leaving this shell ends the machine.

"""

PROFILE = """export PS1='\\w # '
"""

NETUP = """#!/bin/sh
# Takes an address by DHCP on the first interface and waits for it.
exec busybox udhcpc -q -n -t 5 -T 2 -i "${1:-eth0}" -s /etc/udhcpc.script
"""

UDHCPC = """#!/bin/sh
case $1 in
  deconfig) ip link set "$interface" up ;;
  bound | renew)
    ip addr flush dev "$interface"
    ip addr add "$ip/${mask:-24}" dev "$interface"
    for gateway in $router; do ip route add default via "$gateway" dev "$interface"; done
    : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    echo "$interface: $ip" ;;
esac
"""

DRIVERS = ["virtio_mmio", "virtio_pci", "virtio_rng", "virtio_blk", "virtio_net", "nvme", "efivarfs"]
FILE_SYSTEMS = ["crc32c_generic", "ext4"]


def write_busybox(busybox, out):
    """busybox: bytes of the static program."""
    archive = Archive()
    archive.console()
    archive.file("bin/busybox", busybox, 0o755)
    archive.script("init", (HERE / "guest-init.sh").read_text())
    archive.file("etc/banner", BANNER.encode())
    archive.file("etc/profile", PROFILE.encode())
    archive.file("etc/passwd", b"root::0:0:root:/root:/bin/sh\n")
    archive.file("etc/group", b"root:x:0:\n")
    archive.script("sbin/netup", NETUP)
    archive.script("etc/udhcpc.script", UDHCPC)
    archive.write(out)


def write_modules(modules, out):
    """modules: kernel.Modules. Loaded by /init in the order written here."""
    archive = Archive()
    chosen = modules.ordered(DRIVERS + FILE_SYSTEMS)
    for name, content in chosen:
        archive.file(f"lib/modules/{name}.ko", content)
    archive.file("lib/modules/order", "".join(name + "\n" for name, _ in chosen).encode())
    archive.write(out)
