"""The search API on a live server: what somebody types finds names and values, line by line."""

import json
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex

NAMES = [f"node_cpu_{kind}_total" for kind in ("seconds", "guest", "steal")] + ["node_load1", "http_requests_total", "HTTP_Errors", "go_gc", "temp\u00e9rature"]


class Search(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Narthex("global: {}\n", ["--web.enable-remote-write-receiver", "--enable-feature=search-api", "--web.search.max-limit=1000"])
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        now = int(time.time() * 1000)
        series = [({"__name__": name, "job": "j", "code": "200"}, [(now - 60_000, 1.0)]) for name in NAMES]
        series += [({"__name__": "wide", "pod": f"web-{n:03}-<x>&\"{n % 7}"}, [(now - 60_000, 1.0)]) for n in range(250)]
        remote_write.write(cls.server, series)

    def lines(self, path: str, params: dict, method: str = "GET") -> list[dict]:
        ask = self.server.get if method == "GET" else self.server.post_form
        answer = ask("/api/v1/search/" + path, params)
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/x-ndjson; charset=utf-8"), answer.text[:300])
        self.assertNotIn("content-encoding", answer.headers)
        self.assertTrue(answer.text.endswith("\n"))
        return [json.loads(line) for line in answer.text.splitlines()]

    def found(self, path: str, params: dict, method: str = "GET") -> list[str]:
        *batches, end = self.lines(path, params, method)
        self.assertEqual(end["status"], "success", end)
        self.assertGreaterEqual(len(batches), 1)
        return [hit.get("name", hit.get("value")) for batch in batches for hit in batch["results"]]

    def refused(self, path: str, params: dict, words: str) -> None:
        answer = self.server.get("/api/v1/search/" + path, params)
        self.assertEqual((answer.status, answer.json()["errorType"]), (400, "bad_data"), params)
        self.assertIn(words, answer.json()["error"])

    def test_names_by_prefix_part_and_subsequence(self):
        for method in ("GET", "POST"):
            self.assertEqual(self.found("metric_names", {"search[]": "node_cpu"}, method), sorted(NAMES[:3]))
        self.assertIn("http_requests_total", self.found("metric_names", {"search[]": "requests"}))
        self.assertIn("http_requests_total", self.found("metric_names", {"search[]": "hreqt"}))
        self.assertEqual(self.found("metric_names", {"search[]": "HTTP_E"}), ["HTTP_Errors"])
        self.assertEqual(self.found("metric_names", {"search[]": "http_", "case_sensitive": "false", "fuzz_threshold": 90}), ["HTTP_Errors", "http_requests_total"])
        self.assertEqual(self.found("metric_names", {"search[]": "temp\u00e9"}), ["temp\u00e9rature"])
        self.assertEqual(self.found("metric_names", {"search[]": ["go_gc", "node_load"], "fuzz_threshold": 90}), ["go_gc", "node_load1"])
        self.assertEqual(self.found("metric_names", {"search[]": "zzz"}), [])
        self.assertEqual(self.found("metric_names", {}), sorted([*NAMES, "wide"]))

    def test_misspelt_names_by_jaro_winkler(self):
        self.assertIn("http_requests_total", self.found("metric_names", {"search[]": "htpt_requests_total", "fuzz_alg": "jarowinkler", "fuzz_threshold": 90}))
        self.assertNotIn("go_gc", self.found("metric_names", {"search[]": "htpt_requests_total", "fuzz_alg": "jarowinkler", "fuzz_threshold": 90}))

    def test_labels_and_their_values(self):
        self.assertEqual(self.found("label_names", {}), ["__name__", "code", "job", "pod"])
        self.assertEqual(self.found("label_names", {"match[]": "wide"}), ["__name__", "pod"])
        self.assertEqual(self.found("label_values", {"label": "pod", "search[]": "web-01", "fuzz_threshold": 100}),
                         [f"web-{n:03}-<x>&\"{n % 7}" for n in range(10, 20)])
        self.assertEqual(self.found("label_values", {"label": "job", "match[]": "wide"}), [])
        self.assertEqual(self.found("label_values", {"label": "nothing"}), [])

    def test_batches_limits_and_orders(self):
        *batches, end = self.lines("label_values", {"label": "pod", "limit": 25, "batch_size": 10})
        self.assertEqual([len(batch["results"]) for batch in batches], [10, 10, 5])
        self.assertTrue(end["has_more"])
        *batches, end = self.lines("label_values", {"label": "pod", "limit": 1000})
        self.assertEqual((sum(len(batch["results"]) for batch in batches), end["has_more"]), (250, False))
        self.assertEqual(self.found("metric_names", {"sort_by": "alpha", "sort_dir": "dsc"}), sorted([*NAMES, "wide"], reverse=True))
        scored = self.lines("metric_names", {"search[]": "total", "sort_by": "score", "include_score": "true"})[0]["results"]
        self.assertEqual([hit["score"] for hit in scored], sorted((hit["score"] for hit in scored), reverse=True))
        self.assertEqual(self.lines("metric_names", {"search[]": "zzz"})[0]["results"], [])

    def test_times(self):
        self.assertEqual(self.found("metric_names", {"start": 1, "end": 2}), [])
        self.refused("metric_names", {"start": 2, "end": 1}, "end")

    def test_what_does_not_fit_is_named(self):
        for params, words in (({"search[]": ["a"] * 33}, "too many search[] terms: got 33, maximum is 32"), ({"fuzz_threshold": "x"}, 'invalid fuzz_threshold "x": must be 0-100'),
                              ({"fuzz_threshold": 101}, "fuzz_threshold"), ({"fuzz_alg": "x"}, "unsupported fuzz_alg"), ({"limit": 1001}, "limit 1001 exceeds the configured maximum (1000"),
                              ({"limit": 0}, "limit"), ({"batch_size": -1}, "batch_size"), ({"sort_by": "score"}, "search[]"), ({"sort_by": "x"}, "sort_by"), ({"sort_dir": "up"}, "sort_dir"),
                              ({"case_sensitive": "maybe"}, "case_sensitive"), ({"match[]": "{"}, "match[]"), ({"start": "x"}, "start")):
            self.refused("metric_names", params, words)
        self.refused("label_values", {}, 'missing required parameter "label"')

    def test_without_the_feature(self):
        with Narthex("global: {}\n") as server:
            answer = server.get("/api/v1/search/metric_names")
            self.assertEqual((answer.status, answer.json()["errorType"], answer.json()["error"]), (500, "unavailable", "search API disabled"))


if __name__ == "__main__":
    unittest.main()
