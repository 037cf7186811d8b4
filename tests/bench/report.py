"""The host of a measurement, and figures of `./dev bench exec` as text."""

import os
import platform
import re
from pathlib import Path


def host():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {"cpu": model[1] if model else platform.machine(), "cpus": os.cpu_count(), "load": os.getloadavg()[0]}


def cell(value, width, form=".2f"):
    return f"{'-' if value is None else format(value, form):>{width}}"


def sides_of(rows):
    return list(dict.fromkeys(row["side"] for row in rows))


def verdict(target):
    if target["ratio"] is None:
        return "not measured"
    return "met" if target["ratio"] <= target["limit"] else "MISSED"


def print_table(facts):
    print(f"{facts['host']['cpu']}, {facts['host']['cpus']} CPUs, load {facts['host']['load']:.1f} at the start, "
          f"{facts['rounds']} round(s), {facts['isa']}; medians")
    rows = facts["rows"]
    width = max((len(row["what"]) for row in rows), default=0) + 2
    for side in sides_of(rows):
        print(f"\n{side}\n{'':{width}}{'seconds':>9}{'cpu':>9}{'/native':>9}{'cpu':>7}{'/qemu':>9}{'cpu':>7}")
        for row in rows:
            if row["side"] == side:
                print(f"{row['what']:{width}}{cell(row['seconds'], 9, '.3f')}{cell(row['cpu'], 9, '.3f')}{cell(row['native'], 9)}"
                      f"{cell(row['native_cpu'], 7)}{cell(row['qemu'], 9)}{cell(row['qemu_cpu'], 7)}")
    print("\ngeometric means and their targets (wall time; in processor time)")
    for target in facts["targets"]:
        print(f"  {target['what']:16}{target['side']:>16} / {target['other']:8}{cell(target['ratio'], 7)}{cell(target['cpu'], 7)}"
              f"  <= {target['limit']:.2f} {verdict(target)}")
    for trouble in facts["troubles"]:
        print(f"TROUBLE {trouble.splitlines()[0]}")
