"""A real Prometheus takes over a data directory of the server under test and gives the same answers."""

import re
import shutil
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, wait_until

CONFIG = """
storage:
  tsdb:
    out_of_order_time_window: 30m
"""
HOUR = 3600
# No windows: version 2 counted their left edge in.
QUERIES = ("m", "sum by (b) (m)")


class TakenOver(unittest.TestCase):
    def setUp(self):
        self.now = int(time.time())
        self.server = Narthex(CONFIG, args=["--web.enable-remote-write-receiver", "--web.enable-admin-api",
                                            "--storage.tsdb.block-reload-interval=1s"])
        self.addCleanup(self.server.close)
        self.server.start()
        # Five hours, every 30 s: the head is cut into a block on the way.
        begin = self.now - 5 * HOUR
        for hour in range(5):
            self.write(range(begin + hour * HOUR, begin + (hour + 1) * HOUR, 30))

    def write(self, times):
        remote_write.write(self.server, [({"__name__": "m", "a": str(a), "b": str(a % 2)}, [(t * 1000, float((t + a) % 1000)) for t in times])
                                         for a in range(5)])

    def write_late(self):
        """Enough for some chunks, which go to files, and a rest."""
        self.write(range(self.now - 25 * 60 + 7, self.now - 10 * 60, 9))

    def late_chunks(self, directory):
        """Of all series, in files of head chunks: an entry's encoding has this bit."""
        return sum(len(re.findall(rb"\x00{7}[\x01-\x05]\x00\x00\x01.{5}\x00\x00\x01.{5}\x81", file.read_bytes(), re.DOTALL))
                   for file in (directory / "chunks_head").iterdir())

    def answers(self, server):
        return {query: sorted(server.query_range(query, self.now - 5 * HOUR, self.now, 60), key=lambda s: sorted(s["metric"].items()))
                for query in QUERIES}

    def taken_over(self, directory, args=None):
        peer = Prometheus(CONFIG, args)
        self.addCleanup(peer.close)
        shutil.copytree(directory, peer.data_path, dirs_exist_ok=True)
        (peer.data_path / "lock").unlink(missing_ok=True)
        peer.start()
        self.assertNotIn("corrupt", peer.log.lower())
        self.peer = peer
        return self.answers(peer)

    def wait_for_head_chunks(self, directory):
        """The head has more than an hour: chunks of 120 samples at 30 s are complete in each series."""
        files = directory / "chunks_head"
        wait_until(lambda: files.exists() and sum(f.stat().st_size for f in files.iterdir()) > 1000, 60, "files of head chunks")

    def assert_same(self, there, here):
        # Not assertEqual: its account of how two long answers differ takes minutes.
        for query in QUERIES:
            self.assertEqual(len(there[query]), len(here[query]), query)
            for other, own in zip(there[query], here[query]):
                differing = [(a, b) for a, b in zip(other["values"], own["values"]) if a != b]
                self.assertEqual((other["metric"], len(other["values"]), differing[:3]), (own["metric"], len(own["values"]), []), query)

    def test_after_a_kill(self):
        # Those that are there when a block is cut go into one, too.
        self.wait_for_head_chunks(self.server.data_path)
        self.write_late()
        wait_until(lambda: self.late_chunks(self.server.data_path) >= 5 * 3, 30, "chunks of late samples in files")
        wanted = self.answers(self.server)
        self.server.kill()
        self.assertEqual(len(wanted["m"]), 5)
        self.assert_same(self.taken_over(self.server.data_path), wanted)

    def test_after_a_clean_stop_and_a_deletion(self):
        self.write_late()
        deleted = {"match[]": '{a="3"}', "start": str(self.now - 2 * HOUR), "end": str(self.now - HOUR)}
        self.assertEqual(self.server.post_form("/api/v1/admin/tsdb/delete_series", deleted).status, 204)
        wanted = self.answers(self.server)
        self.server.stop()
        self.assert_same(self.taken_over(self.server.data_path), wanted)

    def test_back_and_forth(self):
        self.wait_for_head_chunks(self.server.data_path)
        wanted = self.answers(self.server)
        self.server.kill()
        self.assert_same(self.taken_over(self.server.data_path), wanted)
        self.peer.kill()
        shutil.rmtree(self.server.data_path)
        shutil.copytree(self.peer.data_path, self.server.data_path)
        self.server.start()
        self.assert_same(self.answers(self.server), wanted)
        self.assertEqual(self.server.metric("prometheus_tsdb_mmap_chunk_corruptions_total"), 0)
        self.assertEqual(self.server.metric("prometheus_tsdb_wal_corruptions_total"), 0)

    def test_a_clean_stop_leaves_what_prometheus_takes_over(self):
        wanted = self.answers(self.server)
        self.server.stop()
        self.assertEqual(len(list(self.server.data_path.glob("chunk_snapshot.*.*"))), 1)
        # Without its feature Prometheus does not look at it, with it reads nothing else of the head.
        self.assert_same(self.taken_over(self.server.data_path), wanted)
        self.assert_same(self.taken_over(self.server.data_path, ["--enable-feature=memory-snapshot-on-shutdown"]), wanted)
        self.assertIn("Chunk snapshot loading time", self.peer.log)
        self.assertNotIn("Failed to load chunk snapshot", self.peer.log)
        # And back: what it leaves when it stops.
        self.peer.stop()
        self.assertEqual(len(list(self.peer.data_path.glob("chunk_snapshot.*.*"))), 1)
        shutil.rmtree(self.server.data_path)
        shutil.copytree(self.peer.data_path, self.server.data_path)
        self.server.start()
        self.assertIn("The snapshot of the head was taken over", self.server.log)
        self.assert_same(self.answers(self.server), wanted)

    def test_late_samples_go_back_and_forth(self):
        with Prometheus(CONFIG, ["--web.enable-remote-write-receiver"]) as peer:
            ours, self.server = self.server, peer
            self.write(range(self.now - 60, self.now, 30))
            self.write_late()
            self.server = ours
            wanted = self.answers(peer)
            peer.stop()  # It writes its chunks then.
            self.assertGreaterEqual(self.late_chunks(peer.data_path), 5 * 3)
            ours.kill()
            shutil.rmtree(ours.data_path)
            shutil.copytree(peer.data_path, ours.data_path)
        ours.start()
        self.assert_same(self.answers(ours), wanted)
        self.assertGreaterEqual(self.late_chunks(ours.data_path), 5 * 3)
        ours.kill()
        self.assert_same(self.taken_over(ours.data_path), wanted)

    def test_a_snapshot(self):
        self.write_late()
        wanted = self.answers(self.server)
        name = self.server.post_form("/api/v1/admin/tsdb/snapshot", {}).json()["data"]["name"]
        self.assert_same(self.taken_over(self.server.data_path / "snapshots" / name), wanted)


if __name__ == "__main__":
    unittest.main()
