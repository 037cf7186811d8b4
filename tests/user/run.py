#!/usr/bin/env python3
"""`mimus exec` with real programs.

  guests   the programs of tests/user/guest, which test themselves, compiled here
  debian   programs of Debian's packages from an unpacked root (tools/guests get riscv64-root, arm64-root)
  programs the same with more and longer programs, from the large root; needs MIMUS_LONG
  storm    tests/user/guest/storm.c, again and again
  wild     tests/user/guest/wild.c: system calls without sense
  strace   --strace against a list of expected lines
  inside   the guest's own strace and gdb, from the large root, if that is in the cache
  libraries  what the program loads at start: only what every system has

    tests/user/run.py --mimus build/release/bin/mimus [--isa aarch64] [--engine E] [--runs N] guests

Exit status: 0 no failure, 1 failures, 77 something is missing.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import programs  # noqa: E402
from harness.cross import CompileError, compile_program  # noqa: E402
from harness import guests  # noqa: E402
from harness.machine import Missing  # noqa: E402

HERE = Path(__file__).resolve().parent
SKIPPED = 77
TIMEOUT = 120  # seconds; programs that end take a few
COMPILERS = {"riscv64": "riscv64-linux-gnu-gcc", "aarch64": "aarch64-linux-gnu-gcc"}
ROOTS = {"riscv64": "riscv64-root", "aarch64": "arm64-root"}
OWN_TESTS = {"riscv64": (), "aarch64": ("aarch64",)}  # self-tests of one ISA
SELF_TESTS = ("files", "memory", "processes", "signals", "threads", "traced")

# What --strace shows of `true`, in order.
STRACE = (
    r"brk\(NULL\) = 0x[0-9a-f]+",
    r'openat\(AT_FDCWD, "/etc/ld\.so\.cache", O_RDONLY\|O_CLOEXEC\) = ',
    r'openat\(AT_FDCWD, ".*libc\.so\.6", O_RDONLY\|O_CLOEXEC\) = \d+',
    r'read\(\d+, "\\177ELF.*"\.\.\., \d+\) = \d+',
    r"mmap\(0x[0-9a-f]+, \d+, PROT_READ\|PROT_WRITE, MAP_PRIVATE\|MAP_FIXED.*, \d+, 0x[0-9a-f]+\) = 0x[0-9a-f]+",
    r"mprotect\(0x[0-9a-f]+, \d+, PROT_READ\) = 0",
    r"exit_group\(0\) = \?",
)


class Runner:
    def __init__(self, options, scratch):
        self.options, self.scratch, self.failures = options, Path(scratch), 0

    def root(self, big=False):
        name = ROOTS[self.options.isa]
        return ["-L", guests.product(f"{name}-big", fetch=False) if big else guests.product(name)]

    def mimus(self, arguments, options=(), timeout=TIMEOUT):
        command = [self.options.mimus, "exec", "--engine", self.options.engine, *options, *arguments]
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.scratch), "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1"}
        try:
            return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False,
                                  cwd=tempfile.mkdtemp(dir=self.scratch), env=environment, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(command, "no end", str(late.stdout), str(late.stderr))

    def check(self, name, result, good):
        if not good:
            self.failures += 1
            print(f"FAILED: {name}: status {result.returncode}\n--- stdout\n{result.stdout}\n--- stderr\n{result.stderr}")

    def compiled(self, name):
        return compile_program(COMPILERS[self.options.isa], [HERE / "guest" / f"{name}.c"], self.scratch / name,
                               ["-O2", "-static", "-pthread", "-w"])

    def guests(self):
        for name in SELF_TESTS + OWN_TESTS[self.options.isa]:
            result = self.mimus([self.compiled(name)])
            self.check(name, result, result.returncode == 0 and result.stdout.endswith(f"{name}: ok\n"))
        for model in ("cortex-a72", "neoverse-n1", "max,+pauth-qarma5") if self.options.isa == "aarch64" else ():
            result = self.mimus([self.compiled("aarch64")], ["--cpu", model])
            self.check(model, result, result.returncode == 0 and result.stdout.endswith("aarch64: ok\n"))

    def saved(self):
        """The second run of each program translates next to nothing, and does the same."""
        for name in SELF_TESTS:
            program = self.compiled(name)
            for number in range(3):
                result = self.mimus([program])
                self.check(f"{name}, run {number}", result, result.returncode == 0 and result.stdout.endswith(f"{name}: ok\n"))
        hello = [self.compiled(SELF_TESTS[0])]
        counts = [self.mimus(hello, ["--stats", "--cache", option]).stderr for option in (str(self.scratch / "own"),) * 2 + ("off",)]
        number = lambda text, name: int((re.search(rf"^{name} +(\d+)$", text, re.M) or [0, -1])[1])
        first, second = (number(text, "saved.misses") for text in counts[:2])
        self.check(f"counters: {first} {second}", result, first > 100 and 0 <= second * 20 < first and "saved." not in counts[2])

    def wild(self):
        os.chmod(self.scratch, 0o711)  # the program gives up root
        for number in range(self.options.runs):
            result = self.mimus([self.compiled("wild"), str(number + 1)])
            self.check(f"wild, run {number}", result, result.returncode == 0 and result.stdout == "wild: ok\n")

    def storm(self):
        program = self.compiled("storm")
        for number in range(self.options.runs):
            result = self.mimus([program, "10"])
            self.check(f"storm, run {number}", result, result.returncode == 0 and result.stdout == "storm: ok\n")

    def debian(self):
        self.run_programs(programs.QUICK, self.root(), TIMEOUT)

    def programs(self):
        if not os.environ.get("MIMUS_LONG"):
            raise Missing("MIMUS_LONG in the environment: this takes an hour")
        self.run_programs(programs.LONG, self.root(big=True), 3600)

    def run_programs(self, rows, root, timeout):
        for row in rows:
            if self.options.only and self.options.only not in row.name:
                continue
            start = time.monotonic()
            result = self.mimus(row.command, root, timeout)
            expected = row.expected.replace("{isa}", self.options.isa) if isinstance(row.expected, str) else row.expected
            good = result.returncode == expected if isinstance(expected, int) else \
                result.returncode == 0 and (re.search(expected, result.stdout + result.stderr) if row.pattern else result.stdout == expected)
            print(f"{row.name}: {time.monotonic() - start:.1f} s", flush=True)
            self.check(row.name, result, good)

    def strace(self):
        result = self.mimus(["true"], ["--strace", *self.root()])
        lines = iter(result.stderr.splitlines())
        missing = [pattern for pattern in STRACE if not any(re.search(pattern, line) for line in lines)]
        if missing:
            print(f"no line like {missing[0]}")
        self.check("strace", result, not missing and result.returncode == 0)

    def inside(self):
        root = self.root(big=True)
        program = self.compiled("files")
        result = self.mimus(["strace", "-f", "-e", "trace=execve,exit_group,kill", "bash", "-c", "true | cat; kill -TERM $$"], root)
        lines = (r"execve\(\"/usr/bin/bash\".*= 0", r"execve\(\"/usr/bin/cat\"", r"exit_group\(0", r"--- SIGTERM ",
                 r"\+\+\+ killed by SIGTERM \+\+\+")
        missing = [line for line in lines if not re.search(line, result.stderr)]
        self.check(f"strace inside, without {missing}", result, not missing and result.returncode == -15)
        commands = ("set pagination off", "break main", "run", "backtrace", "stepi", "info registers pc", "continue")
        result = self.mimus(["gdb", "-nx", "-batch", *(word for c in commands for word in ("-ex", c)), program], root)
        lines = (r"Breakpoint 1, .*main", r"#0 .*main", r"pc +0x", r"files: ok", r"exited normally")
        missing = [line for line in lines if not re.search(line, result.stdout)]
        self.check(f"gdb inside, without {missing}", result, not missing)

    def libraries(self):
        result = subprocess.run(["readelf", "-dW", self.options.mimus], capture_output=True, text=True, check=False)
        needed = set(re.findall(r"NEEDED.*\[([a-z_+-]+[^]]*)\]", result.stdout))
        extra = {name for name in needed if not name.startswith(("libc.", "libm.", "libstdc++.", "libgcc_s.", "libz.", "ld-"))}
        if extra:
            print(f"loads {', '.join(sorted(extra))}")
        self.check("libraries", result, needed and not extra)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mimus", default=os.environ.get("MIMUS", "build/release/bin/mimus"))
    parser.add_argument("--isa", default="riscv64", choices=COMPILERS)
    parser.add_argument("--engine", default="auto")
    parser.add_argument("--only", help="of the programs those whose names contain this")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("what", choices=("guests", "saved", "debian", "programs", "storm", "wild", "strace", "inside", "libraries"))
    options = parser.parse_args()
    options.mimus = str(Path(options.mimus).resolve())
    with tempfile.TemporaryDirectory() as scratch:
        runner = Runner(options, scratch)
        try:
            getattr(runner, options.what)()
        except Missing as missing:
            print(f"skipped: {missing}")
            return SKIPPED
        except CompileError as error:
            print(error)
            return 1
    print(f"{options.what}: {runner.failures} failures")
    return 1 if runner.failures else 0


if __name__ == "__main__":
    sys.exit(main())
