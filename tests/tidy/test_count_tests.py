"""scripts/count_tests.py on what the test runners write."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/count_tests.py"


class CountTests(unittest.TestCase):
    def count(self, kind: str, text: str, *more: str) -> str:
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "report"
            path.write_text(text)
            done = subprocess.run([sys.executable, str(SCRIPT), kind, str(path), *more], capture_output=True, text=True, check=False)
            return done.stdout.strip() if done.returncode == 0 else "unreadable"

    def test_the_last_closing_line_counts(self):
        self.assertEqual(self.count("closing", "x.test: 3 passed, 0 failed\n3 passed, 0 failed\n4 passed, 1 failed, 2 skipped\n"), "4 1 2")
        self.assertEqual(self.count("closing", "3 passed, 0 failed\n"), "3 0 0")
        self.assertEqual(self.count("closing", "killed\n"), "unreadable")

    def test_a_command_is_one_case(self):
        self.assertEqual(self.count("command", "anything\n"), "1 0 0")

    def test_unittest(self):
        self.assertEqual(self.count("unittest", "Ran 5 tests in 0.1s\n\nOK\n"), "5 0 0")
        self.assertEqual(self.count("unittest", "Ran 9 tests in 0.1s\n\nFAILED (failures=1, errors=2, skipped=3)\n"), "3 3 3")
        self.assertEqual(self.count("unittest", "Ran 4 tests in 1s\n\nOK (skipped=4)\n"), "0 0 4")
        self.assertEqual(self.count("unittest", "Traceback\n"), "unreadable")

    def test_tap(self):
        self.assertEqual(self.count("tap", "ok 1\n# tests 4\n# pass 2\n# fail 1\n# cancelled 0\n# skipped 1\n# todo 0\n"), "2 1 1")

    def test_vitest(self):
        report = {"numPassedTests": 3, "numFailedTests": 0, "numPendingTests": 1, "success": True}
        self.assertEqual(self.count("vitest", json.dumps(report)), "3 0 1")
        self.assertEqual(self.count("vitest", json.dumps({**report, "success": False})), "3 1 1")

    def test_ctest_reads_the_cases_of_each_program(self):
        junit = ('<testsuite><testcase name="a_test" status="run"/><testcase name="crashed_test" status="fail"/>'
                 '<testcase name="died_late_test" status="fail"/></testsuite>')
        case = {"result": "COMPLETED"}
        report = {"testsuites": [{"testsuite": [case, {**case, "failures": [{}]}, {"result": "SKIPPED"}]}]}
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a_test.json").write_text(json.dumps(report))
            (pathlib.Path(folder) / "died_late_test.json").write_text(json.dumps({"testsuites": [{"testsuite": [case]}]}))
            self.assertEqual(self.count("ctest", junit, folder), "2 3 1")


if __name__ == "__main__":
    unittest.main()
