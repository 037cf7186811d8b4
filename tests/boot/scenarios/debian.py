"""Debian itself: its installer, and a whole system on a disk."""

import hashlib
import os
import random
import subprocess
from functools import partial
from pathlib import Path

from harness.machine import Disk

from .base import MIB, PROMPT, check_file_system, file_in_image, free_port, press_power_button, require
from .firmware import efi_machine
from .network import Server, fetch_from_guest

GRUB_ENTRIES = {"virtio": 1, "nvme": 2}  # places in the menu of the GRUB disk


def installer(context):
    """Debian's installer to its first dialogue."""
    folder = Path(context.product("installer"))
    machine = context.machine(kernel=str(folder / "Image"), initrd=str(folder / "initrd.gz"), memory="1G",
                              append=f"console={context.arch.console} panic=-1")
    with context.start(machine) as console:
        console.expect(r"Starting system log daemon|debconf|Select a language|Choose the language", context.wait(150))
        console.expect(r"(?i)select a language|choose the language", context.wait(90))


def debian_disk(context):
    """A copy of Debian's disk in the scratch folder."""
    image = context.scratch / "disk.raw"
    product = context.product("debian-disk", fetch=os.environ.get("MIMUS_MAKE_DEBIAN") == "1")
    subprocess.run(["cp", "--sparse=always", product, str(image)], check=True)
    return image


def debian_machine(context, image, efi, **more):
    """With `efi` UEFI firmware and GRUB start it, its disk being on that interface."""
    if efi:
        return efi_machine(context, (Disk(str(image), interface=efi),), **more)
    return context.machine(kernel=context.product("linux"), initrd=context.product("initrd"), memory="1G",
                           append=f"console={context.arch.console} panic=-1 mimus.root=/dev/vda1",
                           disks=(Disk(str(image)),), **more)


def log_in(console, context, efi):
    """To root's shell, with all units started. Returns Console.run for it."""
    if efi:
        console.expect("GNU GRUB", context.wait(120))
        console.send("\x1b[B" * GRUB_ENTRIES[efi] + "\n")
    console.expect(r"login: ", context.wait(600))
    console.send("root\n")
    console.expect(PROMPT, context.wait(120))
    run = partial(console.run, timeout=context.wait(120))
    run("stty -echo; export TERM=dumb; bind 'set enable-bracketed-paste off'; systemctl is-system-running --wait", check=False,
        timeout=context.wait(600))
    require(run("systemctl --failed --no-legend --plain") == "", "units have failed")
    return run


def debian(context, smp=2, efi="", **more):
    """Debian 13 with systemd from a disk to its login; network both ways; a large file; a clean file system."""
    image = debian_disk(context)
    content = random.Random(2).randbytes(8 * MIB)
    port = free_port()
    machine = debian_machine(context, image, efi, smp=smp, network=True, forwards=((port, 8080),), **more)
    with Server(content) as server, context.start(machine) as console:
        run = log_in(console, context, efi)
        run("for i in $(seq 60); do ip -4 addr show scope global | grep -q inet && break; sleep 1; done")
        run(f"mkdir -p /srv/www && curl -sf -o /srv/www/file http://10.0.2.2:{server.port}/file && sync")
        want = hashlib.md5(content).hexdigest()
        require(run("md5sum </srv/www/file").split()[0] == want, "the download is damaged")
        run("busybox httpd -p 8080 -h /srv/www")
        require(fetch_from_guest(port, context.wait(60)) == content, "what the host gets from the guest is damaged")
        run("dd if=/dev/urandom of=/root/large bs=1M count=256 status=none; sync", timeout=context.wait(300))
        large = run("md5sum </root/large", timeout=context.wait(120)).split()[0]
        run("echo 3 >/proc/sys/vm/drop_caches")
        require(run("md5sum </root/large", timeout=context.wait(120)).split()[0] == large, "the large file changed")
        console.send("systemctl poweroff\n")
        console.finish(context.wait(240))
    partition = f"{image}?offset={2048 * 512}"
    check_file_system(partition)
    require(file_in_image(partition, "/root/large", context.scratch) == large, "the host finds another large file")
    require(file_in_image(partition, "/srv/www/file", context.scratch) == want, "the host finds another download")


def power_button(context, efi=""):
    """The monitor presses the power button, and systemd shuts Debian down."""
    image = debian_disk(context)
    with context.start(debian_machine(context, image, efi, smp=2), terminal=True) as console:
        log_in(console, context, efi)
        press_power_button(console, context)
        console.expect(r"Power down|Powering off", context.wait(240))
        console.finish(context.wait(60))
    check_file_system(f"{image}?offset={2048 * 512}")
