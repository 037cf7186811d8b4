#!/usr/bin/env python3
"""Checks that every path and link that the documents name exists, and that every document is reachable from README.md."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = "core frontends backends accel hw machines roms tests tools docs cmake".split()
QUOTED = re.compile(r"`((?:%s)/[A-Za-z0-9_./*<>-]*|\./dev|\.ci/run|[A-Za-z]+\.(?:md|json|txt))[^`]*`" % "|".join(TOP))
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def names_in(document):
    text = document.read_text()
    for number, line in enumerate(text.splitlines(), 1):
        for match in QUOTED.finditer(line):
            if "<" not in match[1]:
                yield number, match[1].rstrip("."), ROOT
        for match in LINK.finditer(line):
            yield number, match[1], document.parent


def exists(name, base):
    return any(base.glob(name.rstrip("/"))) if "*" in name else (base / name).exists()


def reachable(start):
    seen, waiting = set(), [start]
    while waiting:
        document = waiting.pop().resolve()
        if document in seen or document.suffix != ".md" or not document.exists():
            continue
        seen.add(document)
        waiting += [document.parent / m[1] for m in LINK.finditer(document.read_text())]
    return seen


def main():
    documents = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "roms").rglob("*.md"))]
    wrong = [f"{d.relative_to(ROOT)}:{number}: there is no {name}" for d in documents
             for number, name, base in names_in(d) if not exists(name, base) and not exists(name, d.parent)]
    linked = reachable(ROOT / "README.md")
    wrong += [f"{d.relative_to(ROOT)}: no document links to it" for d in documents if d.resolve() not in linked]
    print("\n".join(wrong) or f"{len(documents)} documents name only what exists")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
