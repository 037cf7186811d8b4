"""Real guests, one scenario per function. A scenario gets a Context and returns if all is well."""

import hashlib
import os
import random
import re
import shutil
import socket
import subprocess
import threading
import urllib.request
from dataclasses import dataclass, replace
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Callable

from harness import guests
from harness.console import Console
from harness.machine import Disk, Machine, Mimus, Missing

MIB = 1 << 20
PROMPT = r"\n[^\n]*# "
SHELL = {"append": "console=ttyS0 quiet panic=-1"}


class Failed(Exception):
    """An expectation about the guest's work that does not hold."""


@dataclass
class Context:
    """What a scenario works with: `start` a machine, a scratch folder, a factor for time-outs of slow engines."""

    driver: object
    scratch: Path
    patience: float = 1.0

    def start(self, machine):
        return Console(self.driver.command(machine))

    def wait(self, seconds):
        return seconds * self.patience


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable
    about: str
    engine: str = "auto"
    patience: float = 1.0
    timeout: int = 120   # seconds for the whole of it
    long: bool = False   # only with MIMUS_LONG=1 or --long


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


def busybox(initrd="riscv64-busybox", **more):
    return Machine(kernel=guests.product("riscv64-linux"), initrd=guests.product(initrd), **(SHELL | more))


def power_off(console, context):
    console.send("poweroff\n")
    console.finish(context.wait(30))


# ---- shell ----

def shell(context, smp=1):
    """Debian's kernel to the busybox shell, some commands, power-off."""
    with context.start(busybox(smp=smp)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(30))
        require(run("uname -m") == "riscv64", "uname -m is not riscv64")
        require(run("nproc") == str(smp), f"the guest does not see {smp} harts")
        require(run("echo $((6 * 7))") == "42", "arithmetic of the shell")
        want = hashlib.sha256("".join(f"{i}\n" for i in range(1, 2001)).encode()).hexdigest()
        require(run("seq 1 2000 | sha256sum").split()[0] == want, "checksum of a pipe")
        require(run("seq 1 500 | awk '{ s += $1 / 3 } END { printf \"%.6f\", s }'") == "41750.000000", "awk's doubles")
        require(run("for i in $(seq 1 20); do (exit $i); [ $? = $i ] || echo bad; done") == "", "statuses of 20 children")
        if smp > 1:
            run("for i in $(seq 1 8); do (seq 1 3000 | sort -r | md5sum >/tmp/o$i) & done; wait")
            require(run("sort -u /tmp/o? | wc -l").strip() == "1", "eight equal jobs in parallel gave different results")
        console.run("(exit 3)", check=False)
        power_off(console, context)


def saved(context):
    """The second boot takes its translations from those that the first has kept."""
    cache = context.scratch / "cache"
    driver = Mimus(context.driver.program, context.driver.engine, ["--cache", str(cache)])
    for _ in range(2):
        shell(replace(context, driver=driver))
        require(len(list(cache.iterdir())) == 1, "not one file was kept")


def piped(context):
    """Commands that are on standard input before the machine starts reach the shell whole."""
    commands = "echo begin\necho $((6 * 7)) end\npoweroff\n"
    result = subprocess.run(context.driver.command(busybox()), input=commands.encode(), capture_output=True,
                            timeout=context.wait(60), check=False)
    output = result.stdout.decode(errors="replace").replace("\r", "")
    require(result.returncode == 0, f"exit code {result.returncode}:\n{output}")
    require("\nbegin\n" in output and "\n42 end\n" in output, f"commands were lost:\n{output}")


def reboot(context):
    """The guest's reboot starts the machine again, in place."""
    with context.start(busybox()) as console:
        for _ in range(2):
            console.expect(PROMPT, context.wait(60))
            console.send("reboot\n")
            console.expect("reboot: Restarting system", context.wait(30))
        console.expect(PROMPT, context.wait(60))
        power_off(console, context)


# ---- disks ----

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


