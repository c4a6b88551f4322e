"""What a remote-write receiver refuses, and in which words: ours and a real Prometheus's."""

import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, Prometheus

NAME = {"__name__": "m", "job": "j"}


class Refusals(unittest.TestCase):
    def test_in_the_same_words(self):
        servers = {}
        for kind in (Narthex, Prometheus):
            server = kind("", args=["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
            self.addCleanup(server.close)
            servers[kind] = server.start()
        now = int(time.time()) * 1000
        floats, histogram = {**NAME, "a": "float"}, {**NAME, "a": "histogram"}
        one = remote_write.time_series
        counts = [1, 2, 3]
        steps = [
            ("a sample", one(floats, [(now, 5)])),
            ("the same again", one(floats, [(now, 5)])),
            ("another value", one(floats, [(now, 9)])),
            ("a large and a small value", one(floats, [(now, 1234567.5)])),
            ("an infinite value", one(floats, [(now, float("inf"))])),
            ("not a number", one(floats, [(now, float("nan"))])),
            ("an older one", one(floats, [(now - 1000, 1)])),
            ("too old for the head", one(floats, [(now - 86_400_000, 1)])),
            ("a histogram", remote_write.histogram_series(histogram, [remote_write.histogram(now, counts, 7)])),
            ("another histogram", remote_write.histogram_series(histogram, [remote_write.histogram(now, counts, 8)])),
            ("a float over the histogram", one(histogram, [(now, 2.5)])),
            ("an older histogram", remote_write.histogram_series(histogram, [remote_write.histogram(now - 1000, counts, 7)])),
        ]
        old = servers[Prometheus].version() < (3,)
        for what, series in steps:
            with self.subTest(what):
                ours, theirs = (remote_write.send(servers[kind], [series]) for kind in (Narthex, Prometheus))
                self.assertEqual(ours.status, theirs.status, (ours.text, theirs.text))
                if not old:
                    self.assertEqual(ours.text, theirs.text)


if __name__ == "__main__":
    unittest.main()
