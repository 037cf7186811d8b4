#!/usr/bin/env python3
"""Side by side with the rival and the host: boot to power-off, and benchmark kernels inside the guest.

Each round runs every side once, one after the other, so that a disturbance of the host hits all of them. The figures
are medians over the rounds. Inside the guest the clock is the host's time on both sides; beside it stands the ratio of
processor time, of the thread that runs the guest, which others on a busy host disturb less. Checksums of the kernels must
be those of the native program. Nothing here fails because something is slow; a side that crashes, hangs or computes
something else is reported and makes the exit status 1.
"""

import argparse
import json
import os
import platform
import re
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import guests  # noqa: E402
from harness.console import Console, ConsoleError  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness.machine import ENGINES, SOURCE, Machine, Mimus, Missing, Qemu, find_mimus  # noqa: E402

KERNELS = Path(__file__).resolve().parent / "kernels"
NAMES = ("core_mix", "n_body", "matrix_float", "matrix_int", "hash_table", "sieve", "sort_calls", "sha256", "bytecode",
         "memory_string", "virtual_calls", "system_calls")
FLAGS = ["-O2", "-ffp-contract=off", "-static"]
TARGETS = {  # mimus / qemu
    "riscv64": {"boot": 0.75, "core_mix": 0.7, "n_body": 0.4},
    "aarch64": {"boot": 0.75, "core_mix": 0.7, "n_body": 0.4, "system_calls": 0.1},
}
SCRIPT = """#!/bin/sh
scale=$1; shift
for name; do echo "bench: $name"; bench -s $scale $name; done
"""  # a script, as the kernel takes no more than 32 words for process 1
ROW = re.compile(r"^bench (\w+) ([0-9.]+) ([0-9a-f]{16})\r?$", re.M)


def say(text):
    print(text, file=sys.stderr, flush=True)


