"""The server's own metrics: readable by the official Python client, and described in docs/self-metrics.md."""

import re
import subprocess
import unittest

from tests.e2e.interop.test_exporters import interpreter_with_client
from tests.e2e.lib.narthex_e2e import ROOT, Narthex, Prometheus, scrape_config

ROW = re.compile(r"^\| `([a-z0-9_]+)` \| (counter|gauge|histogram|summary) \| ([^|]*) \|", re.MULTILINE)
PARSE = """
import sys
from prometheus_client.parser import text_string_to_metric_families
for family in text_string_to_metric_families(sys.stdin.read()):
    print(family.name, family.type, len(family.samples))
"""


class SelfMetrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Narthex("global: {}\n")
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.server.write_config(scrape_config(cls.server.address, job="self"))
        cls.server.kill()
        cls.server.start()
        cls.server.wait_for_vector('up{job="self"} == 1')
        cls.server.wait_for_vector("rate(prometheus_http_requests_total[1m])")
        cls.text = cls.server.get("/metrics").text

    def test_the_page_describes_what_the_server_shows(self):
        families = re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE)
        shown = dict(families)
        described = {name: kind for name, kind, _ in ROW.findall((ROOT / "docs/self-metrics.md").read_text())}
        self.assertEqual(sorted(shown.items() - described.items()), [], "not described, or with another type")
        self.assertEqual(sorted(described.items() - shown.items()), [], "described, but not there")

    def test_storage_shows_all_that_a_real_prometheus_shows(self):
        with Prometheus("storage: {tsdb: {out_of_order_time_window: 10m}}\n") as peer:
            theirs = re.findall(r"^# TYPE (prometheus_tsdb_\S+) (\S+)$", peer.get("/metrics").text, re.MULTILINE)
        ours = re.findall(r"^# TYPE (prometheus_tsdb_\S+) (\S+)$", self.text, re.MULTILINE)
        self.assertGreater(len(theirs), 50)
        self.assertEqual(sorted(set(theirs) - set(ours)), [], "missing, or of another type")

    def test_the_official_client_reads_it(self):
        done = subprocess.run([interpreter_with_client(), "-c", PARSE], input=self.text, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        families = len(re.findall(r"^# TYPE ", self.text, re.MULTILINE))
        self.assertEqual(len(done.stdout.splitlines()), families)

    def test_the_numbers_move(self):
        self.assertGreater(self.server.metric("process_resident_memory_bytes"), 1_000_000)
        self.assertEqual(self.server.metric("prometheus_config_last_reload_successful"), 1)
        before = self.server.metric("prometheus_engine_query_samples_total")
        self.server.wait_for_vector('count_over_time(up{job="self"}[1m]) >= 8')
        self.assertGreater(self.server.metric("prometheus_engine_query_samples_total"), before)

    def test_storage_shows_what_it_holds(self):
        series = len(self.server.query('{job="self"}'))
        self.assertGreater(series, 50)
        self.assertGreaterEqual(self.server.metric("prometheus_tsdb_head_series"), series)
        self.assertGreater(self.server.metric("prometheus_tsdb_head_samples_appended_total", 'type="float"'), series)


if __name__ == "__main__":
    unittest.main()
