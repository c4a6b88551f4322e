"""The configurations that the project ships are loaded, by the server that they are for and by promtool."""

import os
import pathlib
import re
import shutil
import subprocess
import unittest

from tests.e2e.lib.narthex_e2e import Narthex, ROOT, peer_binary

# A file with global or scrape_configs is a configuration; what they read (targets) is loaded with them.
EXAMPLES = sorted([*ROOT.glob("config/*.yml"), *ROOT.glob("config/examples/*.yml"), *ROOT.glob("docker/*narthex.yml")])
POD_CA = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
SOME_CA = "/etc/ssl/certs/ca-certificates.crt"


def promtool_binary() -> str:
    """$PROMTOOL_BIN, or promtool beside the Prometheus that the tests use: Debian ships both in one package."""
    beside = pathlib.Path(os.environ.get("PROMETHEUS_BIN", "prometheus")).with_name("promtool")
    return str(beside) if beside.is_file() and not os.environ.get("PROMTOOL_BIN") else peer_binary("PROMTOOL_BIN", "promtool")


class Examples(unittest.TestCase):
    def test_there_are_some(self):
        self.assertGreaterEqual(len(EXAMPLES), 6, EXAMPLES)

    def test_the_server_starts_with_each(self):
        for example in EXAMPLES:
            with self.subTest(example=example.name):
                server = Narthex(config="")
                self.addCleanup(server.close)
                # With what stands beside it, and away from the sources.
                shutil.copytree(example.parent, server.directory, dirs_exist_ok=True)
                server.config_path = server.directory / example.name
                # Only a pod has a service account, and a CA that cannot be read is refused.
                server.config_path.write_text(example.read_text().replace(POD_CA, SOME_CA))
                server.start()
                wanted = sum(line.startswith("  - job_name:") for line in example.read_text().splitlines())
                shown = server.api("status/config")["yaml"].count("- job_name:")
                self.assertEqual(shown, wanted)
                self.assertGreater(wanted, 0)

    def test_promtool_accepts_each(self):
        promtool = promtool_binary()
        for example in EXAMPLES:
            with self.subTest(example=example.name):
                checked = subprocess.run([promtool, "check", "config", "--syntax-only", str(example)],
                                         capture_output=True, text=True, timeout=60, check=False)
                if re.search(r"field \w+_sd_configs not found", checked.stderr + checked.stdout):
                    self.skipTest(f"{promtool} was built without a discovery of {example.name}")
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_the_list_of_machines_is_read(self):
        server = Narthex(config="")
        self.addCleanup(server.close)
        shutil.copytree(ROOT / "config" / "examples", server.directory, dirs_exist_ok=True)
        server.config_path = server.directory / "machines.yml"
        server.start()
        # The names lead nowhere; the labels are what the file and the relabelling make of them.
        up = server.wait_for_vector('up{job="node", role="database"}', count=2, seconds=60)
        self.assertTrue(any('instance="db1.example.org"' in labels for labels in up), up)


if __name__ == "__main__":
    unittest.main()
