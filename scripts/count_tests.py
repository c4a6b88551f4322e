#!/usr/bin/env python3
"""Counts test cases in what a test runner left behind.

    count_tests.py FORMAT FILE [FOLDER]    prints "passed failed skipped"

FORMAT: ctest (FILE = JUnit report, FOLDER = GoogleTest's JSON reports), closing (a last line "N passed, N failed"), unittest,
vitest, tap, command (one case: the exit code alone says how it ended).
Exits 1 when the file does not say.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree


def count_gtest(report: dict) -> tuple[int, int, int]:
    passed = failed = skipped = 0
    for suite in report["testsuites"]:
        for case in suite["testsuite"]:
            if case.get("failures"):
                failed += 1
            elif case.get("result") == "COMPLETED":
                passed += 1
            else:  # SKIPPED by GTEST_SKIP, SUPPRESSED when disabled.
                skipped += 1
    return passed, failed, skipped


def count_ctest(junit: pathlib.Path, gtest_folder: pathlib.Path) -> tuple[int, int, int]:
    """Cases of each GoogleTest program; a program that has no report (another kind, or crashed) is one case."""
    total = [0, 0, 0]
    for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        status = case.get("status")
        report = gtest_folder / (case.get("name") + ".json")
        if report.is_file():
            counts = list(count_gtest(json.loads(report.read_text())))
            if status == "fail" and counts[1] == 0:
                counts[1] = 1  # It died outside its cases.
        else:
            counts = [int(status == "run"), int(status not in ("run", "disabled")), int(status == "disabled")]
        total = [a + b for a, b in zip(total, counts)]
    return tuple(total)


def count_closing_line(text: str) -> tuple[int, int, int]:
    """The last line that is nothing but "N passed, N failed[, N skipped]"."""
    found = re.findall(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", text, re.MULTILINE)
    if not found:
        raise ValueError("no line 'N passed, N failed'")
    return tuple(int(number or 0) for number in found[-1])


def count_unittest(text: str) -> tuple[int, int, int]:
    ran = re.findall(r"^Ran (\d+) tests? in ", text, re.MULTILINE)
    closing = re.findall(r"^(OK|FAILED|NO TESTS RAN)(?: \((.*)\))?$", text, re.MULTILINE)
    if not ran or not closing:
        raise ValueError("no closing lines of unittest")
    numbers = {key: int(n) for key, n in re.findall(r"([a-z ]+)=(\d+)", closing[-1][1])}
    numbers = {key.strip(): n for key, n in numbers.items()}
    failed = sum(numbers.get(key, 0) for key in ("failures", "errors", "unexpected successes"))
    skipped = numbers.get("skipped", 0)
    return max(int(ran[-1]) - failed - skipped, 0), failed, skipped


def count_vitest(report: dict) -> tuple[int, int, int]:
    failed = report["numFailedTests"]
    if not report["success"] and failed == 0:
        failed = 1  # A file that did not load has no cases.
    return report["numPassedTests"], failed, report["numPendingTests"] + report.get("numTodoTests", 0)


def count_tap(text: str) -> tuple[int, int, int]:
    numbers = dict(re.findall(r"^# (pass|fail|cancelled|skipped|todo) (\d+)$", text, re.MULTILINE))
    if "pass" not in numbers:
        raise ValueError("no summary of node --test")
    number = {key: int(n) for key, n in numbers.items()}
    return (number["pass"], number["fail"] + number.get("cancelled", 0),
            number.get("skipped", 0) + number.get("todo", 0))


def main(arguments: list[str]) -> int:
    kind, path = arguments[0], pathlib.Path(arguments[1])
    try:
        if kind == "ctest":
            counts = count_ctest(path, pathlib.Path(arguments[2]))
        elif kind == "vitest":
            counts = count_vitest(json.loads(path.read_text()))
        else:
            counts = {"closing": count_closing_line, "unittest": count_unittest, "tap": count_tap,
                      "command": lambda _: (1, 0, 0)}[kind](path.read_text(errors="replace"))
    except (OSError, ValueError, KeyError, xml.etree.ElementTree.ParseError) as error:
        print(f"{path}: {error!r}", file=sys.stderr)
        return 1
    print(*counts)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
