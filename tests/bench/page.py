#!/usr/bin/env python3
"""Writes docs/benchmarks.md and its charts from the JSON files of `./dev bench exec` and `./dev bench`.

    ./dev bench page        that is: tests/bench/page.py build/bench*.json

Charts have one group of bars per workload on a logarithmic axis: times relative to the same program on the host.
"""

import json
import sys
from math import log10
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.machine import SOURCE  # noqa: E402
from report import sides_of, verdict  # noqa: E402

COLOURS = ("#b0b7c3", "#7aa6da", "#1f5fa8", "#c4a000", "#4e9a06", "#75507b")
HEAD = """# Benchmarks

Measured by `./dev bench` and written by `tests/bench/page.py` from what it prints as JSON. All sides of a workload run
one after the other in the same rounds; figures are medians. Times of programs are of whole processes, start and compile time
included. *first* is a run with an empty [translation cache](translation-cache.md), *second* one that finds what the
first has kept. Ratios are to be compared, not seconds: machines differ. Outputs were the same on all sides.
"""


def svg_chart(facts, group):
    rows = [row for row in facts["rows"] if row["group"] == group and row["native"] and row["side"] != "native"]
    sides = sides_of(rows)
    names = list(dict.fromkeys(row["what"] for row in rows))
    values = {(row["what"], row["side"]): row["native"] for row in rows}
    bar, gap, left, right, top = 9, 10, 130, 60, 34
    step = bar * len(sides) + gap
    height, width = top + step * len(names) + 24, 760
    most = max(values.values(), default=1)
    decades = 1
    while 10 ** decades < most:
        decades += 1
    scale = (width - left - right) / (decades + 0.3)

    def x_of(value):
        return left + scale * (log10(max(value, 0.5)) + 0.3)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
           f'<rect width="{width}" height="{height}" fill="white"/>']
    for index, side in enumerate(sides):
        out.append(f'<rect x="{left + 130 * index}" y="8" width="10" height="10" fill="{COLOURS[index % len(COLOURS)]}"/>'
                   f'<text x="{left + 130 * index + 15}" y="17">{side}</text>')
    ticks = sorted({t for d in range(decades + 1) for t in (10 ** d, 2 * 10 ** d, 5 * 10 ** d) if t <= 10 ** decades})
    for tick in ticks:
        out.append(f'<line x1="{x_of(tick):.1f}" y1="{top - 8}" x2="{x_of(tick):.1f}" y2="{height - 20}" stroke="{"#888" if tick == 1 else "#ddd"}"/>'
                   f'<text x="{x_of(tick):.1f}" y="{height - 6}" text-anchor="middle" fill="#555">{tick}×</text>')
    for number, name in enumerate(names):
        y = top + number * step
        out.append(f'<text x="{left - 8}" y="{y + step / 2 - 1:.1f}" text-anchor="end">{name}</text>')
        for index, side in enumerate(sides):
            value = values.get((name, side))
            if value:
                end = x_of(value)
                out.append(f'<rect x="{left}" y="{y + bar * index}" width="{max(end - left, 1):.1f}" height="{bar - 1}" fill="{COLOURS[index % len(COLOURS)]}"/>'
                           f'<text x="{end + 3:.1f}" y="{y + bar * index + 8}" font-size="9" fill="#333">{value:.2f}</text>')
    return "\n".join(out + ["</svg>"]) + "\n"


def exec_tables(facts):
    isa = facts["isa"]
    yield f"\n## mimus exec, {isa}\n"
    yield (f"{facts['host']['cpu']}, {facts['host']['cpus']} CPUs, {facts['started'][:10]}, {facts['rounds']} rounds. "
           "The rival is QEMU's user mode of Debian 12.\n")
    for group in dict.fromkeys(row["group"] for row in facts["rows"]):
        rows = [row for row in facts["rows"] if row["group"] == group]
        sides = [side for side in sides_of(rows) if side != "native"]
        chart = SOURCE / "docs" / f"benchmarks-{isa}-{group}.svg"
        chart.write_text(svg_chart(facts, group))
        yield f"\n![times relative to the host]({chart.name})\n"
        yield "| " + group + " | " + " | ".join(f"{side} ÷ native" for side in sides) + " | " + \
            " | ".join(f"{side} ÷ qemu" for side in sides if side != "qemu") + " |"
        yield "|---" * (len(sides) + 1 + len([s for s in sides if s != "qemu"])) + "|"
        for name in dict.fromkeys(row["what"] for row in rows):
            here = {row["side"]: row for row in rows if row["what"] == name}
            number = lambda side, key: f"{here[side][key]:.2f}" if side in here and here[side][key] else "-"
            yield f"| {name} | " + " | ".join(number(side, "native") for side in sides) + " | " + \
                " | ".join(number(side, "qemu") for side in sides if side != "qemu") + " |"
    yield "\n| geometric mean | side | relative to | measured | aim | |\n|---|---|---|---|---|---|"
    for target in facts["targets"]:
        yield (f"| {target['what']} | {target['side']} | {target['other']} | "
               f"{'-' if target['ratio'] is None else format(target['ratio'], '.2f')} | {target['limit']:.2f} | {verdict(target)} |")


def system_table(facts):
    isa = facts.get("isa", "riscv64")
    yield f"\n## mimus run, {isa}: inside a guest\n"
    yield f"{facts['host']['cpu']}, {facts['host']['cpus']} CPUs, {facts['started'][:10]}, {facts['rounds']} rounds.\n"
    yield "| workload | engine | mimus ÷ qemu | mimus ÷ native | qemu ÷ native |\n|---|---|---|---|---|"
    for row in facts["rows"]:
        number = lambda key: "-" if row.get(key) is None else f"{row[key]:.2f}"
        yield f"| {row['what']} | {row['engine']} | {number('mimus_qemu')} | {number('mimus_native')} | {number('qemu_native')} |"


def io_table(facts):
    yield "\n## Disks and networks inside a guest\n"
    yield f"{facts['started'][:10]}; rates, more is better.\n"
    yield "| job | unit | qemu | mimus | mimus ÷ qemu |\n|---|---|---|---|---|"
    for row in facts["rows"]:
        cells = " | ".join("-" if row[name] is None else f"{row[name]:.2f}" for name in ("qemu", "mimus", "ratio"))
        yield f"| {row['what']} | {row['unit']} | {cells} |"


def tables(facts):
    if "targets" in facts:
        return exec_tables(facts)
    return io_table(facts) if facts["rows"] and "unit" in facts["rows"][0] else system_table(facts)


def main():
    lines = [HEAD]
    for path in sys.argv[1:]:
        lines += tables(json.loads(Path(path).read_text()))
    (SOURCE / "docs" / "benchmarks.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
