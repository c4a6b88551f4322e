#!/usr/bin/env python3
"""The answer of 10,000 series by 1,000 steps as JSON: time, CPU, bytes and memory of one server after another, plain and compressed.

    python3 -m bench.e2e.json_range --bench-peers DIR --server narthex=build/release/narthex --server prometheus=... --server vm=...
        [--series 10000] [--steps 1000] [--repeat 3] [--json OUT]

Samples come by remote write, one a step, half of the series whole numbers (counters), half with fractions (gauges). The client reads as fast as the
loopback gives and throws the bytes away; what is compressed is not unpacked. Growth of memory is the highest resident set while the answer was made
and sent, less the one before. One unmeasured request goes ahead.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import socket
import statistics
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator

from bench.e2e import side_by_side
from bench.e2e.promql_loads import labels_bytes, samples_bytes

STEP_SECONDS = 15
SHAPES = 50  # Different histories; series share them, so that making them is no part of the load.
SLICE = 100  # Samples of a series in one request: all series move on together.
READ_BYTES = 1 << 20
# What a server takes by default is not what this asks for.
FLAGS = {"vm": "-search.maxPointsPerTimeseries=100000"}


def histories(steps: int, end: int) -> list[list[tuple[int, float]]]:
    rng, out = random.Random(6), []
    for shape in range(SHAPES):
        value, one = float(rng.randrange(1_000_000)), []
        for i in range(steps):
            value = value + rng.randrange(0, 500) if shape % 2 == 0 else round(50 + 40 * rng.random(), 3) / 7
            one.append(((end - (steps - 1 - i) * STEP_SECONDS) * 1000, value))
        out.append(one)
    return out


def encoded(series: int, steps: int, end: int) -> Iterator[bytes]:
    shapes = histories(steps, end)
    labels = [labels_bytes({"__name__": "json_load", "job": "load", "instance": f"host-{i // 20:03}.example.net:9100", "device": f"dev-{i % 20}"})
              for i in range(series)]
    for begin in range(0, steps, SLICE):
        parts = [samples_bytes(shape[begin:begin + SLICE]) for shape in shapes]
        for i, own in enumerate(labels):
            yield own + parts[i % SHAPES]


def ask(port: int, path: str, gzip: bool) -> tuple[float, int]:
    """Seconds until the last byte, and bytes on the wire."""
    accept = "gzip" if gzip else "identity"
    began, size = time.perf_counter(), 0
    with socket.create_connection(("127.0.0.1", port), timeout=300) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n".encode())
        buffer, head = bytearray(READ_BYTES), b""
        while count := connection.recv_into(buffer):
            if not head:
                head = bytes(buffer[:64])
            size += count
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"port {port}: {head!r}")
    return time.perf_counter() - began, size


def measure(server, options: argparse.Namespace, end: int) -> dict[str, dict[str, float]]:
    begin = end - (options.steps - 1) * STEP_SECONDS
    query = {"query": "json_load", "start": begin, "end": end, "step": STEP_SECONDS, **({"nocache": "1"} if server.spec.kind == "vm" else {})}
    path, out = "/api/v1/query_range?" + urllib.parse.urlencode(query), {}
    for name, gzip in (("plain", False), ("gzip", True)):
        ask(server.port, path, gzip)
        before = server.mem()["VmRSS"]
        server.reset_peak()
        cpu = server.cpu()
        rounds = [ask(server.port, path, gzip) for _ in range(options.repeat)]
        size = rounds[0][1]
        out[name] = {"wall_seconds": statistics.median(seconds for seconds, _ in rounds), "cpu_seconds": (server.cpu() - cpu) / options.repeat,
                     "bytes": size, "rss_before": before, "rss_peak": server.mem()["VmHWM"]}
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    side_by_side.add_arguments(parser)
    parser.add_argument("--series", type=int, default=10_000)
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    peers, results = side_by_side.bench_module(options, "peers"), {}
    end = int(time.time()) // 60 * 60 - 60
    with tempfile.TemporaryDirectory(prefix="json-range-") as work:
        for spec in side_by_side.server_specs(options, FLAGS):
            server = peers.Server(spec, os.path.join(work, spec.name), "global: {}\n")
            server.start()
            try:
                side_by_side.load(server, encoded(options.series, options.steps, end))
                time.sleep(5)  # VictoriaMetrics shows what it was given after a second or two.
                results[spec.name] = {"version": spec.version(), **measure(server, options, end)}
            finally:
                server.stop()
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{'server':12} {'':6} {'wall s':>8} {'CPU s':>8} {'MB':>8} {'MB/s':>8} {'ns/point':>9} {'RSS before':>11} {'peak MB':>8}")
    for name, result in results.items():
        for kind in ("plain", "gzip"):
            run = result[kind]
            print(f"{name:12} {kind:6} {run['wall_seconds']:8.3f} {run['cpu_seconds']:8.3f} {run['bytes'] / 1e6:8.1f} "
                  f"{run['bytes'] / 1e6 / run['wall_seconds']:8.1f} {run['cpu_seconds'] / options.series / options.steps * 1e9:9.1f} "
                  f"{run['rss_before'] / 1e6:11.1f} {run['rss_peak'] / 1e6:8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
