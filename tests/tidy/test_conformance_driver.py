"""scripts/conformance.py with a runner made for the purpose."""

import os
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/conformance.py"

RUNNER = textwrap.dedent("""\
    #!/bin/sh
    case $1 in
      "") echo "usage: conformance alpha|beta FOLDER [--filter TEXT]" >&2; exit 2 ;;
      alpha) echo "one.test: 3 passed, 0 failed"; echo "two.test: 1 passed, 2 failed, 1 skipped"; echo "4 passed, 2 failed"; exit 1 ;;
      beta) case $2 in */beta) echo "b.jsonl: 5 passed, 0 failed" ;; esac; echo "0 passed, 0 failed" ;;
    esac
    """)


class ConformanceDriver(unittest.TestCase):
    def run_driver(self, required: str) -> tuple[int, str]:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "data").mkdir()
            (root / "runner").write_text(RUNNER)
            (root / "runner").chmod(0o755)
            (root / "required.txt").write_text(required)
            done = subprocess.run([sys.executable, str(SCRIPT), str(root / "runner"), str(root / "required.txt")], text=True,
                                  capture_output=True, check=False, env={**os.environ, "CONFORMANCE_DIR": str(root / "data")})
            return done.returncode, done.stdout.splitlines()[-1]

    def test_failures_in_files_that_are_not_required_are_open_gaps(self):
        self.assertEqual(self.run_driver("alpha one  # comment\n"), (0, "9 passed, 0 failed, 3 skipped"))

    def test_failures_in_required_files_fail(self):
        self.assertEqual(self.run_driver("alpha one two\n"), (1, "9 passed, 2 failed, 1 skipped"))
        self.assertEqual(self.run_driver("alpha *\n"), (1, "9 passed, 2 failed, 1 skipped"))

    def test_a_required_suite_that_is_missing_fails(self):
        self.assertEqual(self.run_driver("gamma *\n"), (1, "9 passed, 1 failed, 3 skipped"))


if __name__ == "__main__":
    unittest.main()
