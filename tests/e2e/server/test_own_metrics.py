"""The server's own metrics as a real Prometheus takes them by protobuf: native histograms and classic ones."""

import subprocess
import unittest

from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, peer_binary, wait_until

DURATION = "prometheus_http_request_duration_seconds"


class OwnMetrics(unittest.TestCase):
    def test_a_prometheus_takes_native_histograms(self):
        version = subprocess.run([peer_binary("PROMETHEUS_BIN", "prometheus"), "--version"], capture_output=True, text=True, check=False)
        if " version 2." in version.stdout + version.stderr:
            self.skipTest("version 2 of Prometheus cannot be told to scrape by protobuf alone")
        with Narthex(config="global: {}\n") as server:
            for _ in range(20):
                server.get("/api/v1/query?query=1")
            config = ("global: {scrape_interval: 1s, scrape_timeout: 1s, scrape_protocols: [PrometheusProto]}\nscrape_configs:\n"
                      f"- job_name: narthex\n  always_scrape_classic_histograms: true\n  static_configs: [{{targets: ['{server.address}']}}]\n")
            with Prometheus(config, args=["--enable-feature=native-histograms"]) as prometheus:
                series = DURATION + '{handler="/api/v1/query"}'
                wait_until(lambda: prometheus.query(series), 20, f"{series} is not there")
                histogram = prometheus.query(series)[0]["histogram"][1]
                self.assertEqual(int(histogram["count"]), 20)
                self.assertEqual(sum(int(bucket[3]) for bucket in histogram["buckets"]), 20)
                classic = prometheus.vector(DURATION + '_bucket{handler="/api/v1/query",le="+Inf"}')
                self.assertEqual(list(classic.values()), [20])
                self.assertEqual(list(prometheus.vector('up{job="narthex"}').values()), [1])


if __name__ == "__main__":
    unittest.main()
