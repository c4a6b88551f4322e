"""A fleet as it stands in the field: exporters, gateways and servers of other projects, and recorded expositions, each scraped by its
usual configuration without one error."""

import json
import os
import pathlib
import unittest

from tests.e2e.lib.narthex_e2e import (FakeTarget, HttpServerProcess, Narthex, Prometheus, ROOT, peer_binary, scrape_config, wait_until)

CONFORMANCE = pathlib.Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance"))
MEDIA_TYPES = {"text": "text/plain; version=0.0.4", "openmetrics": "application/openmetrics-text; version=1.0.0; charset=utf-8"}


class BlackboxExporter(HttpServerProcess):
    ready_path = "/-/healthy"

    def command(self) -> list[str]:
        config = self.directory / "blackbox.yml"
        config.write_text("modules: {http_2xx: {prober: http, http: {preferred_ip_protocol: ip4}}, tcp_connect: {prober: tcp}}\n")
        return [peer_binary("BLACKBOX_EXPORTER_BIN", "prometheus-blackbox-exporter"), f"--config.file={config}",
                # It ends its probes this long before the scrape's own timeout.
                "--timeout-offset=0.1", f"--web.listen-address={self.address}"]


class Pushgateway(HttpServerProcess):
    def command(self) -> list[str]:
        return [peer_binary("PUSHGATEWAY_BIN", "prometheus-pushgateway"), f"--web.listen-address={self.address}"]


class Alertmanager(HttpServerProcess):
    def command(self) -> list[str]:
        config = self.directory / "alertmanager.yml"
        config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n")
        return [peer_binary("ALERTMANAGER_BIN", "prometheus-alertmanager"), f"--config.file={config}",
                f"--storage.path={self.directory}", f"--web.listen-address={self.address}", "--cluster.listen-address="]


class Fleet(unittest.TestCase):
    def run_program(self, program: HttpServerProcess) -> HttpServerProcess:
        self.addCleanup(program.close)
        return program.start()

    def start(self, config: str) -> Narthex:
        return self.run_program(Narthex(config))

    def assert_healthy(self, server: Narthex) -> None:
        """Several rounds of every target, and not one that failed or lost a sample."""
        server.wait_for_vector("count_over_time(up[1m]) >= 4")
        self.assertEqual(server.vector("min_over_time(up[1m]) < 1"), {})
        for target in server.api("targets", {"state": "active"})["activeTargets"]:
            self.assertEqual((target["health"], target["lastError"]), ("up", ""), target["scrapeUrl"])
        for refused in ("sample_duplicate_timestamp", "sample_out_of_order", "sample_out_of_bounds"):
            self.assertEqual(server.metric(f"prometheus_target_scrapes_{refused}_total"), 0, refused)


