"""A real Prometheus beside the server under test: both scrape one exporter, and what Prometheus sends by remote write is
answered here as it is there."""

import math
import time
import unittest

from tests.e2e.lib.narthex_e2e import (FakeTarget, Narthex, NodeExporter, Prometheus, scrape_config, series_text, wait_until)

# What a node dashboard asks, and what exercises joins, subqueries and offsets.
QUERIES = (
    'up{job="node"}',
    'count by (mode) (node_cpu_seconds_total)',
    '100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5s])) * 100',
    'sum by (mode) (irate(node_cpu_seconds_total[5s]))',
    'topk(3, sum by (mode) (increase(node_cpu_seconds_total[5s])))',
    'node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes',
    '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes',
    'node_load1 > bool 0.5',
    'max_over_time(node_memory_MemFree_bytes[3s]) - min_over_time(node_memory_MemFree_bytes[3s])',
    'avg_over_time(node_load1[3s])',
    'stddev_over_time(node_memory_MemFree_bytes[4s])',
    'quantile_over_time(0.9, node_memory_MemFree_bytes[4s])',
    'rate(node_network_receive_bytes_total[5s])',
    'sum(rate(node_network_receive_bytes_total{device!="lo"}[5s])) by (device)',
    'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} / node_filesystem_size_bytes',
    'predict_linear(node_memory_MemFree_bytes[5s], 3600)',
    'deriv(node_memory_MemFree_bytes[5s])',
    'changes(node_load1[5s])',
    'resets(node_context_switches_total[5s])',
    'node_uname_info * on (instance) group_left (nodename) up',
    'label_replace(node_load1, "host", "$1", "instance", "(.*):.*")',
    'absent(node_no_such_metric{job="node"})',
    'max_over_time(rate(node_context_switches_total[3s])[4s:500ms])',
    'node_context_switches_total - node_context_switches_total offset 2s',
    'sort_desc(count by (__name__) ({__name__=~"node_memory_A.*"}))',
    'histogram_quantile(0.9, sum by (le) (rate(go_gc_heap_allocs_by_size_bytes_total_bucket[5s])))',
    'scalar(count(node_cpu_seconds_total)) + vector(1)',
    'clamp_max(node_load5, 0.1)',
    'time() - node_boot_time_seconds',
    'sum without (cpu, mode) (node_cpu_seconds_total) or node_load15',
    'node_cpu_seconds_total unless on (mode) node_cpu_seconds_total{mode=~"i.*"}',
    'timestamp(node_load1)',
)


def number_text(text: str) -> float | str:
    value = float(text)
    return "NaN" if math.isnan(value) else value


def close(a, b) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


class SameAnswers(unittest.TestCase):
    def assert_same_matrix(self, expression: str, ours: list, theirs: list):
        """Equal series, equal timestamps, equal values (sums may be added up in another order: 1e-9)."""
        def table(result):
            return {series_text(s["metric"]): [(float(t), number_text(v)) for t, v in s["values"]] for s in result}

        mine, reference = table(ours), table(theirs)
        self.assertEqual(sorted(mine), sorted(reference), expression)
        for name, points in reference.items():
            self.assertEqual([t for t, _ in mine[name]], [t for t, _ in points], f"{expression}: {name}")
            for (_, a), (t, b) in zip(mine[name], points):
                self.assertTrue(close(a, b), f"{expression}: {name} at {t}: {a} here, {b} there")

    def assert_same_vector(self, expression: str, ours: dict, theirs: dict):
        self.assertEqual(sorted(ours), sorted(theirs), expression)
        for name, value in theirs.items():
            a, b = number_text(str(ours[name])), number_text(str(value))
            self.assertTrue(close(a, b), f"{expression}: {name}: {a} here, {b} there")


