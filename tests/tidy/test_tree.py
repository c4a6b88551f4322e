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


def add_rule(rule):
    setattr(Tree, "test_" + rule.__name__.removeprefix("check_"), lambda self: self.check(rule))


for each_rule in rules.RULES:
    add_rule(each_rule)


if __name__ == "__main__":
    unittest.main()
