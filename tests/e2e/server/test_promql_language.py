"""The outside cases of PromQL over HTTP: samples come by remote write, questions and answers by the API.

The cases and the program that asks them stand in $CONFORMANCE_DIR/promql. A server is started for each section of a file.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from tests.e2e.lib.narthex_e2e import ROOT, free_port, narthex_binary

SECONDS_MAX = 600
FEATURES = ("promql-experimental-functions", "promql-extended-range-selectors", "promql-binop-fill-modifiers",
            "promql-delayed-name-removal")
# One wide block, since samples of a section go back to the epoch in any order.
ARGS = ("--storage.tsdb.min-block-duration=24h", "--storage.tsdb.max-block-duration=24h", "--web.enable-remote-write-receiver")
# Cases that HTTP cannot ask: what they evaluate, and why.
UNASKABLE = {
    'avg(data{test="inf3"})': "of two samples at one time upstream's scripts keep the last, remote write the first",
}
PER_FILE = re.compile(r"^(?P<file>\S+) +(?P<passed>\d+) passed +(?P<failed>\d+) failed +\d+ skipped$", re.MULTILINE)


def data_folder() -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance")) / "promql"
    if not any(folder.glob("*.test")):
        raise unittest.SkipTest(f"no cases in {folder} (set CONFORMANCE_DIR)")
    return folder


class Language(unittest.TestCase):
    def test_every_case_that_http_can_ask(self):
        folder, binary = data_folder(), narthex_binary().resolve()
        runner = next(folder.glob("run_*.py"), None)
        if runner is None:
            self.skipTest(f"no runner in {folder}")
        with tempfile.TemporaryDirectory(prefix="narthex-e2e-") as directory:
            config, report = pathlib.Path(directory, "narthex.yml"), pathlib.Path(directory, "failures.json")
            config.write_text("global: {}\n")
            command = " ".join([str(binary), f"--config.file={config}", "--web.listen-address={addr}", "--storage.tsdb.path={dir}",
                                *ARGS, f"--enable-feature={','.join(FEATURES)}"])
            done = subprocess.run(
                [sys.executable, runner, "--cmd", command, "--port", str(free_port()), "--json", report, *sorted(folder.glob("*.test"))],
                capture_output=True, text=True, timeout=SECONDS_MAX, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            failures = json.loads(report.read_text())

        files = {row["file"]: row for row in PER_FILE.finditer(done.stdout)}
        self.assertEqual(set(files), {path.name for path in folder.glob("*.test")}, done.stdout)
        for failure in failures:
            if any(failure["eval"].endswith(expression) for expression in UNASKABLE):
                continue
            with self.subTest(file=failure["file"], line=failure["line"]):
                self.fail(f"{failure['eval']}\n{failure['why']}")
        self.assertGreater(sum(int(row["passed"]) for row in files.values()), 0, done.stdout)


if __name__ == "__main__":
    unittest.main()