class Programs(Fleet):
    def test_blackbox_exporter_by_the_probe_pattern(self):
        exporter = self.run_program(BlackboxExporter())
        with FakeTarget("fine 1\n") as probed:
            server = self.start(f"""\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: blackbox
    metrics_path: /probe
    params: {{module: [http_2xx]}}
    static_configs:
      - targets: ['http://{probed.address}/path?a=b&c=d', 'http://127.0.0.1:1/']
    relabel_configs:
      - source_labels: [__address__]
        target_label: __param_target
      - source_labels: [__param_target]
        target_label: instance
      - target_label: __address__
        replacement: {exporter.address}
""")
            self.assert_healthy(server)
            success = {s["metric"]["instance"]: float(s["value"][1]) for s in server.query("probe_success")}
            self.assertEqual(success, {f"http://{probed.address}/path?a=b&c=d": 1, "http://127.0.0.1:1/": 0})
            self.assertTrue(server.query("probe_http_status_code == 200"))

    def test_pushgateway_with_honor_labels(self):
        gateway = self.run_program(Pushgateway())
        pushed = gateway.request("PUT", "/metrics/job/batch/instance/host7",
                                 "# TYPE done_seconds gauge\ndone_seconds{stage=\"a\"} 12.5\n")
        self.assertIn(pushed.status, (200, 202))
        server = self.start(scrape_config(gateway.address, job="push", interval="1s").replace("    static", "    honor_labels: true\n    static"))
        server.wait_for_vector("done_seconds")
        self.assert_healthy(server)
        self.assertEqual(server.vector("done_seconds"), {'done_seconds{instance="host7",job="batch",stage="a"}': 12.5})
        self.assertEqual(server.api("metadata", {"metric": "done_seconds"})["done_seconds"][0]["type"], "gauge")

    def test_alertmanager(self):
        alertmanager = Alertmanager()
        self.addCleanup(alertmanager.close)
        try:
            alertmanager.start()
        except RuntimeError as error:
            if "default.tmpl" in str(error):
                raise unittest.SkipTest("the templates of Debian's Alertmanager are not installed")
            raise
        server = self.start(scrape_config(alertmanager.address, job="alerts", interval="1s"))
        self.assert_healthy(server)
        self.assertTrue(server.query("alertmanager_build_info"))

    def test_a_prometheus_and_its_federation(self):
        with FakeTarget('fine{a="b"} 1\n') as target:
            source = self.run_program(Prometheus(scrape_config(target.address, job="leaf")))
            source.wait_for_vector("fine")
            server = self.start(f"""\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms}}
scrape_configs:
  - job_name: prometheus
    static_configs: [{{targets: ['{source.address}']}}]
  - job_name: federate
    honor_labels: true
    metrics_path: /federate
    params: {{"match[]": ['{{job="leaf"}}']}}
    static_configs: [{{targets: ['{source.address}']}}]
""")
            server.wait_for_vector("fine")
            server.wait_for_vector("count_over_time(up[1m]) >= 4", count=2)
            labels = [s["metric"] for s in server.query("fine")]
            self.assertEqual(labels, [{"__name__": "fine", "a": "b", "instance": target.address, "job": "leaf"}])
            self.assertTrue(server.query("prometheus_build_info"))
            for each in server.api("targets", {"state": "active"})["activeTargets"]:
                self.assertEqual((each["health"], each["lastError"]), ("up", ""))

    def test_a_prometheus_by_protobuf(self):
        with FakeTarget("fine 1\n") as target:
            source = self.run_program(Prometheus(scrape_config(target.address, job="leaf")))
            config = scrape_config(source.address, job="self", interval="1s")
            by_text = self.start(config)
            by_protobuf = self.start(config.replace("    static", "    scrape_protocols: [PrometheusProto]\n    static"))
            self.assert_healthy(by_text)
            self.assert_healthy(by_protobuf)

            def same_series():
                # Without what comes and goes between two scrapes, and with what both hold by now.
                wanted = '{job="self",__name__!~"up|scrape_.*"}'
                return set(by_text.vector(wanted)) == set(by_protobuf.vector(wanted))
            wait_until(same_series, 30, "text and protobuf do not bring the same series")
            self.assertEqual(by_text.api("metadata", {"metric": "prometheus_http_requests_total"}),
                             by_protobuf.api("metadata", {"metric": "prometheus_http_requests_total"}))


class RecordedExpositions(Fleet):
    """What other projects' exporters have sent, as files and inside the cases."""

    def recorded(self) -> list[tuple[str, str, bytes]]:
        folder = CONFORMANCE / "exposition"
        if not folder.is_dir():
            raise unittest.SkipTest(f"{folder} is not there")
        out = []
        for path in sorted(folder.glob("*.jsonl")):
            for line in path.read_text().splitlines():
                record = json.loads(line)
                if record.get("format") not in MEDIA_TYPES or not record["ok"] or record.get("mode"):
                    continue
                answer = record.get("prometheus_3_5") or {}
                # Bodies of real size that a Prometheus has taken whole.
                if not answer.get("accepts", True) or "input_base64" in record:
                    continue
                body = (folder / record["file"]).read_bytes() if "file" in record else record["input"].encode()
                if len(body) > 1500:
                    out.append((record["id"], record["format"], body))
        return out

    def test_each_is_scraped_without_an_error(self):
        recorded = self.recorded()
        self.assertGreater(len(recorded), 3)
        targets = []
        for _, form, body in recorded:
            target = FakeTarget(body, content_type=MEDIA_TYPES[form])
            self.addCleanup(target.close)
            targets.append(target)
        server = self.start(scrape_config(*(target.address for target in targets), interval="1s"))
        server.wait_for_vector("up", count=len(targets), seconds=60)
        errors = {each["labels"]["instance"]: each["lastError"]
                  for each in server.api("targets", {"state": "active"})["activeTargets"]}
        for (name, _, _), target in zip(recorded, targets):
            with self.subTest(name):
                self.assertEqual(errors[target.address], "")


if __name__ == "__main__":
    unittest.main()
