#!/usr/bin/env python3
"""Hundreds of keep-alive clients that ask instant queries: rate, latency and CPU of one server after another.

    python3 -m bench.e2e.http_load --bench-peers DIR --server narthex=build/release/narthex --server prometheus=... --server vm=...
        [--clients 256] [--seconds 10] [--repeat 3] [--json OUT]

Drives wrk (Debian package `wrk`) with one thread; samples come by remote write, 1,000 series over ten minutes. The figures are medians over the
repeats. They are worth something on a machine that does nothing else: the load average before each server is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
from collections.abc import Iterator

from bench.e2e import side_by_side
from bench.e2e.promql_loads import labels_bytes, samples_bytes

SERIES, SAMPLES, STEP_SECONDS = 1_000, 40, 15
QUESTIONS = {"scalar": "1+1", "one series": 'http_load{instance="host-7",handler="h-3"}', "sum of rate over 1,000 series": "sum by (handler) (rate(http_load[5m]))"}
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def seconds_of(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * UNITS[unit]


def run_wrk(url: str, clients: int, seconds: int) -> dict[str, float]:
    done = subprocess.run(["wrk", "--latency", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", url], capture_output=True, text=True,
                          timeout=seconds + 60, check=True)
    out = {"requests": float(re.search(r"(\d+) requests in", done.stdout).group(1)), "per_second": float(re.search(r"Requests/sec:\s+([\d.]+)", done.stdout).group(1))}
    for percentile in ("50", "90", "99"):
        out[f"p{percentile}_seconds"] = seconds_of(re.search(rf"{percentile}%\s+(\S+)", done.stdout).group(1))
    # A server that fails quickly is not a fast one.
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(f"{url}: {done.stdout}")
    return out


def encoded(end: int) -> Iterator[bytes]:
    for i in range(SERIES):
        yield (labels_bytes({"__name__": "http_load", "job": "load", "instance": f"host-{i // 10}", "handler": f"h-{i % 10}"})
               + samples_bytes([((end - (SAMPLES - 1 - k) * STEP_SECONDS) * 1000, float(k * (i + 1))) for k in range(SAMPLES)]))


def measure(server, options: argparse.Namespace, end: int) -> dict[str, dict[str, float]]:
    out = {}
    for name, question in QUESTIONS.items():
        if name != "scalar" and server.number(f"count({question})", end) == 0:
            raise RuntimeError(f"{server.spec.name}: {question} has no answer")
        query = {"query": question, "time": end, **({"nocache": "1"} if server.spec.kind == "vm" else {})}
        url = f"http://127.0.0.1:{server.port}/api/v1/query?" + urllib.parse.urlencode(query)
        runs = []
        for _ in range(options.repeat):
            before = server.cpu()
            run = run_wrk(url, options.clients, options.seconds)
            run["cpu_microseconds_per_request"] = (server.cpu() - before) / run["requests"] * 1e6
            runs.append(run)
        out[name] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    side_by_side.add_arguments(parser)
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed", file=sys.stderr)
        return 1
    peers, results = side_by_side.bench_module(options, "peers"), {}
    end = int(time.time()) // 60 * 60 - 60
    flags = {"prometheus": f"--web.max-connections={options.clients + 16}"}
    with tempfile.TemporaryDirectory(prefix="http-load-") as work:
        for spec in side_by_side.server_specs(options, flags):
            print(f"{spec.name}: load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
            server = peers.Server(spec, os.path.join(work, spec.name), "global: {}\n")
            server.start()
            try:
                side_by_side.load(server, encoded(end))
                time.sleep(5)  # VictoriaMetrics shows what it was given after a second or two.
                results[spec.name] = {"version": spec.version(), "questions": measure(server, options, end)}
            finally:
                server.stop()
            if options.json:
                options.json.write_text(json.dumps(results, indent=1) + "\n")
    print(f"{'question':32} {'server':12} {'req/s':>10} {'p50 ms':>8} {'p90 ms':>8} {'p99 ms':>8} {'CPU µs':>8}")
    for question in QUESTIONS:
        for name, result in results.items():
            run = result["questions"][question]
            print(f"{question:32} {name:12} {run['per_second']:10.0f} {run['p50_seconds'] * 1e3:8.2f} {run['p90_seconds'] * 1e3:8.2f} "
                  f"{run['p99_seconds'] * 1e3:8.2f} {run['cpu_microseconds_per_request']:8.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
