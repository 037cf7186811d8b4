#!/bin/sh
# Runs inside the guest, in the new root with /proc, /sys and /dev there: the second half of debootstrap, then the choices of this image.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C DEBIAN_FRONTEND=noninteractive
/debootstrap/debootstrap --second-stage

passwd -d root
echo mimus >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 mimus\n' >/etc/hosts
echo '/dev/vda1 / ext4 defaults 0 1' >/etc/fstab
: >/etc/machine-id
mkdir -p /etc/systemd/network
printf '[Match]\nName=en* eth*\n\n[Network]\nDHCP=yes\n' >/etc/systemd/network/80-dhcp.network
systemctl enable systemd-networkd systemd-resolved
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
printf 'virtio_net\nvirtio_rng\n' >/etc/modules-load.d/virtio.conf
depmod "$(uname -r)"
apt-get clean
rm -f /mimus-setup.sh
echo "mimus-setup: done"
