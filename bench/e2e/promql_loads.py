#!/usr/bin/env python3
"""Heavy questions to Narthex and Prometheus over the same samples: time, CPU and memory of each.

    NARTHEX_BIN=build/release/narthex python3 -m bench.e2e.promql_loads [--scale 1.0] [--repeat 5] [--json OUT] [--only NAME]

Loads, at scale 1: 10,000 counters over 24 h at one sample a minute, 1,000 classic histograms of 10 buckets over an hour, 100,000 gauges
of one sample. Servers run one after another on the same machine. A peer ($PROMETHEUS_BIN or from PATH) that is missing is left out.
Wall time is the client's, from the request to the last byte; CPU and peak memory are the process's, from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import random
import statistics
import struct
import sys
import time
import unittest

from tests.e2e.lib.narthex_e2e import Narthex, Prometheus
from tests.e2e.lib.remote_write import message, snappy_literals, varint

DAY_SECONDS = 86_400
SHAPES = 64  # Different histories of a counter; series share them, so that making them is no part of the load.
BODY_BYTES = 4 << 20
FLAGS = ["--web.enable-remote-write-receiver", "--storage.tsdb.retention.time=10y"]
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def labels_bytes(labels: dict[str, str]) -> bytes:
    return b"".join(message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in sorted(labels.items()))


def samples_bytes(samples: list[tuple[int, float]]) -> bytes:
    return b"".join(message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at)) for at, value in samples)


def counter_history(rng: random.Random, end: int, count: int, step: int) -> list[tuple[int, float]]:
    total, out = 0.0, []
    for i in range(count):
        total = 0.0 if rng.random() < 0.001 else total + rng.randrange(0, 20)
        out.append(((end - (count - 1 - i) * step) * 1000, total))
    return out


def requests(scale: float, end: int):
    """Bodies of remote write, oldest samples first within each series; each small enough for any receiver."""
    rng = random.Random(4)
    body = bytearray()

    def series():
        for name, count, per in (("load_requests_total", int(10_000 * scale), 1440), ("load_latency_bucket", int(1_000 * scale) * 10, 60)):
            # In slices of half an hour, so that all series move on together, as they do when scraped.
            histories = [counter_history(rng, end, per, 60) for _ in range(SHAPES)]
            for begin in range(0, per, 30):
                shapes = [samples_bytes(history[begin:begin + 30]) for history in histories]
                for i in range(count):
                    if name == "load_requests_total":
                        labels = {"job": f"job-{i % 20}", "instance": f"host-{i // 20}", "path": f"/api/v{i % 7}/item-{i}"}
                        yield labels_bytes({"__name__": name, **labels}) + shapes[i % SHAPES]
                    else:
                        # One history each histogram; what lies below a higher bound is no less.
                        le = "+Inf" if i % 10 == 9 else str(2 ** (i % 10) / 16)
                        scaled = samples_bytes([(at, value * (i % 10 + 1)) for at, value in histories[i // 10 % SHAPES][begin:begin + 30]])
                        yield labels_bytes({"__name__": name, "instance": f"host-{i // 10}", "le": le}) + scaled
        for i in range(int(100_000 * scale)):
            yield labels_bytes({"__name__": "load_gauge", "instance": f"host-{i % 1000}", "id": f"id-{i}"}) + samples_bytes([(end * 1000, float(i))])

    for one in series():
        body += message(1, one)
        if len(body) >= BODY_BYTES:
            yield snappy_literals(bytes(body))
            body.clear()
    yield snappy_literals(bytes(body))


def questions(end: int) -> dict[str, list[tuple[str, dict]]]:
    """Name → the requests of one round. Rule-like queries are many small ones at successive seconds."""
    day = {"start": end - DAY_SECONDS, "end": end, "step": 300}
    hour = {"start": end - 3600, "end": end, "step": 60}
    rules = ["sum by (job) (rate(load_requests_total{job=\"job-%d\"}[5m]))" % i for i in range(20)]
    return {
        "rate-sum over 24 h": [("query_range", {"query": "sum by (job) (rate(load_requests_total[5m]))", **day})],
        "regex of high cardinality": [("query", {"query": 'count(load_requests_total{path=~"/api/v[1-3]/.*7.*"})', "time": end})],
        "histogram_quantile of histograms": [("query_range", {
            "query": "histogram_quantile(0.99, sum by (instance, le) (rate(load_latency_bucket[5m])))", **hour})],
        "instant sum of gauges": [("query", {"query": "sum by (instance) (load_gauge)", "time": end})],
        "instant of all gauges": [("query", {"query": "load_gauge", "time": end})],
        "rules of ten seconds": [("query", {"query": rule, "time": end - 10 + second}) for second in range(10) for rule in rules],
    }


def process_usage(pid: int) -> tuple[float, int]:
    """CPU seconds so far and peak resident bytes since clear_peak()."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak_kib = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS, peak_kib * 1024


def clear_peak(pid: int) -> None:
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def load(server, scale: float, end: int) -> float:
    began = time.monotonic()
    for body in requests(scale, end):
        answer = server.request("POST", "/api/v1/write", body=body, timeout=120, headers={
            "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"})
        if answer.status not in (200, 204):
            raise RuntimeError(f"remote write: {answer.status} {answer.text[:500]}")
    return time.monotonic() - began


def ask(server, asked: list[tuple[str, dict]]) -> tuple[float, int]:
    """Seconds of one round, and the bytes of its answers."""
    began, size = time.monotonic(), 0
    for path, parameters in asked:
        answer = server.post_form(f"/api/v1/{path}", parameters, timeout=300)
        if answer.status != 200:
            raise RuntimeError(f"{parameters['query']}: {answer.status} {answer.text[:500]}")
        size += len(answer.body)
    return time.monotonic() - began, size


def measure(server, repeat: int, end: int) -> dict[str, dict]:
    pid, out = server.process.pid, {}
    for name, asked in questions(end).items():
        ask(server, asked)  # Warm: what is mapped and cached is so for everybody.
        clear_peak(pid)
        cpu_before, _ = process_usage(pid)
        rounds = [ask(server, asked) for _ in range(repeat)]
        cpu_after, peak = process_usage(pid)
        out[name] = {"wall_ms": statistics.median(seconds for seconds, _ in rounds) * 1e3, "cpu_ms": (cpu_after - cpu_before) / repeat * 1e3,
                     "peak_mb": peak / 1e6, "answer_bytes": rounds[0][1]}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--only", choices=["narthex", "prometheus"])
    options = parser.parse_args()
    end = int(time.time()) // 60 * 60
    results = {}
    for name, make in (("narthex", lambda: Narthex("global: {}\n", FLAGS)), ("prometheus", lambda: Prometheus("global: {}\n", FLAGS))):
        if options.only not in (None, name):
            continue
        try:
            server = make()
        except unittest.SkipTest as missing:
            print(f"{name} is left out: {missing}", file=sys.stderr)
            continue
        with server:
            print(f"{name}: loaded in {load(server, options.scale, end):.1f} s", flush=True)
            results[name] = measure(server, options.repeat, end)
        print(f"{'':34}{'wall ms':>12}{'CPU ms':>12}{'peak MB':>10}{'answer':>12}")
        for question, numbers in results[name].items():
            print(f"{question:34}{numbers['wall_ms']:12.2f}{numbers['cpu_ms']:12.2f}{numbers['peak_mb']:10.1f}{numbers['answer_bytes']:12d}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
