"""What scenarios share: their context, what they require, machines with the busybox guest, files on disks."""

import hashlib
import os
import random
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from harness import guests
from harness.console import Console
from harness.guests import Arch
from harness.machine import Machine, Missing

MIB = 1 << 20
PROMPT = r"\n[^\n]*# "


class Failed(Exception):
    """An expectation about the guest's work that does not hold."""


@dataclass
class Context:
    """What a scenario works with: an architecture, `start` a machine, a scratch folder, a factor for time-outs of slow engines."""

    driver: object
    arch: Arch
    scratch: Path
    patience: float = 1.0

    def start(self, machine, terminal=False):
        return Console(self.driver.command(machine), terminal=terminal)

    def wait(self, seconds):
        return seconds * self.patience

    def product(self, name, **more):
        return guests.product(f"{self.arch.debian}-{name}", **more)

    def machine(self, **more):
        return Machine(isa=self.arch.isa, **more)

    def busybox(self, initrd="busybox", kernel="linux", append="quiet panic=-1", **more):
        return self.machine(kernel=self.product(kernel), initrd=self.product(initrd),
                            append=f"console={self.arch.console} {append}", **more)


def require(condition, what):
    if not condition:
        raise Failed(what)


def tool(name, package):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Missing(f"{name} (Debian package {package})")
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def power_off(console, context):
    console.send("poweroff\n")
    console.finish(context.wait(30))


def press_power_button(console, context):
    """By a command of the emulator's monitor, on the terminal of the console."""
    console.send("\x01c")
    console.expect(r"\((mimus|qemu)\) ", context.wait(30))
    console.send(context.driver.press_button + "\n")
    console.expect(r"\((mimus|qemu)\) ", context.wait(30))
    console.send("\x01c")


def checked_file(path, size, seed):
    data = random.Random(seed).randbytes(size)
    path.write_bytes(data)
    return hashlib.md5(data).hexdigest()


def check_file_system(image):
    result = subprocess.run([tool("e2fsck", "e2fsprogs"), "-f", "-n", image], capture_output=True, text=True, check=False)
    require(result.returncode == 0, f"the file system is not clean after power-off:\n{result.stdout}{result.stderr}")


def file_in_image(image, name, scratch):
    """Checksum of a file inside an ext image, read on the host."""
    out = scratch / "dumped"
    subprocess.run([tool("debugfs", "e2fsprogs"), "-R", f"dump {name} {out}", image], capture_output=True, check=True)
    return hashlib.md5(out.read_bytes()).hexdigest()
