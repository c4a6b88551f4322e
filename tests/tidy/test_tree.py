"""Holds the project to its rules: one test a rule."""

import pathlib
import shutil
import subprocess
import unittest

from tests.tidy import rules

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Tree(unittest.TestCase):
    maxDiff = None

    def check(self, rule):
        offences = rule(ROOT)
        if offences:
            self.fail(f"{rule.__name__}: {len(offences)} offences\n" + "\n".join(offences))

    def test_shell_scripts_pass_shellcheck(self):
        checker = shutil.which("shellcheck")
        if not checker:
            self.skipTest("shellcheck is not installed")
        scripts = sorted(str(p) for p in (ROOT / "scripts").glob("*.sh")) + [str(ROOT / ".ci/run")]
        done = subprocess.run([checker, "-x", *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_cpp_is_formatted(self):
        formatter = shutil.which("clang-format-19")
        if not formatter:
            self.skipTest("clang-format-19 is not installed")
        listed = subprocess.run(["git", "ls-files", "*.cc", "*.h"], cwd=ROOT, capture_output=True, text=True, check=True)
        done = subprocess.run([formatter, "--dry-run", "-Werror", *listed.stdout.split()],
                              cwd=ROOT, capture_output=True, text=True, check=False)
        offences = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "-Wclang-format-violations" in line})
        self.assertEqual(offences, [], "run clang-format-19 -i on these")


def add_rule(rule):
    setattr(Tree, "test_" + rule.__name__.removeprefix("check_"), lambda self: self.check(rule))


for each_rule in rules.RULES:
    add_rule(each_rule)


if __name__ == "__main__":
    unittest.main()