class BothScrapeOneExporter(SameAnswers):
    def test_the_same_series_with_the_same_constants(self):
        exporter = NodeExporter()
        self.addCleanup(exporter.close)
        exporter.start()
        config = scrape_config(exporter.address, job="node")
        with Prometheus(config) as peer, Narthex(config) as server:
            for each in (peer, server):
                each.wait_for_vector('count_over_time(up{job="node"}[1m]) >= 3')
            for expression in ('count by (__name__) ({job="node",__name__!~"scrape_.*"})', "node_boot_time_seconds",
                               "node_memory_MemTotal_bytes", "node_uname_info", 'up{job="node"}',
                               "scrape_samples_scraped"):
                self.assert_same_vector(expression, server.vector(expression), peer.vector(expression))
            for path in ("labels", "label/__name__/values", "label/mode/values"):
                # Newer releases have more series about the scrape itself.
                mine, reference = (sorted(v for v in each.api(path) if not v.startswith("scrape_")) for each in (server, peer))
                self.assertEqual(mine, reference, path)

    def test_samples_with_timestamps_of_their_own_are_equal_to_the_last_bit(self):
        """A target that states its timestamps: both servers store the very same samples, so every answer must be equal."""
        start = int(time.time()) - 100
        with FakeTarget() as target, Prometheus(scrape_config(target.address)) as peer, \
                Narthex(scrape_config(target.address)) as server:
            for step in range(12):
                at = (start + step) * 1000
                counter = step * 1.1 if step < 7 else (step - 7) * 0.7  # A reset in the middle.
                target.body = (f"# TYPE c counter\nc{{a=\"1\"}} {counter!r} {at}\nc{{a=\"2\"}} {step * step} {at}\n"
                               f"# TYPE g gauge\ng {math.sin(step)!r} {at}\n")
                for each in (peer, server):
                    wait_until(lambda: each.vector("timestamp(g)", at=start + step).get(target_text("", target)) == start + step,
                               10, f"step {step} did not arrive at {each.command()[0]}")
            for expression in ("c", "g", "rate(c[5s])", "increase(c[4s])", "delta(g[5s])", "sum(c) by (a)", "resets(c[20s])",
                               "avg_over_time(g[3s])", "stdvar_over_time(g[6s])", "deriv(g[5s])", "irate(c[5s])", "g ^ 2 % 0.3",
                               "sum_over_time(c[5s]) / ignoring (a) group_left () count_over_time(g[5s])"):
                # Between the samples: Prometheus 2 counts a sample at the very start of a range, 3 does not.
                ours, theirs = (each.query_range(expression, start + 0.5, start + 12, 1) for each in (server, peer))
                self.assertTrue(theirs, expression)
                self.assert_same_matrix(expression, ours, theirs)


def target_text(name: str, target: FakeTarget) -> str:
    return series_text({"__name__": name, "instance": target.address, "job": "test"} if name else
                       {"instance": target.address, "job": "test"})


class RemoteWriteFromPrometheus(SameAnswers):
    """Prometheus scrapes, sends what it scraped, and both answer the same questions."""

    @classmethod
    def setUpClass(cls):
        cls.exporter = NodeExporter()
        cls.addClassCleanup(cls.exporter.close)
        cls.exporter.start()
        cls.server = Narthex("global: {}\n", ["--web.enable-remote-write-receiver"])
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        config = scrape_config(cls.exporter.address, job="node") + (
            f"remote_write:\n  - url: {cls.server.url}/api/v1/write\n"
            "    queue_config:\n      batch_send_deadline: 100ms\n")
        cls.peer = Prometheus(config)
        cls.addClassCleanup(cls.peer.close)
        cls.peer.start()
        cls.peer.wait_for_vector('count_over_time(up{job="node"}[1m]) >= 32')
        # Half-way between two scrapes: Prometheus 2 counts a sample at the very start of a range, 3 does not.
        cls.end = round(cls.newest(cls.peer) - 0.125, 3)
        # Everything up to `end` has arrived when the server holds a sample later than that.
        wait_until(lambda: cls.newest(cls.server) > cls.end, 30,
                   "the samples did not arrive by remote write")

    @staticmethod
    def newest(server) -> float:
        return next(iter(server.vector('timestamp(up{job="node"})').values()), 0.0)

    def test_instant_queries_agree(self):
        for expression in QUERIES:
            with self.subTest(expression):
                ours, theirs = (each.vector(expression, at=self.end) for each in (self.server, self.peer))
                self.assert_same_vector(expression, ours, theirs)

    def test_range_queries_agree(self):
        answered = 0
        for expression in QUERIES:
            with self.subTest(expression):
                ours, theirs = (each.query_range(expression, self.end - 6, self.end, 0.5) for each in (self.server, self.peer))
                self.assert_same_matrix(expression, ours, theirs)
                answered += bool(theirs)
        self.assertGreater(answered, len(QUERIES) * 3 // 4)

    def test_the_peer_saw_no_failure(self):
        self.assertEqual(self.peer_total("prometheus_remote_storage_samples_failed_total"), 0)
        self.assertEqual(self.peer_total("prometheus_remote_storage_samples_dropped_total"), 0)
        self.assertGreater(self.peer_total("prometheus_remote_storage_samples_total"), 1000)

    def peer_total(self, name: str) -> float:
        lines = [line for line in self.peer.get("/metrics").text.splitlines() if line.startswith(name + "{")]
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines)

    def test_metadata_and_label_apis_agree(self):
        for path in ("labels", "label/__name__/values", "label/mode/values"):
            self.assertEqual(self.server.api(path, {"start": self.end - 5, "end": self.end}),
                             self.peer.api(path, {"start": self.end - 5, "end": self.end}), path)
        ours, theirs = ({series_text(s) for s in each.api("series", {"match[]": '{job="node"}', "start": self.end - 5, "end": self.end})}
                        for each in (self.server, self.peer))
        self.assertEqual(ours, theirs)


if __name__ == "__main__":
    unittest.main()
