#!/usr/bin/env python3
"""Runs every suite of the conformance runner over the data in $CONFORMANCE_DIR.

    conformance.py RUNNER REQUIRED_LIST

REQUIRED_LIST names the files of each suite that have to pass whole. Failures in other files are gaps that are known to be
open: they are shown and counted as skipped. Ends with "N passed, N failed, N skipped"; exits 1 when something failed.
"""

import os
import pathlib
import re
import subprocess
import sys

PER_FILE = re.compile(r"^(?P<file>.+): (?P<passed>\d+) passed, (?P<failed>\d+) failed(?:, (?P<skipped>\d+) skipped)?$", re.MULTILINE)


def read_required(text: str) -> dict[str, set[str]]:
    """Suite → names of files (without their ending), or {"*"}: all of them."""
    required: dict[str, set[str]] = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            required.setdefault(words[0], set()).update(words[1:])
    return required


def suites_of(runner: str) -> list[str]:
    """The runner names its suites when it is called without one."""
    usage = subprocess.run([runner], capture_output=True, text=True, check=False).stderr
    return re.search(r"conformance (\S+) FOLDER", usage)[1].split("|")


def run_suite(runner: str, suite: str, data: pathlib.Path) -> str:
    """The runner's output; a suite's data is the folder that has its name, or the folder of all data."""
    output = ""
    for folder in (data, data / suite):
        done = subprocess.run([runner, suite, str(folder), "--reasons", "5"], capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        if done.returncode not in (0, 1):
            raise RuntimeError(f"{suite}: exit code {done.returncode}\n{output[-2000:]}")
        if PER_FILE.search(output):
            break
    return output


def judge(output: str, required: set[str]) -> tuple[int, int, int]:
    """Passed, failed, skipped of one suite."""
    passed = failed = skipped = 0
    for row in PER_FILE.finditer(output):
        name = pathlib.PurePath(row["file"]).stem
        passed += int(row["passed"])
        skipped += int(row["skipped"] or 0)
        if "*" in required or name in required:
            failed += int(row["failed"])
        else:
            skipped += int(row["failed"])
    return passed, failed, skipped


def main(arguments: list[str]) -> int:
    runner, list_path = arguments
    data = pathlib.Path(os.environ["CONFORMANCE_DIR"])
    required = read_required(pathlib.Path(list_path).read_text())
    total = [0, 0, 0]
    present = suites_of(runner)
    for suite in sorted(set(present) | set(required)):
        print(f"--- {suite}")
        if suite not in present:
            print("required, but the runner does not have it")
            total[1] += 1
            continue
        output = run_suite(runner, suite, data)
        print(output)
        counts = judge(output, required.get(suite, set()))
        if suite in required and not any(counts):
            print(f"required, but there are no cases under {data}")
            counts = (0, 1, 0)
        print(f"{suite}: {counts[0]} passed, {counts[1]} failed where all have to pass, {counts[2]} open or skipped\n")
        total = [a + b for a, b in zip(total, counts)]
    print(f"{total[0]} passed, {total[1]} failed, {total[2]} skipped")
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
