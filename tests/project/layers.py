#!/usr/bin/env python3
"""Checks which layer includes which, over the include lines of all sources: the rules of docs/architecture.md."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

# layer: the layers that its files may include, besides itself
ALLOWED = {
    "core": set(),
    "frontends": {"core"},
    "backends": {"core"},
    "accel": {"core"},
    "hw": {"core"},
    "machines": {"core", "frontends", "backends", "accel", "hw"},
}
# the same inside a layer: these neighbours do not know each other
APART = [
    ("backends/interp", "backends/baseline"), ("backends/interp", "backends/llvm"), ("backends/interp", "backends/emit"),
    ("backends/baseline", "backends/interp"), ("backends/baseline", "backends/llvm"),
    ("backends/llvm", "backends/interp"), ("backends/llvm", "backends/baseline"),
    ("backends/emit", "backends/baseline"), ("backends/emit", "backends/llvm"), ("backends/emit", "backends/interp"),
    ("frontends/specgen", "frontends/riscv"),
]
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def check(file):
    relative = file.relative_to(ROOT).as_posix()
    layer = relative.split("/")[0]
    for number, line in enumerate(file.read_text(errors="replace").splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        target = match[1]
        other = target.split("/")[0]
        where = f"{relative}:{number}: includes {target}"
        if other not in ALLOWED:
            yield f"{where}, which is not a path from the project's root"
        elif other != layer and other not in ALLOWED[layer]:
            yield f"{where}, but {layer}/ may include {', '.join(sorted(ALLOWED[layer])) or 'only itself'}"
        for left, right in APART:
            if relative.startswith(left + "/") and target.startswith(right + "/"):
                yield f"{where}, but {left}/ may not know {right}/"


def main():
    files = [f for layer in ALLOWED for pattern in ("*.cc", "*.h", "*.def") for f in (ROOT / layer).rglob(pattern)]
    wrong = [complaint for file in sorted(files) for complaint in check(file)]
    print("\n".join(wrong) or f"{len(files)} files keep the include rules")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
