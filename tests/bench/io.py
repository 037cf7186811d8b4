#!/usr/bin/env python3
"""Disk and network rates inside the guest, side by side with the rival.

What fio and iperf3 measure, by a small program of our own (tests/bench/io/iobench.c): asynchronous direct I/O on an empty
raw disk, and TCP through the user-mode network to a peer on the host's loopback. Each round starts every side once, one
after the other, in turns of order; the figures are medians over the rounds, in MB/s, or in thousands per second for small
operations. Nothing here fails because something is slow; what breaks is reported and makes the exit status 1.
"""

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import guests  # noqa: E402
from harness.console import Console, ConsoleError  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness.machine import SOURCE, Disk, Machine, Mimus, Missing, Qemu, find_mimus  # noqa: E402

from process import say  # noqa: E402

PROGRAM = Path(__file__).resolve().parent / "io" / "iobench.c"
TARGET = 1.3  # mimus / qemu
DISK_BYTES = 512 << 20
PROMPT = r"\n[^\n]*# "


@dataclass(frozen=True)
class Job:
    """One measurement: what the guest runs, and whether operations or bytes count."""

    name: str
    words: str          # {device} {port} {seconds} are filled in
    operations: bool = False


def disk_job(name, way, order, block, depth, operations=False):
    return Job(name, f"disk {{device}} {way} {order} {block} {depth} {{seconds}}", operations)


JOBS = (
    disk_job("seq-write", "write", "seq", 128 << 10, 8),
    disk_job("seq-read", "read", "seq", 128 << 10, 8),
    disk_job("random-read", "read", "random", 4096, 16, True),
    disk_job("random-write", "write", "random", 4096, 16, True),
    disk_job("random-read-1", "read", "random", 4096, 1, True),
    disk_job("random-write-1", "write", "random", 4096, 1, True),
    Job("net-receive", "net receive 10.0.2.2 {port} {seconds}"),
    Job("net-send", "net send 10.0.2.2 {port} {seconds}"),
    Job("net-turns", "net turns 10.0.2.2 {port} {seconds}", True),
)


class Peer:
    """The host's end of the network jobs: reads a letter that says what the guest does, then does the opposite."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._socket.accept()
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    @staticmethod
    def _talk(connection):
        buffer = bytearray(1 << 20)
        try:
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                mode = connection.recv(1)
                while True:
                    if mode == b"r":
                        connection.sendall(buffer)
                    else:
                        count = connection.recv_into(buffer)
                        if count == 0:
                            return
                        if mode == b"t":
                            connection.sendall(buffer[:count])
        except OSError:
            pass  # the guest has what it wanted


class Bench:
    def __init__(self, options, scratch):
        self.options, self.samples, self.troubles = options, {}, []
        program = compile_program("riscv64-linux-gnu-gcc", [PROGRAM], scratch / "iobench", ["-O2", "-static"])
        self.kernel = guests.product("riscv64-linux")
        self.initrd = guests.initrd_with(guests.product("riscv64-initrd"),
                                         {"bin/iobench": (Path(program).read_bytes(), 0o755)}, scratch / "io.cpio.gz")
        self.image = scratch / "disk.raw"
        self.image.write_bytes(bytes(DISK_BYTES))  # allocated: both sides overwrite
        self.peer = Peer()
        self.sides = [Mimus(find_mimus(options.mimus))]
        try:
            self.sides.append(Qemu())
        except Missing as reason:
            say(f"bench: without the rival: {reason}")

    def machine(self):
        return Machine(kernel=self.kernel, initrd=self.initrd, append="console=ttyS0 quiet panic=-1", network=True,
                       disks=(Disk(str(self.image), interface=self.options.interface),), virtio=self.options.virtio,
                       smp=self.options.smp)

    def run_side(self, side):
        device = "/dev/nvme0n1" if self.options.interface == "nvme" else "/dev/vda"
        try:
            with Console(side.command(self.machine())) as console:
                console.expect(PROMPT, 120)
                console.run("netup")
                console.run(f"iobench check {device}", timeout=120)
                for job in self.options.jobs:
                    words = job.words.format(device=device, port=self.peer.port, seconds=self.options.seconds)
                    answer = console.run(f"iobench {words}", timeout=60 + 20 * self.options.seconds)
                    operations, count, seconds = answer.split("rate ")[1].split()[:3]
                    rate = float(operations) / 1e3 if job.operations else float(count) / 1e6
                    self.samples.setdefault(side.name, {}).setdefault(job.name, []).append(rate / float(seconds))
                    say(f"  {side.title():12} {job.name:16} {rate / float(seconds):10.2f}")
                console.send("poweroff\n")
                console.finish(30)
        except (ConsoleError, IndexError, ValueError) as error:
            self.troubles.append(f"{side.title()}: {error}")
            say(f"  TROUBLE {self.troubles[-1]}")

    def run(self):
        for number in range(1, self.options.rounds + 1):
            say(f"round {number} of {self.options.rounds}")
            for side in self.sides if number % 2 else self.sides[::-1]:
                self.run_side(side)

    def median(self, side, name):
        samples = self.samples.get(side, {}).get(name)
        return statistics.median(samples) if samples else None

    def rows(self):
        for job in self.options.jobs:
            mimus, qemu = self.median("mimus", job.name), self.median("qemu", job.name)
            yield {"what": job.name, "unit": "k/s" if job.operations else "MB/s", "mimus": mimus, "qemu": qemu,
                   "ratio": mimus / qemu if mimus and qemu else None, "target": TARGET}


def table(rows):
    lines = [f"{'':16}{'unit':>6}{'qemu':>10}{'mimus':>10}{'mimus/qemu':>12}  target >= {TARGET}"]
    for row in rows:
        cells = "".join(f"{'-' if row[name] is None else format(row[name], '.2f'):>{width}}"
                        for name, width in (("qemu", 10), ("mimus", 10), ("ratio", 12)))
        verdict = "not measured" if row["ratio"] is None else "met" if row["ratio"] >= TARGET else "MISSED"
        lines.append(f"{row['what']:16}{row['unit']:>6}{cells}  {verdict}")
    return lines


def parse():
    names = [job.name for job in JOBS]
    parser = argparse.ArgumentParser(prog="./dev bench io", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="of each measurement (default: 2)")
    parser.add_argument("--jobs", default=",".join(names), help=f"list of {', '.join(names)}")
    parser.add_argument("--virtio", choices=("mmio", "pci"), default="mmio")
    parser.add_argument("--interface", choices=("virtio", "nvme"), default="virtio", help="of the disk")
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--mimus", help="the program to measure (default: $MIMUS or the release build)")
    parser.add_argument("--json", default=str(SOURCE / "build" / "bench-io.json"))
    options = parser.parse_args()
    wanted = options.jobs.split(",")
    unknown = set(wanted) - set(names)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    options.jobs = [job for job in JOBS if job.name in wanted]
    return options


def main():
    options = parse()
    started, load = time.strftime("%FT%T%z"), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mimus-bench-") as scratch:
        bench = Bench(options, Path(scratch))
        bench.run()
    rows = list(bench.rows())
    print(f"{os.cpu_count()} CPUs, {options.rounds} round(s) of {options.seconds} s, virtio on {options.virtio}, "
          f"disk {options.interface}, {options.smp} hart(s)")
    print("\n".join(table(rows)))
    out = Path(options.json)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({"started": started, "load": load, "rows": rows, "samples": bench.samples,
                               "troubles": bench.troubles}, indent=1) + "\n")
    say(f"written: {out}")
    return 1 if bench.troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Missing, CompileError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