def disk_write(context, smp=1, device="vda", interface="virtio", virtio="mmio"):
    """mkfs in the guest, a large file written, read back after a remount, and verified on the host."""
    image = context.scratch / "disk.raw"
    with open(image, "wb") as file:
        file.truncate(256 * MIB)
    size = 48
    disk = Disk(str(image), interface=interface)
    with context.start(busybox("riscv64-initrd", disks=(disk,), smp=smp, virtio=virtio)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(90))
        require(run(f"cat /sys/block/{device}/size") == str(256 * MIB // 512), "size of the disk")
        run(f"mke2fs -F /dev/{device} >/dev/null && mount -t ext4 /dev/{device} /mnt")
        run(f"dd if=/dev/urandom of=/tmp/block bs=1M count=4 2>/dev/null; for i in $(seq 1 {size // 4}); do cat /tmp/block; "
            "echo $i; done >/mnt/large")
        first = run("md5sum </mnt/large").split()[0]
        run("for i in $(seq 1 200); do mkdir -p /mnt/d/$i; echo $i >/mnt/d/$i/n; done; rm -r /mnt/d/1?")
        run(f"umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount -t ext4 -o ro /dev/{device} /mnt")
        require(run("md5sum </mnt/large").split()[0] == first, "the guest reads back something else")
        require(run("cat /mnt/d/*/n | wc -l").strip() == "190", "small files after the remount")
        run("umount /mnt")
        power_off(console, context)
    check_file_system(str(image))
    require(file_in_image(str(image), "/large", context.scratch) == first, "the host finds another content in the image")


def disk_journal(context):
    """An ext4 made on the host, with a journal; power-off with the file system mounted leaves a recoverable disk."""
    image = context.scratch / "disk.raw"
    subprocess.run([tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", str(image), "128M"], check=True,
                   stdout=subprocess.DEVNULL)
    with context.start(busybox("riscv64-initrd", disks=(Disk(str(image)),))) as console:
        console.expect(PROMPT, context.wait(60))
        console.run("mount -t ext4 /dev/vda /mnt && seq 1 200000 >/mnt/numbers && sync", timeout=context.wait(60))
        power_off(console, context)
    subprocess.run([tool("e2fsck", "e2fsprogs"), "-p", str(image)], capture_output=True, check=False)
    check_file_system(str(image))
    want = hashlib.md5("".join(f"{i}\n" for i in range(1, 200001)).encode()).hexdigest()
    require(file_in_image(str(image), "/numbers", context.scratch) == want, "synced data is not in the image")


def disk_qcow2(context):
    """A read-only qcow2 disk: contents as on the host, writes refused, the file untouched."""
    folder, raw, image = context.scratch / "root", context.scratch / "disk.raw", context.scratch / "disk.qcow2"
    folder.mkdir()
    sums = {name: checked_file(folder / name, size, name) for name, size in
            (("large", 24 * MIB), ("odd", 123457), ("small", 7))}
    subprocess.run([tool("mke2fs", "e2fsprogs"), "-q", "-F", "-t", "ext4", "-d", str(folder), str(raw), "96M"], check=True,
                   stdout=subprocess.DEVNULL)
    subprocess.run([tool("qemu-img", "qemu-utils"), "convert", "-O", "qcow2", str(raw), str(image)], check=True)
    before = hashlib.md5(image.read_bytes()).hexdigest()
    with context.start(busybox("riscv64-initrd", disks=(Disk(str(image), "qcow2", True),))) as console:
        console.expect(PROMPT, context.wait(60))
        require(console.run("cat /sys/block/vda/ro") == "1", "the guest does not see a read-only disk")
        console.run("mount -t ext4 -o ro /dev/vda /mnt")
        for name, want in sums.items():
            got = console.run(f"md5sum </mnt/{name}", timeout=context.wait(60)).split()[0]
            require(got == want, f"the file {name} of the qcow2 disk has another content")
        console.run("umount /mnt; ! dd if=/dev/zero of=/dev/vda bs=512 count=1 conv=fsync 2>/dev/null")
        power_off(console, context)
    require(hashlib.md5(image.read_bytes()).hexdigest() == before, "the read-only image has been changed")


# ---- interrupts ----

def messages(context, opensbi=False):
    """IMSIC and APLIC: MSI-X of NVMe and virtio on two harts, wires of the serial port, interrupts between harts."""
    image = context.scratch / "disk.raw"
    want = checked_file(image, 32 * MIB, 3)
    firmware = guests.product("riscv64-opensbi") if opensbi and context.driver.name == "mimus" else ""
    machine = busybox("riscv64-initrd", firmware=firmware, disks=(Disk(str(image), interface="nvme"),), network=True,
                      virtio="pci", aia="aplic-imsic", smp=2)
    with context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        require(run("md5sum </dev/nvme0n1").split()[0] == want, "the disk reads differently")
        run("netup; ping -c 2 -W 5 10.0.2.2")
        run("for i in $(seq 1 4); do (seq 1 3000 | sort -r | md5sum >/tmp/o$i) & done; wait")
        table = run("cat /proc/interrupts")
        for pattern in (r"[1-9]\d* +\d* *PCI-MSIX-\S+ +\d+ +Edge +nvme0q0", r"[1-9]\d* .*PCI-MSIX-\S+ +\d+ +Edge +virtio0-output",
                        r"[1-9]\d* .*APLIC-MSI\S* +10 Level .*ttyS0", r"IPI1: +[1-9]"):
            require(re.search(pattern, table), f"no interrupts like {pattern} in\n{table}")
        require("SiFive PLIC" not in table, "there is a PLIC")
        power_off(console, context)


def hot_reset(context):
    """An NVMe controller behind a root port goes on after a secondary bus reset and a function-level reset."""
    image = context.scratch / "disk.raw"
    want = checked_file(image, 16 * MIB, 4)
    machine = busybox("riscv64-initrd", disks=(Disk(str(image), interface="nvme"),), virtio="pci", ports=True)
    with context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        run("cd /sys/bus/pci/devices/*/nvme/..")
        for method in ("bus", "flr"):
            run(f"echo {method} >reset_method && echo 1 >reset")
            run("echo 3 >/proc/sys/vm/drop_caches")
            require(run("md5sum </dev/nvme0n1").split()[0] == want, f"the disk reads differently after reset by {method}")
        power_off(console, context)


# ---- network ----

class Files(BaseHTTPRequestHandler):
    """Serves the bytes in `content`, whatever the path."""

    content = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


class Server:
    """An HTTP server on the host's loopback for the duration of a `with` block."""

    def __init__(self, content, address="127.0.0.1"):
        handler = type("Handler", (Files,), {"content": content})
        kind = type("HttpServer", (ThreadingHTTPServer,), {"address_family": socket.AF_INET6 if ":" in address else socket.AF_INET})
        self._server = kind((address, 0), handler)
        self.port = self._server.server_address[1]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


def fetch_from_guest(port, timeout):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/file", timeout=timeout) as answer:
        return answer.read()


def network(context, smp=1):
    """The guest fetches from a server on the host's loopback; the host fetches from the guest through a forward."""
    content = random.Random(1).randbytes(6 * MIB)
    port = free_port()
    machine = busybox("riscv64-initrd", network=True, forwards=((port, 80),), smp=smp)
    with Server(content) as server, context.start(machine) as console:
        console.expect(PROMPT, context.wait(60))
        console.run("netup", timeout=context.wait(30))
        run = partial(console.run, timeout=context.wait(60))
        require("10.0.2.15" in run("ip addr show eth0"), "DHCP did not give 10.0.2.15")
        run(f"mkdir -p /www; wget -q -O /www/file http://10.0.2.2:{server.port}/file")
        require(run("md5sum </www/file").split()[0] == hashlib.md5(content).hexdigest(), "the download is damaged")
        run("httpd -p 80 -h /www")
        for _ in range(2):
            require(fetch_from_guest(port, context.wait(30)) == content, "what the host gets from the guest is damaged")
        run("ping -c 2 -W 5 10.0.2.2")
        power_off(console, context)


def network_ipv6(context):
    """The guest takes an address of its own from the router's advertisement and reaches the host's ::1."""
    content = random.Random(2).randbytes(2 * MIB)
    try:
        server = Server(content, "::1")
    except OSError as error:
        raise Missing(f"::1 on the host ({error})") from error
    with server, context.start(busybox("riscv64-initrd", network=True)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(60))
        # The guest's start asks for an IPv4 address and flushes all others. After that, the router is asked again.
        run("while ps | grep -q '[u]dhcpc'; do sleep 0.1; done; ip link set eth0 down; ip link set eth0 up")
        run("for i in $(seq 1 50); do ip -6 addr show eth0 | grep -v tentative | grep -q fec0: && break; sleep 0.2; done; "
            "ip -6 addr show eth0 | grep fec0:")
        run("ping6 -c 2 -W 5 fec0::2")
        run(f"wget -q -O /tmp/file 'http://[fec0::2]:{server.port}/file'")
        require(run("md5sum </tmp/file").split()[0] == hashlib.md5(content).hexdigest(), "the download is damaged")
        power_off(console, context)


def network_link(context):
    """Two machines on a cable, one of them with two NICs and a capture file."""
    cable, capture = f"link={context.scratch}/cable", context.scratch / "net.pcap"
    first = busybox("riscv64-initrd", nets=(f"user,pcap={context.scratch}/user.pcap", f"{cable},pcap={capture}"))
    second = busybox("riscv64-initrd", nets=(cable,), virtio="pci")
    with context.start(first) as a, context.start(second) as b:
        for console, device, address in ((a, "eth1", 1), (b, "eth0", 2)):
            console.expect(PROMPT, context.wait(60))
            console.run(f"ip addr add 192.168.7.{address}/24 dev {device}; ip link set {device} up")
        a.run("mkdir -p /www; seq 1 300000 >/www/file; httpd -p 80 -h /www", timeout=context.wait(60))
        b.run("ping -c 2 -W 5 192.168.7.1", timeout=context.wait(30))
        b.run("wget -q -O /tmp/file http://192.168.7.1/file", timeout=context.wait(60))
        sums = [console.run(f"md5sum <{path}").split()[0] for console, path in ((a, "/www/file"), (b, "/tmp/file"))]
        require(sums[0] == sums[1], "the file is damaged")
        a.process.kill()  # the capture is whole, however the run ends
        b.run("! ping -c 1 -W 1 192.168.7.1 >/dev/null")
        power_off(b, context)
    packets, last = read_capture(capture)
    require(packets > 100 and last == capture.stat().st_size, f"the capture holds {packets} packets, {last} bytes of it whole")


def read_capture(path):
    """Number of packets in a capture file, and where the last whole one ends."""
    data = path.read_bytes()
    require(data[:4] == b"\x4d\x3c\xb2\xa1" and data[20:24] == b"\1\0\0\0", "header of the capture file")
    packets, at = 0, 24
    while at + 16 <= len(data) and at + 16 + int.from_bytes(data[at + 8:at + 12], "little") <= len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        packets += 1
    return packets, at


# ---- firmware ----

def uboot(context, opensbi=False):
    """Firmware (the built-in one or OpenSBI), then U-Boot, then the kernel from a virtio disk."""
    image = context.scratch / "disk.raw"
    shutil.copyfile(guests.product("riscv64-uboot-disk"), image)
    opensbi = opensbi or context.driver.name != "mimus"
    firmware = guests.product("riscv64-opensbi") if opensbi and context.driver.name == "mimus" else ""
    machine = Machine(firmware=firmware, kernel=guests.product("riscv64-uboot"), disks=(Disk(str(image)),), memory="1G")
    with context.start(machine) as console:
        if opensbi:
            console.expect(r"OpenSBI v\d", context.wait(20))
        console.expect(r"U-Boot \d{4}", context.wait(30))
        console.expect(r"Linux version \d", context.wait(60))
        console.expect(PROMPT, context.wait(60))
        require(console.run("uname -m") == "riscv64", "uname -m is not riscv64")
        power_off(console, context)


def efi_machine(context, disks=(), **more):
    """EDK2 in flash with a fresh variable store, GRUB on the first disk, everything on PCI."""
    image, variables = context.scratch / "grub.raw", context.scratch / "vars.fd"
    shutil.copyfile(guests.product("riscv64-grub-disk"), image)
    code = Path(guests.product("riscv64-edk2"))
    shutil.copyfile(code.with_name("RISCV_VIRT_VARS.fd"), variables)
    return Machine(flash=(str(code), str(variables)), disks=(Disk(str(image)), *disks), virtio="pci", memory="1G", **more)


def efi_grub(context):
    """EDK2 in flash, GRUB from the disk's EFI system partition, the kernel; a variable survives into the next run."""
    name = "/sys/firmware/efi/efivars/Mimus-12345678-1234-1234-1234-123456789abc"
    machine = efi_machine(context)
    for again in (False, True):
        with context.start(machine) as console:
            console.expect("GNU GRUB", context.wait(60))
            console.expect(r"Linux version \d", context.wait(60))
            console.expect(PROMPT, context.wait(60))
            console.run("mount -t efivarfs efivarfs /sys/firmware/efi/efivars")
            if again:
                require("kept" in console.run(f"tail -c 4 {name}"), "the variable did not survive")
            else:
                console.run(f"printf '\\007\\000\\000\\000kept' >{name}")
            power_off(console, context)


def opensbi(context, smp=1):
    """The kernel under OpenSBI instead of the built-in firmware."""
    firmware = guests.product("riscv64-opensbi") if context.driver.name == "mimus" else ""
    with context.start(busybox(firmware=firmware, smp=smp)) as console:
        console.expect(r"OpenSBI v\d", context.wait(20))
        console.expect(PROMPT, context.wait(60))
        require(console.run("nproc") == str(smp), f"the guest does not see {smp} harts")
        power_off(console, context)


# ---- Debian ----

def installer(context):
    """Debian's installer to its first dialogue."""
    folder = Path(guests.product("riscv64-installer"))
    machine = Machine(kernel=str(folder / "Image"), initrd=str(folder / "initrd.gz"), memory="1G",
                      append="console=ttyS0 panic=-1")
    with context.start(machine) as console:
        console.expect(r"Starting system log daemon|debconf|Select a language|Choose the language", context.wait(150))
        console.expect(r"(?i)select a language|choose the language", context.wait(90))


GRUB_ENTRIES = {"virtio": 1, "nvme": 2}  # places in the menu of riscv64-grub-disk


def debian(context, smp=2, efi=""):
    """Debian 13 with systemd from a disk to its login; network both ways; a large file; a clean file system.

    With `efi` UEFI firmware and GRUB start it, its disk being on that interface."""
    image = context.scratch / "disk.raw"
    product = guests.product("riscv64-debian-disk", fetch=os.environ.get("MIMUS_MAKE_DEBIAN") == "1")
    subprocess.run(["cp", "--sparse=always", product, str(image)], check=True)
    content = random.Random(2).randbytes(8 * MIB)
    port = free_port()
    common = {"smp": smp, "network": True, "forwards": ((port, 8080),)}
    if efi:
        machine = efi_machine(context, (Disk(str(image), interface=efi),), **common)
    else:
        machine = Machine(kernel=guests.product("riscv64-linux"), initrd=guests.product("riscv64-initrd"), memory="1G",
                          append="console=ttyS0 panic=-1 mimus.root=/dev/vda1", disks=(Disk(str(image)),), **common)
    with Server(content) as server, context.start(machine) as console:
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


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario("shell-interp", shell, "busybox shell, interpreter", "interp", 6, 420),
    Scenario("shell-baseline", shell, "busybox shell, baseline", "baseline"),
    Scenario("shell-llvm", shell, "busybox shell, LLVM above the interpreter", "llvm", 6, 420),
    Scenario("shell-auto", shell, "busybox shell, all engines together"),
    Scenario("shell-baseline-smp4", partial(shell, smp=4), "busybox shell on 4 harts, baseline", "baseline"),
    Scenario("shell-auto-smp4", partial(shell, smp=4), "busybox shell on 4 harts"),
    Scenario("saved", saved, "busybox shell twice, the second time from kept translations"),
    Scenario("piped", piped, "commands piped in before the start"),
    Scenario("reboot", reboot, "the guest's reboot command, twice"),
    Scenario("opensbi-smp4", partial(opensbi, smp=4), "the kernel under OpenSBI on 4 harts"),
    Scenario("uboot", uboot, "built-in firmware, U-Boot, the kernel from a disk", timeout=180),
    Scenario("opensbi-uboot", partial(uboot, opensbi=True), "OpenSBI, U-Boot, the kernel from a disk", timeout=180),
    Scenario("efi-grub", efi_grub, "EDK2 in flash, GRUB, the kernel; a variable that survives", timeout=240),
    Scenario("disk-write", disk_write, "mkfs, a large file, verified by guest and host"),
    Scenario("disk-pci", partial(disk_write, virtio="pci"), "the same on virtio over PCI"),
    Scenario("disk-nvme", partial(disk_write, device="nvme0n1", interface="nvme"), "the same on NVMe"),
    Scenario("disk-journal", disk_journal, "ext4 with a journal, power-off while mounted"),
    Scenario("disk-qcow2", disk_qcow2, "a read-only qcow2 disk"),
    Scenario("disk-write-smp4", partial(disk_write, smp=4), "the same on 4 harts", long=True),
    Scenario("hot-reset", hot_reset, "an NVMe controller behind a root port, reset in operation"),
    Scenario("messages", messages, "AIA: MSI-X, wires and interrupts between harts by IMSICs"),
    Scenario("messages-opensbi", partial(messages, opensbi=True), "the same, set up by OpenSBI", long=True),
    Scenario("network", network, "HTTP both ways through the NAT"),
    Scenario("network-smp4", partial(network, smp=4), "the same on 4 harts", long=True),
    Scenario("network-ipv6", network_ipv6, "HTTP over IPv6 through the NAT"),
    Scenario("network-link", network_link, "two machines on a cable, packet capture"),
    Scenario("installer", installer, "Debian's installer to its first dialogue", timeout=300),
    Scenario("debian", debian, "Debian 13 with systemd: login, network, files, power-off", timeout=1500, long=True),
    Scenario("debian-baseline", debian, "the same, baseline", "baseline", timeout=1500, long=True),
    Scenario("efi-debian", partial(debian, efi="virtio"), "the same, started by EDK2 and GRUB, on virtio over PCI",
             timeout=1500, long=True),
    Scenario("efi-debian-nvme", partial(debian, efi="nvme"), "the same on NVMe", timeout=1500, long=True),
    Scenario("debian-smp4", partial(debian, smp=4), "the same on 4 harts", timeout=1500, long=True),
)}
