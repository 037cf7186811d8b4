#!/usr/bin/env python3
"""Boots real guests and checks what they do.

    tests/boot/run.py                    every scenario that is not long
    tests/boot/run.py NAME...            some of them
    tests/boot/run.py --isa aarch64 ...  with guests of another ISA
    tests/boot/run.py --driver qemu ...  the same expectations on QEMU: to check the tests themselves

Exit status: 0 all well, 1 something failed, 77 all skipped (something is missing; the reason is printed).
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness.console import ConsoleError  # noqa: E402
from harness.guests import ISAS  # noqa: E402
from harness.machine import ENGINES, Missing, driver  # noqa: E402
from scenarios import SCENARIOS, Context, Failed  # noqa: E402

SKIPPED = 77


def run_one(scenario, options):
    """Returns 0, 1 or SKIPPED."""
    started = time.monotonic()
    try:
        if options.ctest and scenario.is_long(options.isa) and not options.long:
            raise Missing("MIMUS_LONG=1 in the environment (it takes minutes)")
        engine = options.engine or scenario.engine
        chosen = driver(options.driver, options.mimus, engine, options.options.split(), options.isa)
        with tempfile.TemporaryDirectory(prefix="mimus-boot-") as scratch:
            scenario.run(Context(chosen, ISAS[options.isa], Path(scratch), scenario.patience * options.patience))
    except Missing as reason:
        print(f"skip {scenario.name}: not there: {reason}", flush=True)
        return SKIPPED
    except (ConsoleError, Failed) as error:
        print(f"FAIL {scenario.name} ({time.monotonic() - started:.1f} s): {error}", flush=True)
        return 1
    print(f"ok   {scenario.name} ({time.monotonic() - started:.1f} s)", flush=True)
    return 0


def chosen_scenarios(options, parser):
    known = {name: s for name, s in SCENARIOS.items() if options.isa in s.isas}
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"no scenario {', '.join(unknown)} for {options.isa}; --list shows them")
    if options.names:
        return [known[name] for name in options.names]
    return [s for s in known.values() if options.long or not s.is_long(options.isa)]


def list_for_build():
    return [f"{isa};{s.name};{s.timeout};{int(s.is_long(isa))}" for isa in ISAS for s in SCENARIOS.values() if isa in s.isas]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--isa", choices=ISAS, default="riscv64", help="of the guests (default: riscv64)")
    parser.add_argument("--list", action="store_true", help="names, with what they show")
    parser.add_argument("--ctest-list", action="store_true", help="ISA;name;time-out;long for the build")
    parser.add_argument("--ctest", action="store_true", help="skip long scenarios even by name, unless --long")
    parser.add_argument("--driver", choices=("mimus", "qemu"), default="mimus")
    parser.add_argument("--mimus", help="the program to test (default: $MIMUS or the release build)")
    parser.add_argument("--engine", choices=ENGINES, help="instead of the scenario's own")
    parser.add_argument("--options", default="", help="further options for mimus, for example '--warm-after 20'")
    parser.add_argument("--long", action="store_true", default=os.environ.get("MIMUS_LONG") == "1")
    parser.add_argument("--patience", type=float, default=float(os.environ.get("MIMUS_PATIENCE", "1")),
                        help="factor for all time-outs")
    options = parser.parse_args()
    if options.ctest_list:
        print("\n".join(list_for_build()))
        return 0
    if options.list:
        print("\n".join(f"{s.name:22} {'long ' if s.is_long(options.isa) else '     '} {s.about}"
                        for s in SCENARIOS.values() if options.isa in s.isas))
        return 0
    results = [run_one(scenario, options) for scenario in chosen_scenarios(options, parser)]
    if 1 in results:
        return 1
    return SKIPPED if results and all(r == SKIPPED for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
