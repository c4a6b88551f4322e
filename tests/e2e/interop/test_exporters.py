"""Other people's exporters, scraped for real: Debian's node_exporter and a program with the official Python client."""

import math
import pathlib
import re
import subprocess
import sys
import unittest

from tests.e2e.lib.narthex_e2e import (HttpServerProcess, Narthex, NodeExporter, scrape_config, wait_until)

HERE = pathlib.Path(__file__).resolve().parent


def interpreter_with_client() -> str:
    """A Python that has the official client: this one, or Debian's. Skips the test without."""
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and subprocess.run([python, "-c", "import prometheus_client"], capture_output=True,
                                                            check=False).returncode == 0:
            return python
    raise unittest.SkipTest("python3-prometheus-client is not installed")


class PythonClientApp(HttpServerProcess):
    ready_path = "/metrics"

    def __init__(self):
        self.python = interpreter_with_client()
        super().__init__()

    def command(self) -> list[str]:
        return [self.python, str(HERE / "python_client_app.py"), str(self.port)]


def sample_lines(exposition: str) -> list[str]:
    return [line for line in exposition.splitlines() if line and not line.startswith("#")]


class NodeExporterIsScraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.exporter = NodeExporter()
        cls.addClassCleanup(cls.exporter.close)
        cls.exporter.start()
        cls.server = Narthex(scrape_config(cls.exporter.address, job="node"))
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.server.wait_for_vector('up{job="node"} == 1')

    def test_every_exposed_sample_is_stored(self):
        exposed = {re.match(r"[a-zA-Z_:][\w:]*", line)[0] for line in sample_lines(self.exporter.get("/metrics").text)}
        stored = {name for name in self.server.api("label/__name__/values")}
        self.assertGreater(len(exposed), 50)
        self.assertEqual(exposed - stored, set())
        scraped = self.server.vector('scrape_samples_scraped{job="node"}')
        self.assertGreater(next(iter(scraped.values())), 100)
        # Everything that the last scrape brought is what an instant query sees, beside the series about the scrape itself.
        def counts_agree():
            got = self.server.vector('count({job="node",__name__!~"up|scrape_.*"}) == on() scrape_samples_scraped{job="node"}')
            return len(got) == 1
        wait_until(counts_agree, 20, "the number of series is not the number of scraped samples")

    def test_constant_values_are_exact(self):
        exposed = dict(line.rsplit(" ", 1) for line in sample_lines(self.exporter.get("/metrics").text))
        for name in ("node_boot_time_seconds", "node_memory_MemTotal_bytes"):
            with self.subTest(name):
                stored = self.server.vector(name)
                self.assertEqual(list(stored.values()), [float(exposed[name])])

    def test_a_dashboard_query_gives_a_line(self):
        self.server.wait_for_vector('count_over_time(node_cpu_seconds_total{cpu="0",mode="idle"}[1m]) >= 8')
        idle = self.server.vector('avg(irate(node_cpu_seconds_total{mode="idle"}[1m]))')
        value = next(iter(idle.values()))
        self.assertGreaterEqual(value, 0)
        self.assertLess(value, 1.5)

    def test_metadata_says_what_the_exporter_says(self):
        metadata = self.server.api("metadata", {"metric": "node_cpu_seconds_total"})["node_cpu_seconds_total"][0]
        self.assertEqual(metadata["type"], "counter")
        self.assertIn("Seconds the CPUs spent in each mode", metadata["help"])

    def test_the_target_is_shown_healthy(self):
        targets = self.server.api("targets", {"state": "active"})["activeTargets"]
        self.assertEqual(len(targets), 1)
        self.assertEqual(targets[0]["health"], "up")
        self.assertEqual(targets[0]["lastError"], "")
        self.assertEqual(targets[0]["labels"], {"instance": self.exporter.address, "job": "node"})


class ATargetThatGoesAway(unittest.TestCase):
    def test_its_series_end_and_come_back(self):
        exporter = NodeExporter()
        self.addCleanup(exporter.close)
        exporter.start()
        with Narthex(scrape_config(exporter.address, job="node")) as server:
            server.wait_for_vector("node_boot_time_seconds")
            exporter.kill()
            server.wait_for_vector('up{job="node"} == 0')
            # The stale marker ends the series at once and not five minutes later.
            wait_until(lambda: not server.vector("node_boot_time_seconds"), 10, "the series of a dead target go on")
            target = server.api("targets")["activeTargets"][0]
            self.assertEqual(target["health"], "down")
            self.assertNotEqual(target["lastError"], "")
            exporter.start()
            server.wait_for_vector("node_boot_time_seconds")


class PythonClientIsScraped(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.app = PythonClientApp()
        cls.addClassCleanup(cls.app.close)
        cls.app.start()
        cls.server = Narthex(scrape_config(cls.app.address, job="app"))
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.server.wait_for_vector('up{job="app"} == 1')

    def by_label(self, expression: str, label: str) -> dict[str, float]:
        return {s["metric"].get(label, ""): float(s["value"][1]) for s in self.server.query(expression)}

    def test_label_values_with_every_kind_of_character(self):
        self.assertEqual(self.by_label("app_requests_total", "path"),
                         {"/": 3, '/with "quotes" \\ and\nnewline': 1.5, "/grüße/日本": 1})

    def test_values_at_the_edges(self):
        values = self.by_label("app_special", "kind")
        self.assertEqual(values["inf"], math.inf)
        self.assertEqual(values["minus_inf"], -math.inf)
        self.assertTrue(math.isnan(values["nan"]))
        self.assertEqual(values["tiny"], 5e-324)
        self.assertEqual(values["large"], 1.7976931348623157e308)
        self.assertEqual(math.copysign(1, values["negative_zero"]), -1)
        self.assertEqual(values["third"], 1 / 3)

    def test_histograms_and_quantiles(self):
        self.assertEqual(self.by_label("app_latency_seconds_bucket", "le"), {"0.1": 1, "0.5": 3, "1.0": 4, "+Inf": 5})
        median = self.server.vector("histogram_quantile(0.5, app_latency_seconds_bucket)")
        # Rank 2.5 of 5: 1.5 of the 2 observations between 0.1 and 0.5.
        self.assertAlmostEqual(next(iter(median.values())), 0.1 + 0.4 * 0.75)
        self.assertEqual(list(self.server.vector("app_size_bytes_sum").values()), [300])

    def test_types_reach_the_metadata(self):
        metadata = self.server.api("metadata")
        self.assertEqual(metadata["app_latency_seconds"][0], {"type": "histogram", "help": "Latency.", "unit": ""})
        self.assertEqual(metadata["app_size_bytes"][0]["type"], "summary")
        self.assertEqual(metadata["app_special"][0]["type"], "gauge")


if __name__ == "__main__":
    unittest.main()
