#!/usr/bin/env python3
"""Side by side with the rival and the host: boot to power-off, and benchmark kernels inside the guest.

Each round runs every side once, one after the other, so that a disturbance of the host hits all of them. The figures
are medians over the rounds. Inside the guest the clock is the host's time on both sides; beside it stands the ratio of
processor time, of the thread that runs the guest (a boot: of the whole process), which others on a busy host disturb less. With --seconds every kernel
does as much work as keeps the host busy for so long, so that what is compiled for long runs counts. Checksums of the
kernels must be those of the native program. Nothing here fails because something is slow; a side that crashes, hangs or computes
something else is reported and makes the exit status 1.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import guests  # noqa: E402
from harness.console import Console, ConsoleError  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness.machine import ENGINES, SOURCE, Machine, Mimus, Missing, Qemu, find_mimus  # noqa: E402

from process import say  # noqa: E402
from report import host  # noqa: E402
from workloads import KERNEL_FLAGS  # noqa: E402

KERNELS = Path(__file__).resolve().parent / "kernels"
NAMES = ("core_mix", "n_body", "matrix_float", "matrix_int", "hash_table", "sieve", "sort_calls", "sha256", "bytecode",
         "memory_string", "virtual_calls", "system_calls")
TARGETS = {  # mimus / qemu
    "riscv64": {"boot": 0.75, "core_mix": 0.7, "n_body": 0.4},
    "aarch64": {"boot": 0.75, "core_mix": 0.7, "n_body": 0.4, "system_calls": 0.1},
}
NATIVE_TARGETS = {"core_mix": 3.0, "hash_table": 4.0, "n_body": 2.5, "matrix_float": 2.5}  # mimus / native
MOST_WORK = 64  # times its usual work, for a kernel that should run longer
SCRIPT = """#!/bin/sh
for word; do echo "bench: ${word%%:*}"; bench -s ${word##*:} ${word%%:*}; done
"""  # a script, as the kernel takes no more than 32 words for process 1
ROW = re.compile(r"^bench (\w+) ([0-9.]+) ([0-9a-f]{16})\r?$", re.M)


def thread_seconds(pid):
    """Processor time of each thread of a process."""
    seconds = {}
    for thread in Path(f"/proc/{pid}/task").iterdir():
        try:
            seconds[thread.name] = int((thread / "schedstat").read_text().split()[0]) / 1e9
        except (OSError, ValueError):
            pass  # it has ended
    return seconds


def children_seconds():
    """Processor time of the children that have ended."""
    times = os.times()
    return times.children_user + times.children_system


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
        self.scales = dict.fromkeys(options.kernels, options.scale)
        sources = sorted(KERNELS.glob("*.c"))
        self.native = compile_program(options.host_cc, sources, scratch / "bench-native", KERNEL_FLAGS, ["-lm"])
        self.arch = guests.ISAS[options.isa]
        guest = compile_program(f"{options.isa}-linux-gnu-gcc", sources, scratch / "bench-guest", KERNEL_FLAGS, ["-lm"])
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
        before = children_seconds()
        try:
            with Console(side.command(machine)) as console:
                console.expect("guest: exit status 0", self.options.timeout)
                wall = console.finish(30)
            self.results.add(side.title(), "boot", wall)
            self.results.add_cpu(side.title(), "boot", children_seconds() - before)
            say(f"  {side.title():16} boot {wall:8.3f} s")
        except ConsoleError as error:
            self.results.trouble(side.title(), f"boot: {error}")

    def run_native_kernel(self, name, scale):
        """Seconds, processor time, checksum."""
        before = children_seconds()
        out = subprocess.run([self.native, "-s", str(scale), name], capture_output=True, text=True, check=True, timeout=600)
        row = ROW.search(out.stdout)
        return float(row[2]), children_seconds() - before, row[3]

    def find_scales(self):
        for name in self.scales:
            once = min(self.run_native_kernel(name, 1)[1] for _ in range(2))
            self.scales[name] = max(1, min(MOST_WORK, round(self.options.seconds / max(once, 0.01))))

    def run_native(self):
        for name, scale in self.scales.items():
            seconds, cpu, checksum = self.run_native_kernel(name, scale)
            self.results.add("native", name, seconds, checksum)
            self.results.add_cpu("native", name, cpu)
        say("  native           kernels done")

    def run_kernels(self, side):
        """All kernels in one guest; when one of them ends the emulator, the rest in a new one."""
        left = list(self.options.kernels)
        while left:
            lost = self.run_guest(side, left)
            left = left[left.index(lost) + 1:] if lost else []

    def run_guest(self, side, names):
        """Returns the kernel at which the guest was lost, or None if that was at none of them."""
        words = " ".join(f"{name}:{self.scales[name]}" for name in names)
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
        if self.options.seconds:
            self.find_scales()
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


def verdict(ratio, target, of):
    if target is None:
        return ""
    return f"<= {target:.2f} {of} " + ("not measured" if ratio is None else "met" if ratio <= target else "MISSED")


def report(results, engines, kernels, targets):
    """The table, as lines; and its rows for the JSON file."""
    lines, rows = [], []
    for engine in engines:
        side = f"mimus {engine}"
        lines += ["", f"{side}, seconds (medians) and ratios",
                  f"{'':15}{'native':>9}{'qemu':>9}{'mimus':>9}{'mimus/qemu':>12}{'in CPU time':>13}{'mimus/native':>14}{'in CPU time':>13}{'qemu/native':>13}  targets"]
        for what in ("boot", *kernels):
            ratio = lambda a, b, cpu=False: results.ratio(a, b, what, results.cpu if cpu else None)
            row = {"engine": engine, "what": what, "native": results.median("native", what),
                   "qemu": results.median("qemu", what), "mimus": results.median(side, what),
                   "mimus_qemu": ratio(side, "qemu"), "mimus_qemu_cpu": ratio(side, "qemu", True),
                   "mimus_native": ratio(side, "native"), "mimus_native_cpu": ratio(side, "native", True),
                   "qemu_native": ratio("qemu", "native"), "target": targets.get(what),
                   "native_target": NATIVE_TARGETS.get(what)}
            rows.append(row)
            marks = [verdict(row["mimus_qemu"], row["target"], "qemu"),
                     verdict(row["mimus_native"], row["native_target"], "native")]
            lines.append(f"{what:15}{number(row['native'], '{:.3f}'):>9}{number(row['qemu'], '{:.3f}'):>9}"
                         f"{number(row['mimus'], '{:.3f}'):>9}{number(row['mimus_qemu']):>12}"
                         f"{number(row['mimus_qemu_cpu']):>13}{number(row['mimus_native']):>14}"
                         f"{number(row['mimus_native_cpu']):>13}{number(row['qemu_native']):>13}  {', '.join(m for m in marks if m)}".rstrip())
        ratios = [row["mimus_qemu"] for row in rows if row["engine"] == engine and row["what"] != "boot" and row["mimus_qemu"]]
        if ratios:
            lines.append(f"{'geometric mean':42}{statistics.geometric_mean(ratios):12.2f}   (kernels)")
    if results.troubles:
        lines += ["", f"{len(results.troubles)} trouble(s); each in full above:"]
        lines += ["  " + text.split("\n")[0] for text in results.troubles]
    return lines, rows


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--isa", choices=TARGETS, default="riscv64", help="of the guest (default: riscv64)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one round, the kernels with a target only")
    parser.add_argument("--engines", default="auto", help="list of interp, baseline, llvm, auto (default: auto)")
    parser.add_argument("--kernels", default=None, help="list of kernels; 'none': the boot alone")
    parser.add_argument("--scale", type=int, default=1, help="how often each kernel does its work (default: 1)")
    parser.add_argument("--seconds", type=float, default=0, help="instead: so often that the host takes as long")
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
    facts = {"isa": options.isa, "host": host(), "rounds": options.rounds, "started": time.strftime("%FT%T%z")}
    with tempfile.TemporaryDirectory(prefix="mimus-bench-") as scratch:
        bench = Bench(options, Path(scratch))
        bench.run()
    facts["scales"] = bench.scales
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
