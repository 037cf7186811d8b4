"""The busybox shell: commands, start-ups, ends."""

import hashlib
import subprocess
from dataclasses import replace
from functools import partial

from harness.machine import Mimus

from .base import PROMPT, power_off, require


def shell(context, smp=1, **more):
    """Debian's kernel to the busybox shell, some commands, power-off."""
    with context.start(context.busybox(smp=smp, **more)) as console:
        console.expect(PROMPT, context.wait(60))
        run = partial(console.run, timeout=context.wait(30))
        require(run("uname -m") == context.arch.isa, f"uname -m is not {context.arch.isa}")
        require(run("nproc") == str(smp), f"the guest does not see {smp} CPUs")
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
    result = subprocess.run(context.driver.command(context.busybox()), input=commands.encode(), capture_output=True,
                            timeout=context.wait(60), check=False)
    output = result.stdout.decode(errors="replace").replace("\r", "")
    require(result.returncode == 0, f"exit code {result.returncode}:\n{output}")
    require("\nbegin\n" in output and "\n42 end\n" in output, f"commands were lost:\n{output}")


def reboot(context):
    """The guest's reboot starts the machine again, in place."""
    with context.start(context.busybox()) as console:
        for _ in range(2):
            console.expect(PROMPT, context.wait(60))
            console.send("reboot\n")
            console.expect("reboot: Restarting system", context.wait(30))
        console.expect(PROMPT, context.wait(60))
        power_off(console, context)
