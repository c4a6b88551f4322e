#!/usr/bin/env python3
"""A million series over a thousand targets every 15 s: CPU, memory, and how late each scrape starts, of one server after another.

    python3 -m bench.e2e.scrape_scale --bench-peers DIR --server narthex=build/release/narthex --server prometheus=... --server vm=...
        [--preset 1m] [--duration 120] [--json OUT]

The load, its figures and what a server must speak are those of the scenario `ingest` of the side-by-side benchmark in DIR. Between its emulated
targets and the server stands a relay that notes when each request arrives, so that lateness is measured alike for all: a target's schedule is the grid
of its interval through its earliest scrape relative to that grid, and a scrape is as late as it comes after its place there. The first two rounds, in
which every series is new, are left out. The relay's time is no server's.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import multiprocessing.connection
import re
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict

from bench.e2e import side_by_side

WARM_ROUNDS = 2
READ_BYTES = 1 << 18
TARGET = re.compile(rb"GET /t/(\d+)/metrics ")


class Relay:
    """Passes bytes between the server under test and the emulated targets, in a process of its own."""

    def __init__(self, upstream_port: int) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_relay_main, args=(upstream_port, theirs), daemon=True)
        self._process.start()
        self.port: int = self._pipe.recv()

    def stop(self) -> list[tuple[int, float]]:
        """Ends it; returns target and seconds (monotonic) of every request."""
        self._pipe.send("stop")
        arrivals = self._pipe.recv()
        self._process.join()
        return arrivals


def _relay_main(upstream_port: int, pipe: multiprocessing.connection.Connection) -> None:
    arrivals: list[tuple[int, float]] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, note: bool) -> None:
        try:
            while data := await reader.read(READ_BYTES):
                if note and (found := TARGET.match(data)):
                    arrivals.append((int(found.group(1)), time.monotonic()))
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass  # A killed server is part of the scenario.
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", upstream_port)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(pump(reader, up_writer, True), pump(up_reader, writer, False))
        except asyncio.CancelledError:
            pass  # The relay ends before its connections do.

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
        pipe.send(server.sockets[0].getsockname()[1])
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=lambda: (pipe.recv(), loop.call_soon_threadsafe(stopped.set)), daemon=True).start()
        await stopped.wait()
        pipe.send(arrivals)

    asyncio.run(main())


def lateness(arrivals: list[tuple[int, float]], interval: float) -> dict[str, float]:
    """Seconds by which scrapes start after their place on their target's grid."""
    by_target: dict[int, list[float]] = defaultdict(list)
    for target, at in arrivals:
        by_target[target].append(at)
    late: list[float] = []
    for times in by_target.values():
        steady = times[WARM_ROUNDS:]
        if not steady:
            continue
        offsets = [at - steady[0] - round((at - steady[0]) / interval) * interval for at in steady]
        late += [offset - min(offsets) for offset in offsets]
    if not late:
        raise RuntimeError("no scrape after the first rounds")
    late.sort()
    return {"scrapes": len(late), "p50_seconds": statistics.median(late), "p99_seconds": late[int(len(late) * 0.99)], "max_seconds": late[-1]}


def recording(expogen: type, arrivals: list[tuple[int, float]]) -> type:
    """The emulated targets of DIR behind a relay."""

    class Recorded(expogen):
        def __init__(self, preset: dict) -> None:
            self._relay = None
            super().__init__(preset)
            self._own_port = self.port
            self._relay = Relay(self._own_port)
            self.port = self._relay.port

        def stats(self) -> dict:
            if self._relay is None:
                return super().stats()
            through, self.port = self.port, self._own_port
            try:
                return super().stats()
            finally:
                self.port = through

        def stop(self) -> None:
            arrivals.extend(self._relay.stop())
            super().stop()

    return Recorded


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    side_by_side.add_arguments(parser)
    parser.add_argument("--preset", default="1m")
    parser.add_argument("--duration", type=int, default=120, help="seconds that are measured")
    options = parser.parse_args()
    ingest = side_by_side.bench_module(options, "ingest")
    preset = {**ingest.PRESETS[options.preset], "duration": options.duration, "preset": options.preset}
    expogen, results = ingest.Expogen, {}
    with tempfile.TemporaryDirectory(prefix="scrape-scale-") as work:
        for spec in side_by_side.server_specs(options):
            arrivals: list[tuple[int, float]] = []
            ingest.Expogen = recording(expogen, arrivals)
            # No restart: what is asked here is the steady state.
            run = ingest.run(spec, preset, work, replay=0)
            results[spec.name] = {"version": spec.version(), **run, "lateness": lateness(arrivals, preset["interval"])}
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{'server':12} {'CPU µs/sample':>14} {'new series µs':>14} {'RSS B/series':>13} {'peak':>7} {'written B':>10} {'late p50 ms':>12} {'p99':>8} {'max':>8} {'up':>6}")
    for name, result in results.items():
        steady, memory, first, late = result["steady"], result["memory"], result["first_two_rounds"], result["lateness"]
        print(f"{name:12} {steady['cpu_us_per_sample']:14.3f} {first['cpu_seconds'] / first['samples'] * 1e6:14.2f} {memory['rss_bytes_per_series']:13.0f} "
              f"{memory['peak_bytes_per_series']:7.0f} {steady['write_bytes_per_sample']:10.2f} {late['p50_seconds'] * 1e3:12.2f} {late['p99_seconds'] * 1e3:8.2f} "
              f"{late['max_seconds'] * 1e3:8.1f} {result['stored']['up']:6.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
