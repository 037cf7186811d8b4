#!/usr/bin/env python3
"""`mimus exec --gdb` with gdb-multiarch: one program debugged from its first instruction to its end.

    tests/user/gdb.py --mimus build/release/bin/mimus [--engine E]

Exit status: 0 no failure, 1 failures, 77 something is missing.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.cross import compile_program  # noqa: E402
from harness.machine import Missing  # noqa: E402

HERE = Path(__file__).resolve().parent
SKIPPED = 77
TIMEOUT = 90
GDB = "gdb-multiarch"
COMPILERS = {"riscv64": "riscv64-linux-gnu-gcc", "aarch64": "aarch64-linux-gnu-gcc"}
FLOATS = {"riscv64": "$ft0.double", "aarch64": "$v0.d.f[0]"}  # a register as a number

# Commands, each with what it shows.
SESSION = (
    ("info registers pc", r"pc +0x[0-9a-f]+"),
    ("break main", r"Breakpoint 1 at"),
    ("continue", r"Breakpoint 1, main \(argc=2"),
    ("next", r"pthread_barrier_init|pthread_create"),
    ("break square", r"Breakpoint 2 at"),
    ("continue", r"hit Breakpoint 2, square \(number=5\)"),
    ("backtrace 2", r"#0 +square \(number=5\).*#1 +0x[0-9a-f]+ in worker"),
    ("info threads", r"  1 +Thread [^\n]*\n\* 2 +Thread [^\n]* square"),
    ("stepi", r"square|[0-9]+"),
    ("next", r"return result"),
    ("print result * 4", r"= 100"),
    ("finish", r"in worker.*Value returned is \$\d+ = 25"),
    ("print pair", r"= {number = 3, half = 2.5}"),
    ("set var pair.number = 41", r""),
    ("print pair.number + 1", r"= 42"),
    ("print {float} = 1.5", r"= 1.5"),
    ("print {float} + 1", r"= 2.5"),
    ("x/2i $pc", r"=> 0x[0-9a-f]+ <worker"),
    ("watch watched", r"atchpoint 3: watched"),
    ("continue", r"Old value = 0\s+New value = 10"),
    ("continue", r"Old value = 10\s+New value = 20"),
    ("delete 3", r""),
    ("print twice(21)", r"= 42"),
    ("break twice", r"Breakpoint 4 at"),
    ("python interrupt_when_ready()", r""),
    ("continue", r"received signal SIGINT"),
    ("python print(gdb.selected_frame().read_register('pc') != 0)", r"True"),
    ("delete", r""),
    ("handle SIGUSR1 nostop noprint pass", r""),
    ("signal SIGUSR1", r"exited with code 07"),
)
# A Ctrl-C that comes when the program waits.
HELPER = """
import os, signal, threading, time
def interrupt_when_ready():
    def wait():
        while not os.path.exists({ready!r}): time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)
    threading.Thread(target=wait, daemon=True).start()
"""


def script(folder, isa):
    helper = folder / "helper.py"
    helper.write_text(HELPER.format(ready=str(folder / "ready")))
    lines = ["set pagination off", "set confirm off", f"source {helper}"]
    for number, (command, _) in enumerate(SESSION):
        lines += [f"echo \\n<{number}>\\n", command.replace("{float}", FLOATS[isa])]
    lines.append(f"echo \\n<{len(SESSION)}>\\n")
    file = folder / "commands"
    file.write_text("\n".join(lines) + "\n")
    return file


def debug(options, folder):
    program = compile_program(COMPILERS[options.isa], [HERE / "guest" / "debugged.c"], folder / "debugged",
                              ["-g", "-O0", "-static", "-pthread"])
    command = [options.mimus, "exec", "--engine", options.engine, "--gdb", "0", program, str(folder / "ready")]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as guest:
        try:
            where = re.search(r"target remote (\S+)", guest.stderr.readline())
            if not where:
                print("no address to connect to")
                return 1
            gdb = [GDB, "-nx", "-batch", "-ex", f"file {program}", "-ex", f"target remote {where[1]}", "-x",
                   str(script(folder, options.isa))]
            shown = subprocess.run(gdb, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, timeout=TIMEOUT, check=False).stdout
            said, _ = guest.communicate(timeout=TIMEOUT)
        except subprocess.TimeoutExpired as late:
            print(f"no end:\n{late.stdout}")
            return 1
        finally:
            guest.kill()
    failures = 0
    for number, (what, expected) in enumerate(SESSION):
        part = re.search(rf"<{number}>\n(.*?)(?:<{number + 1}>|\Z)", shown, re.S)
        if not part or not re.search(expected, part[1], re.S):
            failures += 1
            print(f"FAILED: {what}: wanted {expected}, got {part and part[1]}")
    if said != "handled 10, child 8\n" or guest.returncode != 7:
        failures += 1
        print(f"FAILED: the program: {said!r}, status {guest.returncode}")
    if failures:
        print(f"--- the session\n{shown}")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mimus", default=os.environ.get("MIMUS", "build/release/bin/mimus"))
    parser.add_argument("--isa", default="riscv64", choices=COMPILERS)
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args()
    options.mimus = str(Path(options.mimus).resolve())
    try:
        if shutil.which(GDB) is None:
            raise Missing(f"{GDB} (Debian package {GDB})")
        with tempfile.TemporaryDirectory() as scratch:
            return 1 if debug(options, Path(scratch)) else 0
    except Missing as missing:
        print(f"skipped: missing {missing}")
        return SKIPPED


if __name__ == "__main__":
    sys.exit(main())
