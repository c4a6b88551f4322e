"""Samples behind newer ones of their series, and SIGKILL at any moment: while they are taken, while their chunks go to files, while
blocks are made of them. NARTHEX_LATE_ROUNDS sets the number of rounds (default 12); NARTHEX_SEED repeats a run as far as the machine
lets it."""

import os
import random
import threading
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex

ROUNDS = int(os.environ.get("NARTHEX_LATE_ROUNDS", "12"))
SEED = int(os.environ.get("NARTHEX_SEED", str(random.SystemRandom().randrange(1 << 32))))
CONFIG = """
storage:
  tsdb:
    out_of_order_time_window: 10m
"""
SERIES = 6
MINUTE_MS = 60_000
REQUESTS_MAX = 60
LATE_PER_REQUEST = 12


class Killed(unittest.TestCase):
    """The model: by series, what was acknowledged, and what was sent without an answer. A value follows from series and time, so that
    nobody need know which of two requests came first."""

    def setUp(self):
        print(f"NARTHEX_SEED={SEED} NARTHEX_LATE_ROUNDS={ROUNDS}", flush=True)
        self.random = random.Random(SEED)
        self.begin = 1_700_000_000_000
        self.newest = self.begin
        self.acknowledged = [set() for _ in range(SERIES)]
        self.sent = [set() for _ in range(SERIES)]
        self.server = Narthex(CONFIG, args=["--web.enable-remote-write-receiver", "--storage.tsdb.min-block-duration=2m",
                                            "--storage.tsdb.max-block-duration=18m", "--storage.tsdb.retention.time=100y",
                                            "--storage.tsdb.block-reload-interval=1s"])
        self.addCleanup(self.server.close)

    @staticmethod
    def value(series: int, at: int) -> float:
        return float(at % 99_991 * 10 + series)

    def send(self) -> bool:
        self.newest += self.random.randrange(1, 4_000)
        times = []
        for series in range(SERIES):
            late = [self.newest - self.random.randrange(1, 9 * MINUTE_MS) for _ in range(LATE_PER_REQUEST)]
            # The newest first: all the others are late.
            times.append([self.newest, *(t for t in late if t >= self.begin)])
            self.sent[series].update(times[-1])
        body = [remote_write.time_series({"__name__": "late", "i": str(i)}, [(t, self.value(i, t)) for t in times[i]])
                for i in range(SERIES)]
        try:
            answer = remote_write.send(self.server, body)
        except OSError:
            return False
        self.assertIn(answer.status, (200, 204), answer.text)
        for series in range(SERIES):
            self.acknowledged[series].update(times[series])
        return True

    def check(self, number: int) -> None:
        window = f"{(self.newest - self.begin) // 1000 + 60}s"
        answer = self.server.query(f"late[{window}]", at=(self.newest + 1000) / 1000)
        have = {int(series["metric"]["i"]): {round(t * 1000): float(v) for t, v in series["values"]} for series in answer}
        for series in range(SERIES):
            got = have.get(series, {})
            lost = sorted(self.acknowledged[series] - got.keys())
            self.assertEqual(lost[:5], [], f"round {number}: series {series} lost {len(lost)} acknowledged samples")
            foreign = sorted(got.keys() - self.sent[series])
            self.assertEqual(foreign[:5], [], f"round {number}: series {series} has samples that nobody sent")
            wrong = [t for t, v in got.items() if v != self.value(series, t)]
            self.assertEqual(wrong[:5], [], f"round {number}: series {series} has wrong values")

    def test_nothing_acknowledged_is_lost(self):
        filed = 0
        for number in range(ROUNDS):
            self.server.start()
            self.check(number)
            for _ in range(self.random.randrange(5, REQUESTS_MAX)):
                self.assertTrue(self.send())
            self.check(number)
            # Maintenance comes once a second: the end falls into it, before it or behind.
            killer = threading.Timer(self.random.uniform(0.2, 2.2), self.server.kill)
            filed = max(filed, self.server.metric("prometheus_tsdb_mmap_chunks_total"))
            killer.start()
            while self.send():
                pass
            killer.join()
        self.server.start()
        self.check(ROUNDS)
        self.assertGreater(filed, 0)


if __name__ == "__main__":
    unittest.main()
