#!/usr/bin/env python3
"""`mimus exec` side by side with the host and the rival: kernels, programs of Debian, starts.

Each round runs every side of a workload one after the other, in turns of order, so that a disturbance of the host hits
all of them. "first" is a run with an empty translation cache, compile time included; "second" finds what the first has
kept. Times are of whole processes; beside the wall time stands processor time, of all threads. Outputs must be the same on all sides.
Nothing here fails because something is slow; what crashes, hangs or computes something else makes the exit status 1.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import guests  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness.machine import ENGINES, SOURCE, Missing, find_mimus  # noqa: E402

from process import Results, measure, say, sides_for  # noqa: E402
from report import host, print_table  # noqa: E402
from workloads import FLOAT_KERNELS, KERNEL_FLAGS, KERNELS, PROGRAMS, STARTS, write_inputs  # noqa: E402

SOURCES = Path(__file__).resolve().parent / "kernels"
ROOTS = {"riscv64": "riscv64-root", "aarch64": "arm64-root"}
GROUPS = ("kernels", "programs", "starts")
START_RUNS = 10  # a start takes milliseconds: so many in each round


class Bench:
    def __init__(self, options, scratch):
        self.options, self.scratch = options, scratch
        self.results = Results()
        self.sides = sides_for(options.isa, find_mimus(options.mimus), options.engines, options.rivals, scratch)
        self.groups = {}  # name: the workloads that were measured

    # -- one workload on all sides, once --

    def turn(self, number, what, command, compare=True, times=1, **how):
        """`command(side)`: its words. First and second run of an engine stay in this order."""
        pairs, order = {}, []
        for side in self.sides:
            pairs.setdefault(side.name.split()[0], []).append(side)
        for group in list(pairs.values()) if number % 2 else list(pairs.values())[::-1]:
            order += group
        for side in order:
            words = command(side)
            if words is None:
                continue
            side.prepare()
            for _ in range(1 if side.fresh else times):
                sample, _ = measure(words, self.options.timeout, **how)
                self.results.add(what, side.name, sample, compare and not (side.native and compare == "guests"))
            say(f"  {what:16} {side.name:16} {sample.wall:8.3f} s")

    # -- groups --

    def kernels(self):
        sources = sorted(SOURCES.glob("*.c"))
        native = compile_program(self.options.host_cc, sources, self.scratch / "native", KERNEL_FLAGS, ["-lm"])
        guest = compile_program(f"{self.options.isa}-linux-gnu-gcc", sources, self.scratch / "guest", KERNEL_FLAGS, ["-lm"])
        scales = {}
        for number in range(1, self.options.rounds + 1):
            for name in self.options.kernels:
                if name not in scales:
                    sample, _ = measure([native, "-s", "1", name], self.options.timeout)
                    scales[name] = max(1, round(self.options.seconds / sample.cpu))
                tail = ["-q", "-s", str(scales[name]), name]
                self.turn(number, name, lambda side, tail=tail: [*side.prefix, native if side.native else guest, *tail])
        self.groups["kernels"] = list(self.options.kernels)

    def programs(self):
        root = guests.product(ROOTS[self.options.isa])
        files = write_inputs(self.scratch)
        wanted = [p for p in PROGRAMS if p.name in self.options.programs]
        for number in range(1, self.options.rounds + 1):
            for program in wanted:
                self.turn(number, program.name, lambda side, p=program: self.in_root(side, p, root, files),
                          True if program.same_output else "guests", stdin=files.get(program.stdin))
        self.groups["programs"] = [p.name for p in wanted]

    def starts(self):
        source = self.scratch / "hello.c"
        source.write_text('#include <stdio.h>\nint main(void) { puts("hello"); }\n')
        native = compile_program(self.options.host_cc, [source], self.scratch / "hello-native", ["-O2", "-static"])
        guest = compile_program(f"{self.options.isa}-linux-gnu-gcc", [source], self.scratch / "hello", ["-O2", "-static"])
        root = guests.product(ROOTS[self.options.isa])
        for number in range(1, self.options.rounds + 1):
            self.turn(number, "static hello", lambda side: [*side.prefix, native if side.native else guest], times=START_RUNS)
            for program in STARTS:
                self.turn(number, program.name, lambda side, p=program: self.in_root(side, p, root, {}), times=START_RUNS)
        self.groups["starts"] = ["static hello", *(p.name for p in STARTS)]

    def in_root(self, side, program, root, files):
        words = [word.format(**files) for word in program.words]
        if side.native:
            return [f"/{program.path}", *words] if os.path.exists(f"/{program.path}") else None
        return [*side.prefix, "-L", root, f"{root}/{program.path}", *words]

    def run(self):
        for group in self.options.groups:
            getattr(self, group)()


def rows_of(bench):
    """One row per workload and side: medians, and ratios to native and to the rival."""
    for group, names in bench.groups.items():
        for what in names:
            for side in bench.sides:
                median = bench.results.median(what, side.name)
                if median is None:
                    continue
                ratio = lambda other, column=0, side=side, what=what: bench.results.ratio(what, side.name, other, column)
                yield {"group": group, "what": what, "side": side.name, "seconds": median,
                       "cpu": bench.results.median(what, side.name, 1), "native": ratio("native"),
                       "native_cpu": ratio("native", 1), "qemu": ratio("qemu"), "qemu_cpu": ratio("qemu", 1)}


def targets(bench):
    """(what, side, other, figure, target), of wall time."""
    kernels, programs = bench.groups.get("kernels", []), bench.groups.get("programs", [])
    floats = [name for name in kernels if name in FLOAT_KERNELS]
    engine = bench.options.engines[0]
    first, second = f"{engine} first", f"{engine} second"
    lines = [("kernels", kernels, second, "native", 2.0), ("kernels", kernels, first, "native", 2.5),
             ("kernels", kernels, second, "qemu", 0.3), ("float kernels", floats, second, "native", 1.6),
             ("programs", programs, first, "qemu", 0.6), ("programs", programs, second, "qemu", 0.35)]
    if "starts" in bench.groups:
        lines += [(name, [name], second, "qemu", limit)
                  for name, limit in (("static hello", 0.35), ("true", 0.5), ("python3 -c pass", 0.6))]
    for what, names, side, other, limit in lines:
        if names:
            yield {"what": what, "side": side, "other": other, "limit": limit,
                   "ratio": bench.results.mean(names, side, other), "cpu": bench.results.mean(names, side, other, 1)}


def parse():
    parser = argparse.ArgumentParser(prog="./dev bench exec", description=__doc__.split("\n")[0])
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)} (default: all)")
    parser.add_argument("--isa", choices=sorted(ROOTS), default="riscv64")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=1.0, help="that a kernel takes natively (default: 1)")
    parser.add_argument("--engines", default="auto", help=f"list of {', '.join(ENGINES)} (default: auto)")
    parser.add_argument("--rivals", default="qemu-{isa}", help="list of programs that run foreign ones ({isa} is filled in)")
    parser.add_argument("--kernels", default=",".join(KERNELS), help="list of kernels")
    parser.add_argument("--programs", default=",".join(p.name for p in PROGRAMS), help="list of programs")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one run (default: 300)")
    parser.add_argument("--mimus", help="the program to measure (default: $MIMUS or the release build)")
    parser.add_argument("--host-cc", default="cc")
    parser.add_argument("--json", help="where the figures go (default: build/bench-exec-ISA.json)")
    options = parser.parse_args()
    for name, known in (("groups", GROUPS), ("engines", ENGINES), ("kernels", KERNELS), ("programs", [p.name for p in PROGRAMS])):
        given = getattr(options, name)
        given = given.split(",") if isinstance(given, str) else given or list(known)
        setattr(options, name, given)
        if unknown := set(given) - set(known):
            parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    options.rivals = [name for name in options.rivals.split(",") if name]
    options.json = Path(options.json or SOURCE / "build" / f"bench-exec-{options.isa}.json")
    return options


def main():
    options = parse()
    facts = {"host": host(), "isa": options.isa, "rounds": options.rounds, "started": time.strftime("%FT%T%z")}
    with tempfile.TemporaryDirectory(prefix="mimus-bench-") as scratch:
        bench = Bench(options, Path(scratch))
        bench.run()
    facts |= {"rows": list(rows_of(bench)), "targets": list(targets(bench)), "troubles": bench.results.troubles}
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(facts, indent=1) + "\n")
    print_table(facts)
    say(f"written: {options.json}")
    return 1 if bench.results.troubles else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Missing, CompileError) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
