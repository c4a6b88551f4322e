"""/federate of the server under test and of a real Prometheus with the same samples: the same bodies, and the same series for whoever scrapes
them, which both do, as text and as protobuf."""

import struct
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, series_text, wait_until
from tests.e2e.lib.same_answers import SameAnswers, difference

ARGS = ["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"]
EXTERNAL = "global:\n  external_labels: {cluster: eu, job: never}\n"
STALE_NAN = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
FORMATS = {"text": "PrometheusText0.0.4", "protobuf": "PrometheusProto"}


def samples(now: int) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """All within the five minutes that are looked back, some ended by a stale marker."""
    at = now * 1000
    out = [({"__name__": "requests_total", "job": "app", "instance": f"h{n}:80", "code": code}, [(at - 60_000, n + 0.5), (at - 30_000 + n, n + 1.25)])
           for n in range(5) for code in ("200", "500")]
    out += [({"__name__": "no_instance", "job": "app", "text": 'a"b\\c\nd\u00e4'}, [(at - 10_000, -1e-300)]),
            ({"__name__": "odd_values", "job": "app", "instance": "x", "kind": "inf"}, [(at - 10_000, float("-inf"))]),
            ({"__name__": "odd_values", "job": "app", "instance": "x", "kind": "big"}, [(at - 10_000, 1e21)]),
            ({"__name__": "odd_values", "job": "app", "instance": "x", "kind": "nan"}, [(at - 10_000, float("nan"))]),
            ({"__name__": "gone", "job": "app", "instance": "x"}, [(at - 20_000, 1.0), (at - 10_000, STALE_NAN)]),
            ({"__name__": "long_ago", "job": "app", "instance": "x"}, [(at - 400_000, 1.0)]),
            ({"__name__": "own_cluster", "job": "app", "instance": "x", "cluster": "us"}, [(at - 10_000, 3.0)])]
    return out


class Federation(SameAnswers):
    @classmethod
    def setUpClass(cls):
        cls.start_pair(EXTERNAL, ARGS)
        now = int(time.time())
        native = remote_write.histogram_series({"__name__": "native_seconds", "job": "app", "instance": "x"},
                                               [remote_write.histogram((now - 30) * 1000, [1, 2, 3], 9.5), remote_write.histogram((now - 15) * 1000, [2, 2, 4], 12.5)])
        for each in (cls.peer, cls.server):
            remote_write.write(each, samples(now))
            remote_write.write_encoded(each, [native])

    def test_the_bodies_are_the_same(self):
        for match in (['{job="app"}'], ["requests_total", 'requests_total{code="200"}'], ["nothing_there"], ['{__name__=~".+"}'], ["native_seconds"], ["{"], []):
            for accept in ("", "text/plain;version=0.0.4", "application/openmetrics-text;version=1.0.0", "text/plain;version=1.0.0;escaping=allow-utf-8"):
                self.assert_same("GET", "/federate", {"match[]": match}, {"Accept": accept} if accept else {})
        self.assert_same("POST", "/federate", {"match[]": "requests_total"})

    def test_protobuf_bodies_are_the_same(self):
        accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3"
        # Native histograms can be written in several ways: they are compared as they arrive, below.
        for match in ("requests_total", '{job="app",__name__!="native_seconds"}'):
            ours, theirs = (each.get("/federate", {"match[]": match}, {"Accept": accept}) for each in (self.server, self.peer))
            self.assertEqual(ours.headers["content-type"], theirs.headers["content-type"])
            self.assertEqual(ours.body, theirs.body, match)

    def test_compressed(self):
        for encoding in ("gzip", "deflate", "zstd", "br"):
            self.assert_same("GET", "/federate", {"match[]": '{job="app"}'}, {"Accept-Encoding": encoding})

    def test_whoever_scrapes_it_gets_the_same_series(self):
        config = "global:\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\nscrape_configs:\n"
        for name, protocol in FORMATS.items():
            config += (f"- job_name: federate-{name}\n  honor_labels: true\n  metrics_path: /federate\n  params:\n    'match[]': ['{{job=\"app\"}}']\n"
                       f"  scrape_protocols: [{protocol}]\n  static_configs:\n"
                       f"  - targets: ['{self.server.address}']\n    labels: {{format: {name}, source: narthex}}\n"
                       f"  - targets: ['{self.peer.address}']\n    labels: {{format: {name}, source: prometheus}}\n")
        with Narthex(config.replace("global:\n", "global:\n  scrape_native_histograms: true\n")) as ours, Prometheus(config, ["--enable-feature=native-histograms"]) as theirs:
            got = {}
            for scraper, server in (("narthex", ours), ("prometheus", theirs)):
                wait_until(lambda server=server: len(server.query("count by (format, source) ({job=\"app\"})")) == 4, 30, "no federation")
                for name in FORMATS:
                    for source in ("narthex", "prometheus"):
                        got[scraper, name, source] = self.held(server, name, source)
            for name in FORMATS:
                wanted = got["prometheus", name, "prometheus"]
                self.assertEqual(len(wanted), 15 if name == "text" else 16, sorted(wanted))
                for scraper, _, source in [key for key in got if key[1] == name]:
                    told = difference(got[scraper, name, source], wanted)
                    self.assertIsNone(told, f"{source} scraped by {scraper} as {name}: {told}")

    @staticmethod
    def held(server, name: str, source: str) -> dict[str, list]:
        """Series, without where they came from, with the samples that they have of their own times."""
        out = {}
        for one in server.query(f'{{job="app",format="{name}",source="{source}"}}[10m]'):
            labels = {k: v for k, v in one["metric"].items() if k not in ("format", "source")}
            out[series_text(labels)] = one.get("values", []) + one.get("histograms", [])
        return out


if __name__ == "__main__":
    unittest.main()
