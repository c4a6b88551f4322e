"""kill -9 at random moments while samples are appended, blocks are cut and compacted, the log is truncated and series are
deleted: no acknowledged sample is lost, none that was deleted comes back, no block is half-visible, and every start succeeds.

Time runs fast in the data: a request carries minutes of samples, and blocks are a few minutes long. NARTHEX_KILL_ROUNDS sets
the number of rounds (default 15); NARTHEX_SEED repeats a run as far as the machine lets it.
"""

import json
import os
import random
import re
import threading
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex

ROUNDS = int(os.environ.get("NARTHEX_KILL_ROUNDS", "15"))
SEED = int(os.environ.get("NARTHEX_SEED", str(random.SystemRandom().randrange(1 << 32))))
SERIES = 40
STEP_MS = 5_000
STEPS_A_REQUEST = 12  # A minute of data a request; blocks of five minutes.
ULID = re.compile("[0-9A-HJKMNP-TV-Z]{26}")


class Rounds(unittest.TestCase):
    """The model: every series has a sample at every step of [begin, acknowledged), but for what was deleted. Whether a request
    that was running at the kill has arrived is not known: from `acknowledged` to `sent` anything may be there."""

    def setUp(self):
        self.random = random.Random(SEED)
        print(f"NARTHEX_SEED={SEED} NARTHEX_KILL_ROUNDS={ROUNDS}", flush=True)
        self.begin = (int(time.time()) - 12 * 3600) // 300 * 300_000
        self.acknowledged = self.begin
        self.sent = self.begin
        self.refused: list[str] = []
        self.deleted: dict[int, list[tuple[int, int]]] = {}  # By series: [from, to], acknowledged.
        self.doubtful: dict[int, list[tuple[int, int]]] = {}  # Asked for, but killed meanwhile.

    def value(self, series: int, at: int) -> float:
        return float((at // STEP_MS * 31 + series * 7) % 100_003)

    def write_until_killed(self, server: Narthex, stop: threading.Event) -> None:
        while not stop.is_set() and self.acknowledged - self.begin < 11 * 3600_000:  # The future is refused.
            times = [self.acknowledged + k * STEP_MS for k in range(STEPS_A_REQUEST)]
            series = [remote_write.time_series({"__name__": "kept", "i": str(i)}, [(t, self.value(i, t)) for t in times])
                      for i in range(SERIES)]
            self.sent = max(self.sent, times[-1] + STEP_MS)
            try:
                answer = remote_write.send(server, series, timeout=10)
            except OSError:
                return
            if answer.status not in (200, 204):
                self.refused.append(f"{answer.status} {answer.text}")
                return
            self.acknowledged = times[-1] + STEP_MS

    def delete_something(self, server: Narthex) -> None:
        if self.acknowledged - self.begin < 600_000:
            return
        series = self.random.randrange(SERIES)
        low = self.begin + self.random.randrange((self.acknowledged - self.begin - 300_000) // STEP_MS) * STEP_MS
        high = low + self.random.randrange(1, 40) * STEP_MS
        high = min(high, self.acknowledged - 2 * STEP_MS * STEPS_A_REQUEST)
        if high <= low:
            return
        self.doubtful.setdefault(series, []).append((low, high))
        try:
            answer = server.post_form("/api/v1/admin/tsdb/delete_series", {
                "match[]": f'kept{{i="{series}"}}', "start": f"{low / 1000:.3f}", "end": f"{high / 1000:.3f}"}, timeout=10)
            if answer.status == 204:
                self.deleted.setdefault(series, []).append((low, high))
                self.doubtful[series].remove((low, high))
            if self.random.random() < 0.3:
                server.post_form("/api/v1/admin/tsdb/clean_tombstones", {}, timeout=10)
        except OSError:
            pass

    def check(self, server: Narthex, number: int) -> int:
        """Compares everything with the model. Returns the number of samples."""
        def covered(ranges: list[tuple[int, int]], at: int) -> bool:
            return any(low <= at <= high for low, high in ranges)

        window = f"{(self.sent - self.begin) // 1000 + 60}s"
        answer = server.query(f"kept[{window}]", at=(self.sent + 1000) / 1000)
        self.assertTrue(answer, f"round {number}: nothing is there")
        count = 0
        seen, ends = set(), set()
        for series in answer:
            i = int(series["metric"]["i"])
            seen.add(i)
            deleted, doubtful = self.deleted.get(i, []), self.doubtful.get(i, [])
            have = {}
            for t, v in series["values"]:
                at = round(t * 1000)
                self.assertNotIn(at, have, f"round {number}: twice")
                have[at] = float(v)
                self.assertEqual(have[at], self.value(i, at), f"round {number}: series {i} at {at}: wrong value")
                self.assertFalse(covered(deleted, at), f"round {number}: series {i} at {at} came back")
            count += len(have)
            missing = [at for at in range(self.begin, self.acknowledged, STEP_MS)
                       if at not in have and not covered(deleted, at) and not covered(doubtful, at)]
            self.assertEqual(missing, [], f"round {number}: series {i}: {len(missing)} acknowledged samples are gone")
            ends.add(max(have) + STEP_MS)
        self.assertEqual(seen, set(range(SERIES)), f"round {number}: series are gone")
        # The request that was killed is there whole or not at all. Where it is, the next one goes on behind it.
        self.assertEqual(len(ends), 1, f"round {number}: a request is there in part")
        self.acknowledged = self.sent = max(self.acknowledged, ends.pop())
        return count

    def check_directory(self, server: Narthex, number: int) -> None:
        """What looks like a block is a whole one; nothing was set aside; nothing half-done has stayed."""
        for entry in server.data_path.iterdir():
            self.assertNotIn(".tmp", entry.name, f"round {number}: left behind after the start")
            if ULID.fullmatch(entry.name):
                meta = json.loads((entry / "meta.json").read_text())
                self.assertEqual(meta["ulid"], entry.name)
                self.assertTrue((entry / "index").stat().st_size > 52)
        self.assertFalse((server.data_path / "damaged").exists(), f"round {number}: a kill damages nothing")
        self.assertEqual(server.metric("narthex_tsdb_blocks_set_aside_total"), 0)

    def test_rounds(self):
        args = ["--web.enable-remote-write-receiver", "--web.enable-admin-api", "--storage.tsdb.min-block-duration=5m",
                "--storage.tsdb.max-block-duration=45m", "--storage.tsdb.block-reload-interval=1s",
                "--query.max-samples=500000000"]
        blocks_most = 0
        with Narthex(config="scrape_configs: []", args=args) as server:
            samples = 0
            for number in range(ROUNDS):
                stop = threading.Event()
                writer = threading.Thread(target=self.write_until_killed, args=(server, stop))
                writer.start()
                ends = time.monotonic() + self.random.uniform(0.05, 1.6)
                while time.monotonic() < ends:
                    if self.random.random() < 0.1:
                        self.delete_something(server)
                    threading.Event().wait(self.random.uniform(0, 0.05))
                server.kill()
                stop.set()
                writer.join()
                if self.random.random() < 0.2:  # And once more while it starts.
                    server.launch()
                    threading.Event().wait(self.random.uniform(0, 0.3))
                    server.kill()
                server.start()
                self.assertEqual(self.refused, [], f"round {number}")
                self.check_directory(server, number)
                samples = self.check(server, number)
                blocks_most = max(blocks_most, sum(1 for e in server.data_path.iterdir() if ULID.fullmatch(e.name)))
                if self.acknowledged - self.begin > 8 * 3600_000:
                    self.start_over(server)
            print(f"{ROUNDS} rounds, {samples} samples at the end, up to {blocks_most} blocks", flush=True)

    def start_over(self, server: Narthex) -> None:
        """With an empty directory, before the queries take longer than the rounds."""
        server.kill()
        server.data_path = server.directory / f"data-{self.random.randrange(1 << 32)}"
        self.acknowledged = self.sent = self.begin
        self.deleted.clear()
        self.doubtful.clear()
        server.start()


if __name__ == "__main__":
    unittest.main()
