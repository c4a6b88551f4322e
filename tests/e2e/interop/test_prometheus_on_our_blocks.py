"""A real Prometheus takes over a directory in which Narthex has compacted: several levels, blocks of out-of-order samples,
backfilled ones, native histograms, deletions, and an end by SIGKILL. Both give the same answers."""

import contextlib
import json
import math
import shutil
import subprocess
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, peer_binary, wait_until

CONFIG = """
storage:
  tsdb:
    out_of_order_time_window: 1h
"""
# Small blocks, so that an hour of samples is enough for three levels.
RANGES = ["--storage.tsdb.min-block-duration=2m", "--storage.tsdb.max-block-duration=18m", "--storage.tsdb.retention.time=10y"]
STEP = 10
SPAN = 3600
# Samples lie at whole seconds, so that none is on a window's edge: version 2 counted that in.
QUERIES = ("m", "sum by (b) (m)", "rate(m[125500ms])", "count_over_time(m[605500ms])", "h", "histogram_count(rate(h[125500ms]))", "histogram_sum(rate(h[125500ms]))",
           "histogram_count(sum(h))", "backfilled", "max_over_time(backfilled[605500ms])")


def same(a, b):
    """The same but for the last digits of numbers, which are added up in another order."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if a == b:
        return True
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-12)
    except (TypeError, ValueError):
        return False


class CompactedBlocks(unittest.TestCase):
    def setUp(self):
        self.end = int(time.time()) // 120 * 120
        self.begin = self.end - SPAN
        self.server = Narthex(CONFIG, args=["--web.enable-remote-write-receiver", "--web.enable-admin-api",
                                            "--storage.tsdb.block-reload-interval=1s", *RANGES])
        self.addCleanup(self.server.close)
        self.server.start()

    def write(self, times, series=range(6)):
        remote_write.write(self.server, [
            ({"__name__": "m", "a": str(a), "b": str(a % 2)}, [(t * 1000, float(t % 1000 * (a + 1))) for t in times]) for a in series])

    def write_histograms(self, times):
        encoded = []
        for a in range(3):
            counts = [(t - self.begin) // STEP + 1 for t in times]
            encoded.append(remote_write.histogram_series(
                {"__name__": "h", "a": str(a)},
                [remote_write.histogram(t * 1000, [n * (a + 1), n * 2, n // 3], n * 1.5) for t, n in zip(times, counts)]))
        remote_write.write_encoded(self.server, encoded)

    def metas(self):
        """The blocks that stand: a directory with a suffix is one still being made or taken away, and one that stood may go at any time."""
        metas = []
        for path in self.server.data_path.glob("*/meta.json"):
            if not path.parent.suffix:
                with contextlib.suppress(FileNotFoundError):
                    metas.append(json.loads(path.read_text()))
        return metas

    def drop_in_backfill(self):
        """Blocks that promtool made of OpenMetrics text, over the time of others."""
        text = self.server.directory / "backfill.txt"
        lines = ["# TYPE backfilled gauge"]
        lines += [f'backfilled{{a="{a}"}} {t % 97 + a} {t}' for a in range(3) for t in range(self.begin, self.end - 900, 20)]
        text.write_text("\n".join([*lines, "# EOF", ""]))
        made = self.server.directory / "made"
        subprocess.run([peer_binary("PROMTOOL_BIN", "promtool"), "tsdb", "create-blocks-from", "openmetrics", str(text), str(made)],
                       check=True, capture_output=True)
        blocks = [path for path in made.iterdir() if (path / "meta.json").exists()]
        self.assertTrue(blocks)
        for block in blocks:
            # As a tool would: whole, under another name first.
            partial = self.server.data_path / (block.name + ".tmp")
            shutil.copytree(block, partial)
            partial.rename(self.server.data_path / block.name)

    def answers(self, server):
        out = {query: sorted(server.query_range(query, self.begin, self.end + 300, 47), key=lambda s: sorted(s["metric"].items()))
               for query in QUERIES}
        whole = {"start": str(self.begin - 3600), "end": str(self.end + 3600)}
        out["series"] = sorted((sorted(s.items()) for s in server.api("series", {"match[]": '{__name__=~"m|h|backfilled"}', **whole})))
        out["names"] = server.api("labels", whole)
        out["values"] = server.api("label/a/values", whole)
        return out

    def assert_same(self, there, here):
        # Not assertEqual: its account of how two long answers differ takes minutes.
        for query, own in here.items():
            other = there[query]
            self.assertEqual(len(other), len(own), query)
            differing = [(a, b) for a, b in zip(other, own) if not same(a, b)]
            self.assertFalse(differing, f"{query}: {str(differing)[:1000]}")

    def compact(self):
        """An hour of samples with late ones, deletions and backfill, until there is nothing left to do."""
        for begin in range(self.begin, self.end, 120):
            times = range(begin, begin + 120, STEP)
            # A series that ends, one that begins in the middle, one with a gap.
            self.write(times, [a for a in range(6) if not (a == 4 and begin > self.end - 1800) and not (a == 5 and begin < self.end - 1500)])
            self.write_histograms(times)
            if (begin - self.begin) // 120 % 5 == 4:
                self.write(range(begin - 290, begin - 20, 2 * STEP + 1), range(2))
                wait_until(lambda: self.head_was_cut(begin), 30, "the head was not cut")
        self.drop_in_backfill()
        self.server.wait_for_vector("count_over_time(backfilled[2h])", 3)
        wait_until(lambda: self.server.metric("prometheus_tsdb_vertical_compactions_total") >= 1, 60, "nothing overlapping was compacted")
        wait_until(lambda: any(m["compaction"]["level"] >= 3 for m in self.metas()), 60, "no block of level 3")

    def head_was_cut(self, newest):
        return any(newest - m["maxTime"] // 1000 <= 300 for m in self.metas())

    def delete(self):
        for selector, begin, end in (('{a="1"}', self.begin + 300, self.begin + 1500), ('m{a="3"}', self.end - 400, self.end - 30)):
            answer = self.server.post_form("/api/v1/admin/tsdb/delete_series",
                                           {"match[]": selector, "start": str(begin), "end": str(end)})
            self.assertEqual(answer.status, 204)

    def take_over(self):
        peer = Prometheus(CONFIG, args=RANGES)
        self.addCleanup(peer.close)
        shutil.copytree(self.server.data_path, peer.data_path, dirs_exist_ok=True)
        (peer.data_path / "lock").unlink(missing_ok=True)
        peer.start()
        return peer

    def test_after_a_kill(self):
        self.compact()
        self.delete()
        self.write(range(self.end - 200, self.end - 50, 7), [0])
        wanted = self.answers(self.server)
        for query in QUERIES:
            self.assertTrue(wanted[query], query)
        self.server.kill()
        peer = self.take_over()
        self.assertNotIn("level=ERROR", peer.log)
        self.assert_same(self.answers(peer), wanted)
        self.server.start()
        self.assert_same(self.answers(self.server), wanted)


if __name__ == "__main__":
    unittest.main()