def thread_seconds(pid):
    """Processor time of each thread of a process."""
    seconds = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            seconds[thread.name] = int((thread / "schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError):
            pass  # it has ended
    return seconds


def busiest(before, after):
    return max((seconds - before.get(thread, 0) for thread, seconds in after.items()), default=None)


class Results:
    """Samples in seconds per (side, what), checksums, and troubles. `cpu` holds processor time in the same way."""

    def __init__(self):
        self.samples, self.cpu, self.checksums, self.troubles = {}, {}, {}, []

    def add(self, side, what, seconds, checksum=None):
        self.samples.setdefault(side, {}).setdefault(what, []).append(seconds)
        known = self.checksums.setdefault(what, checksum)
        if checksum != known:
            self.trouble(side, f"{what}: checksum {checksum}, the host's is {known}")

    def trouble(self, side, text):
        self.troubles.append(f"{side}: {text}")
        say(f"  TROUBLE {side}: {text}")

    def add_cpu(self, side, what, seconds):
        if seconds is not None:
            self.cpu.setdefault(side, {}).setdefault(what, []).append(seconds)

    def median(self, side, what, samples=None):
        samples = (self.samples if samples is None else samples).get(side, {}).get(what)
        return statistics.median(samples) if samples else None

    def ratio(self, side, other, what, samples=None):
        a, b = self.median(side, what, samples), self.median(other, what, samples)
        return a / b if a and b else None


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.results = Results()
        sources = sorted(KERNELS.glob("*.c"))
        self.native = compile_program(options.host_cc, sources, scratch / "bench-native", FLAGS, ["-lm"])
        self.arch = guests.ISAS[options.isa]
        guest = compile_program(f"{options.isa}-linux-gnu-gcc", sources, scratch / "bench-guest", FLAGS, ["-lm"])
        self.kernel = guests.product(f"{self.arch.debian}-linux")
        self.small = guests.product(f"{self.arch.debian}-busybox")
        self.initrd = guests.initrd_with(self.small, {"bin/bench": (Path(guest).read_bytes(), 0o755),
                                                      "bin/benches": (SCRIPT.encode(), 0o755)}, scratch / "bench.cpio.gz")
        self.sides = [Mimus(find_mimus(options.mimus), engine) for engine in options.engines]
        try:
            self.sides.append(Qemu(options.isa))
        except Missing as reason:
            say(f"bench: without the rival: {reason}")

    def machine(self, initrd, command):
        return Machine(isa=self.arch.isa, kernel=self.kernel, initrd=initrd,
                       append=f"console={self.arch.console} quiet panic=-1 -- {command}")

    def boot(self, side):
        machine = self.machine(self.small, "true")
        try:
            with Console(side.command(machine)) as console:
                console.expect("guest: exit status 0", self.options.timeout)
                wall = console.finish(30)
            self.results.add(side.title(), "boot", wall)
            say(f"  {side.title():16} boot {wall:8.3f} s")
        except ConsoleError as error:
            self.results.trouble(side.title(), f"boot: {error}")

    def run_native(self):
        with Console([self.native, "-s", str(self.options.scale), *self.options.kernels]) as console:
            console.finish(600)
            for name, seconds, checksum in ROW.findall(console.transcript):
                self.results.add("native", name, float(seconds), checksum)
        say("  native           kernels done")

    def run_kernels(self, side):
        """All kernels in one guest; when one of them ends the emulator, the rest in a new one."""
        left = list(self.options.kernels)
        while left:
            lost = self.run_guest(side, left)
            left = left[left.index(lost) + 1:] if lost else []

    def run_guest(self, side, names):
        """Returns the kernel at which the guest was lost, or None if that was at none of them."""
        words = " ".join([str(self.options.scale), *names])
        machine = self.machine(self.initrd, f"benches {words}")
        current = None
        try:
            with Console(side.command(machine)) as console:
                for name in names:
                    console.expect(rf"bench: {name}\r?\n", self.options.timeout)
                    current, before = name, thread_seconds(console.process.pid)
                    match = console.expect(rf"bench {current} ([0-9.]+) ([0-9a-f]+)\r?\n", self.options.timeout)
                    self.results.add_cpu(side.title(), current, busiest(before, thread_seconds(console.process.pid)))
                    self.results.add(side.title(), current, float(match[1]), match[2])
                    say(f"  {side.title():16} {current:14} {float(match[1]):8.3f} s")
                current = None
                console.finish(60)
        except ConsoleError as error:
            self.results.trouble(side.title(), f"{current or 'start or end of the guest'}: {error}")
        return current

    def run(self):
        for number in range(1, self.options.rounds + 1):
            say(f"round {number} of {self.options.rounds}")
            order = self.sides if number % 2 else self.sides[::-1]
            for side in order:
                self.boot(side)
            if self.options.kernels:
                self.run_native()
            for side in order:
                if self.options.kernels:
                    self.run_kernels(side)


def number(value, form="{:.2f}"):
    return "-" if value is None else form.format(value)


def report(results, engines, kernels, targets):
    """The table, as lines; and its rows for the JSON file."""
    lines, rows = [], []
    for engine in engines:
        side = f"mimus {engine}"
        lines += ["", f"{side}, seconds (medians) and ratios",
                  f"{'':15}{'native':>9}{'qemu':>9}{'mimus':>9}{'mimus/qemu':>12}{'in CPU time':>13}{'mimus/native':>14}{'qemu/native':>13}  target"]
        for what in ("boot", *kernels):
            row = {"engine": engine, "what": what, "native": results.median("native", what),
                   "qemu": results.median("qemu", what), "mimus": results.median(side, what),
                   "mimus_qemu": results.ratio(side, "qemu", what),
                   "mimus_qemu_cpu": results.ratio(side, "qemu", what, results.cpu), "mimus_native": results.ratio(side, "native", what),
                   "qemu_native": results.ratio("qemu", "native", what), "target": targets.get(what)}
            rows.append(row)
            mark = ""
            if row["target"] is not None:
                ratio = row["mimus_qemu"]
                verdict = "not measured" if ratio is None else "met" if ratio <= row["target"] else "MISSED"
                mark = f"<= {row['target']:.2f} {verdict}"
            lines.append(f"{what:15}{number(row['native'], '{:.3f}'):>9}{number(row['qemu'], '{:.3f}'):>9}"
                         f"{number(row['mimus'], '{:.3f}'):>9}{number(row['mimus_qemu']):>12}"
                         f"{number(row['mimus_qemu_cpu']):>13}{number(row['mimus_native']):>14}{number(row['qemu_native']):>13}  {mark}".rstrip())
        ratios = [row["mimus_qemu"] for row in rows if row["engine"] == engine and row["what"] != "boot" and row["mimus_qemu"]]
        if ratios:
            lines.append(f"{'geometric mean':42}{statistics.geometric_mean(ratios):12.2f}   (kernels)")
    if results.troubles:
        lines += ["", f"{len(results.troubles)} trouble(s); each in full above:"]
        lines += ["  " + text.split("\n")[0] for text in results.troubles]
    return lines, rows


def host():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {"cpu": model[1] if model else platform.machine(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--isa", choices=TARGETS, default="riscv64", help="of the guest (default: riscv64)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, the kernels with a target only")
    parser.add_argument("--engines", default="auto", help="list of interp, baseline, llvm, auto (default: auto)")
    parser.add_argument("--kernels", default=None, help="list of kernels; 'none': the boot alone")
    parser.add_argument("--scale", type=int, default=1, help="how often each kernel does its work (default: 1)")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one boot or kernel (default: 300)")
    parser.add_argument("--mimus", help="the program to measure (default: $MIMUS or the release build)")
    parser.add_argument("--host-cc", default="cc")
    parser.add_argument("--json", help="default: build/bench-system-ISA.json")
    options = parser.parse_args()
    options.engines = options.engines.split(",")
    options.targets = TARGETS[options.isa]
    options.json = options.json or str(SOURCE / "build" / f"bench-system-{options.isa}.json")
    if options.quick:
        options.rounds = 1
    if options.kernels is None:
        options.kernels = [n for n in NAMES if n in options.targets] if options.quick else list(NAMES)
    else:
        options.kernels = [] if options.kernels == "none" else options.kernels.split(",")
    for given, known in ((options.engines, ENGINES), (options.kernels, NAMES)):
        unknown = set(given) - set(known)
        if unknown:
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    return options


def main():
    options = parse()
    facts = {"isa": options.isa, "host": host(), "rounds": options.rounds, "scale": options.scale, "started": time.strftime("%FT%T%z")}
    with tempfile.TemporaryDirectory(prefix="mimus-bench-") as scratch:
        bench = Bench(options, Path(scratch))
        bench.run()
    lines, rows = report(bench.results, options.engines, options.kernels, options.targets)
    print(f"{facts['host']['cpu']}, {facts['host']['cpus']} CPUs, {options.rounds} round(s)")
    print("\n".join(lines).lstrip("\n"))
    out = Path(options.json)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(facts | {"rows": rows, "samples": bench.results.samples,
                                       "cpu_samples": bench.results.cpu, "troubles": bench.results.troubles}, indent=1) + "\n")
    say(f"written: {out}")
    return 1 if bench.results.troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Missing, CompileError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
