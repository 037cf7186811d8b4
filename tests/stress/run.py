#!/usr/bin/env python3
"""Parallel stress on four harts: programs that check themselves, run again and again.

  bare    without an operating system: locks, atomics, memory order, misaligned accesses, page-table storms with remote
          fences, address spaces, code changed across harts, interrupts. One machine per run.
  linux   a user program under Linux: threads, signals, page protection, code changed at run time, processes. Many runs in
          one machine.

    tests/stress/run.py                       some runs of each on each engine
    tests/stress/run.py --runs 1000 --jobs 2  the long run

Exit status: 0 no failure, 1 failures (each with its serial output), 77 something is missing.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import guests  # noqa: E402
from harness.console import Console, ConsoleError  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness.machine import ENGINES, Machine, Missing, driver  # noqa: E402

HERE = Path(__file__).resolve().parent
SKIPPED = 77
LINUX_BATCH = 50  # runs of the user program in one machine
RUNS = {"bare": 12, "linux": 4}  # when nothing else is asked for


def build_bare(scratch):
    out = scratch / "bare.elf"
    try:
        result = subprocess.run([str(HERE / "bare" / "build.sh"), str(out)], capture_output=True, text=True, check=False)
    except OSError as error:
        raise Missing(str(error)) from error
    if result.returncode == 127:
        raise Missing("riscv64-unknown-elf-gcc (Debian package gcc-riscv64-unknown-elf)")
    if result.returncode != 0:
        raise CompileError(result.stderr)
    return Machine(firmware="none", kernel=str(out), memory="64M", smp=4)


def build_linux(scratch, runs):
    program = compile_program("riscv64-linux-gnu-gcc", sorted((HERE / "linux").glob("*.c")), scratch / "stress",
                              ["-O2", "-static", "-pthread", "-Wall", "-Wextra", "-Werror"], ["-lm"])
    initrd = guests.initrd_with(guests.product("riscv64-busybox"),
                                {"bin/stress": (Path(program).read_bytes(), 0o755)}, scratch / "stress.cpio.gz")
    return Machine(kernel=guests.product("riscv64-linux"), initrd=initrd, smp=4,
                   append=f"console=ttyS0 quiet panic=-1 -- stress {runs}")


class Runner:
    def __init__(self, options):
        self.options = options
        self._lock = threading.Lock()
        self.failures = 0

    def runs(self, program):
        return self.options.runs or int(os.environ.get("MIMUS_STRESS_RUNS", RUNS[program]))

    def say(self, text):
        with self._lock:
            print(text, flush=True)

    def one_bare(self, side, machine, number):
        """One run. QEMU knows the machine's firmware "none" by the same name."""
        try:
            with Console(side.command(machine)) as console:
                console.expect(r"\bPASS\r?\n", self.options.timeout, never=r"FAIL [^\n]*\n")
                console.finish(10)
            return True
        except ConsoleError as error:
            self.say(f"FAIL bare, {side.title()}, run {number}: {error}")
            return False

    def one_linux(self, side, machine, runs):
        try:
            with Console(side.command(machine)) as console:
                console.expect(r"stress: start", 120)
                for number in range(1, runs + 1):
                    console.expect(rf"stress: run {number} passed\r?\n", self.options.timeout * 3,
                                   never=r"FAIL [^\n]*\n|Kernel panic|Oops|exit status [1-9]")
                console.finish(30)
            return True
        except ConsoleError as error:
            self.say(f"FAIL linux, {side.title()}: {error}")
            return False

    def count(self, title, results, started):
        failed = sum(not good for good in results)
        self.failures += failed
        self.say(f"{'FAIL' if failed else 'ok  '} {title}: {len(results)} run(s), {failed} failure(s), "
                 f"{time.monotonic() - started:.1f} s")

    def bare(self, side, scratch):
        machine, started = build_bare(scratch), time.monotonic()
        with ThreadPoolExecutor(self.options.jobs) as pool:
            results = list(pool.map(lambda n: self.one_bare(side, machine, n), range(1, self.runs("bare") + 1)))
        self.count(f"bare, {side.title()}", results, started)

    def linux(self, side, scratch):
        """Failures are counted by machine: one that fails has not done the rest of its runs."""
        started = time.monotonic()
        runs = self.runs("linux")
        sizes = [min(LINUX_BATCH, runs - done) for done in range(0, runs, LINUX_BATCH)]
        machines = {size: build_linux(scratch, size) for size in set(sizes)}
        with ThreadPoolExecutor(self.options.jobs) as pool:
            results = list(pool.map(lambda size: self.one_linux(side, machines[size], size), sizes))
        self.count(f"linux, {side.title()}, {runs} runs in machines", results, started)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("programs", nargs="*", metavar="PROGRAM", help="bare or linux (default: both)")
    parser.add_argument("--runs", type=int, help="of each program (default: $MIMUS_STRESS_RUNS or a few)")
    parser.add_argument("--jobs", type=int, default=1, help="machines at a time")
    parser.add_argument("--engines", default="baseline,auto", help="list of engines (default: baseline,auto)")
    parser.add_argument("--driver", choices=("mimus", "qemu"), default="mimus")
    parser.add_argument("--mimus", help="the program to test (default: $MIMUS or the release build)")
    parser.add_argument("--options", default="", help="further options for mimus, for example '--warm-after 20'")
    parser.add_argument("--timeout", type=float, default=60, help="seconds for one run (default: 60)")
    options = parser.parse_args()
    programs, engines = options.programs or ["bare", "linux"], options.engines.split(",")
    if set(programs) - {"bare", "linux"} or set(engines) - set(ENGINES):
        parser.error("programs are bare and linux, engines " + ", ".join(ENGINES))
    runner = Runner(options)
    with tempfile.TemporaryDirectory(prefix="mimus-stress-") as scratch:
        for program in programs:
            for engine in engines if options.driver == "mimus" else ["-"]:
                getattr(runner, program)(driver(options.driver, options.mimus, engine, options.options.split()), Path(scratch))
    return 1 if runner.failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Missing as reason:
        print(f"skip stress: missing: {reason}")
        sys.exit(SKIPPED)
    except CompileError as error:
        print(f"FAIL stress: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
