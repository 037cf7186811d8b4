"""Whole processes, timed from outside: the sides of a comparison, and their samples."""

import hashlib
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field


def say(text):
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Sample:
    wall: float    # seconds
    cpu: float     # seconds of all threads, user and system
    output: str    # digest of standard output
    trouble: str = ""


def run(command, timeout, stdin=None, env=None, cwd=None):
    """Runs a command to its end, killed after `timeout` seconds."""
    with open(stdin or os.devnull, "rb") as source:
        start = time.monotonic()
        process = subprocess.Popen(command, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd)
        try:
            out, err = process.communicate(timeout=timeout)
            trouble = "" if process.returncode == 0 else f"exit status {process.returncode}: {err.decode(errors='replace')[-400:]}"
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            trouble = f"no end after {timeout} s"
        wall = time.monotonic() - start
    return out, wall, trouble


def measure(command, timeout, **how):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out, wall, trouble = run(command, timeout, **how)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sample(wall, cpu, hashlib.sha256(out).hexdigest()[:16], trouble), out


@dataclass
class Side:
    """One way of running a program. `prefix` comes before the program's words."""

    name: str
    prefix: list
    fresh: str = ""         # a folder that is emptied before each run: the first run of a program
    native: bool = False

    def prepare(self):
        if self.fresh:
            shutil.rmtree(self.fresh, ignore_errors=True)


def sides_for(isa, mimus, engines, qemus, scratch):
    """Native first; then each engine, first and second run with one translation cache; then the rivals."""
    sides = [Side("native", [], native=True)]
    for engine in engines:
        cache = str(scratch / f"cache-{engine}")
        words = [str(mimus), "exec", "--engine", engine, "--cache", cache]
        sides += [Side(f"{engine} first", words, fresh=cache), Side(f"{engine} second", words)]
    for name in qemus:
        if shutil.which(name.format(isa=isa)):
            sides.append(Side("qemu" if name == "qemu-{isa}" else name.format(isa=isa), [shutil.which(name.format(isa=isa))]))
        else:
            say(f"bench: without {name.format(isa=isa)} (Debian package qemu-user)")
    return sides


@dataclass
class Results:
    """Samples per (workload, side), and what went wrong."""

    samples: dict = field(default_factory=dict)
    outputs: dict = field(default_factory=dict)
    troubles: list = field(default_factory=list)

    def add(self, what, side, sample, compare=True):
        trouble = sample.trouble
        if not trouble and compare and self.outputs.setdefault(what, sample.output) != sample.output:
            trouble = f"output {sample.output}, the first side's is {self.outputs[what]}"
        if trouble:
            self.troubles.append(f"{what}, {side}: {trouble}")
            say(f"  TROUBLE {self.troubles[-1]}")
            return
        self.samples.setdefault(what, {}).setdefault(side, []).append((sample.wall, sample.cpu))

    def median(self, what, side, column=0):
        rows = self.samples.get(what, {}).get(side)
        return statistics.median(row[column] for row in rows) if rows else None

    def ratio(self, what, side, other, column=0):
        a, b = self.median(what, side, column), self.median(what, other, column)
        return a / b if a and b else None

    def mean(self, whats, side, other, column=0):
        ratios = [r for r in (self.ratio(what, side, other, column) for what in whats) if r]
        return statistics.geometric_mean(ratios) if ratios else None
