"""What a Thanos sidecar asks and looks at: version, flags, external labels, the oldest timestamp, blocks on the disk, and the requests that it
passes on. Beside the server under test a real Prometheus with the same samples is asked the same."""

import json
import pathlib
import re
import time
import unittest

from tests.e2e.lib.cluster import SECONDS, Cluster
from tests.e2e.lib.same_answers import SameAnswers

try:
    import yaml
except ImportError:
    yaml = None

CONFIG = "global:\n  scrape_interval: 15s\n  external_labels:\n    cluster: eu-1\n    replica: '0'\n    note: 'a: \"b\" # c'\n"
ARGS = ["--web.enable-remote-write-receiver", "--web.enable-lifecycle", "--web.enable-admin-api", "--storage.tsdb.min-block-duration=2h",
        "--storage.tsdb.max-block-duration=2h", "--storage.tsdb.retention.time=20d"]
HEADERS = {"User-Agent": "thanos/0.36.0"}
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
# Read from /metrics to tell the stores above how far back this one reaches.
TIMES = ("prometheus_tsdb_lowest_timestamp", "prometheus_tsdb_lowest_timestamp_seconds", "prometheus_tsdb_head_min_time", "prometheus_tsdb_head_max_time",
         "prometheus_tsdb_head_min_time_seconds", "prometheus_tsdb_head_max_time_seconds")


class ThanosSidecar(SameAnswers):
    @classmethod
    def setUpClass(cls):
        cls.start_pair(CONFIG, ARGS)
        # Five hours ago to three.
        cls.cluster = Cluster(int(time.time()) - 5 * 3600)
        cls.window = {"start": cls.cluster.start, "end": cls.cluster.start + SECONDS}
        for each in (cls.peer, cls.server):
            cls.cluster.write(each)

    def test_version_and_flags(self):
        ours, theirs = (each.api("status/buildinfo") for each in (self.server, self.peer))
        self.assertEqual(ours.keys(), theirs.keys())
        ours, theirs = (each.api("status/flags") for each in (self.server, self.peer))
        for name in ("storage.tsdb.min-block-duration", "storage.tsdb.max-block-duration", "web.enable-lifecycle", "web.enable-admin-api",
                     "storage.tsdb.retention.time", "web.external-url", "query.timeout", "query.lookback-delta"):
            self.assertEqual(ours[name], theirs[name], name)
        self.assertEqual(pathlib.Path(ours["storage.tsdb.path"]), self.server.data_path)
        missing = {name for name in set(theirs) - set(ours) if not name.startswith("storage.agent.")}
        self.assertLessEqual(missing, {"web.local-assets"})

    @unittest.skipIf(yaml is None, "PyYAML is not installed")
    def test_external_labels(self):
        ours, theirs = (yaml.safe_load(each.api("status/config")["yaml"]) for each in (self.server, self.peer))
        self.assertEqual(ours["global"]["external_labels"], theirs["global"]["external_labels"])
        self.assertEqual(ours["global"]["external_labels"], {"cluster": "eu-1", "replica": "0", "note": 'a: "b" # c'})

    def test_how_far_back_it_reaches(self):
        for name in TIMES:
            self.assertEqual(self.server.metric(name), self.peer.metric(name), name)
        self.assertEqual(self.server.metric("prometheus_tsdb_lowest_timestamp"), self.cluster.start * 1000)

    def test_ready_and_reload(self):
        for path in ("/-/ready", "/-/healthy"):
            self.assert_same("GET", path, headers=HEADERS)
        self.assert_same("POST", "/-/reload", headers=HEADERS)

    def test_requests_that_are_passed_on(self):
        for path, params in (("labels", self.window), ("label/job/values", self.window), ("label/__name__/values", {**self.window, "match[]": '{job="kubelet"}'}),
                             ("series", {**self.window, "match[]": ["up", "node_load1"]}), ("rules", {"type": "alert"}), ("rules", {}), ("alerts", {}), ("metadata", {"limit": 10}),
                             ("targets", {"state": "any"}), ("query_exemplars", {**self.window, "query": "up"})):
            self.assert_same("GET", "/api/v1/" + path, params, HEADERS)
        for expression in ("up", "sum by (mode) (rate(node_cpu_seconds_total[5m]))"):
            at = {"query": expression, "time": self.cluster.end, "dedup": "true", "partial_response": "false"}
            self.assert_same("POST", "/api/v1/query", at, HEADERS)
            self.assert_same("GET", "/api/v1/query_range", {"query": expression, **self.window, "step": "30"}, HEADERS)

    def test_statistics(self):
        ours, theirs = (each.api("status/tsdb", {"limit": 200}) for each in (self.server, self.peer))
        for content in (ours, theirs):
            for name, rows in content.items():
                if isinstance(rows, list):
                    rows.sort(key=lambda row: (-row["value"], row["name"]))
            del content["headStats"]["chunkCount"]
        self.assertEqual(ours["headStats"], theirs["headStats"])
        for name in ("seriesCountByMetricName", "labelValueCountByLabelName", "seriesCountByLabelValuePair"):
            self.assertEqual(ours[name], theirs[name], name)

    def test_blocks_for_the_bucket(self):
        """A snapshot: blocks with a meta.json that the shipper reads, an index and chunks. Prometheus' own has the same numbers in it."""
        kept = []
        for each in (self.server, self.peer):
            name = each.request("POST", "/api/v1/admin/tsdb/snapshot").json()["data"]["name"]
            directory = each.data_path / "snapshots" / name
            metas = []
            for block in sorted(directory.iterdir()):
                self.assertRegex(block.name, ULID)
                meta = json.loads((block / "meta.json").read_text())
                self.assertEqual((meta["ulid"], meta["version"], meta["compaction"]["level"]), (block.name, 1, 1))
                self.assertEqual(meta["compaction"]["sources"], [block.name])
                self.assertTrue((block / "index").stat().st_size and list((block / "chunks").iterdir()) and (block / "tombstones").exists())
                metas.append((meta["minTime"], meta["maxTime"], meta["stats"]["numSeries"], meta["stats"]["numSamples"]))
            kept.append(sorted(metas))
        self.assertEqual(kept[0], kept[1])
        self.assertTrue(kept[0])


if __name__ == "__main__":
    unittest.main()
