#!/usr/bin/env python3
"""Hundreds of keep-alive clients that ask instant queries: rate, latency and CPU of Narthex and of Prometheus.

    NARTHEX_BIN=build/release/narthex python3 -m bench.e2e.http_load [--clients 256] [--seconds 10] [--repeat 3] [--json OUT]

Drives wrk (Debian package `wrk`) with one thread against one server after another; each has scraped itself for a few rounds first. The figures
are medians over the repeats. They are worth something on a machine that does nothing else: the load average before each run is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, scrape_config

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
QUESTIONS = {"scalar": "1+1", "one series": 'up{job="test"}', "counters of all handlers": "sum by (handler) (prometheus_http_requests_total)"}
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


def cpu_seconds(pid: int) -> float:
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


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


def measure(server, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    server.wait_for_vector("up == 1")
    out = {}
    for name, question in QUESTIONS.items():
        url = f"{server.url}/api/v1/query?" + urllib.parse.urlencode({"query": question})
        runs = []
        for _ in range(arguments.repeat):
            before = cpu_seconds(server.process.pid)
            run = run_wrk(url, arguments.clients, arguments.seconds)
            run["cpu_microseconds_per_request"] = (cpu_seconds(server.process.pid) - before) / run["requests"] * 1e6
            runs.append(run)
        out[name] = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=256)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        print("wrk is not installed", file=sys.stderr)
        return 1
    results = {}
    for kind in (Narthex, Prometheus):
        try:
            server = kind("global: {}\n", args=[f"--web.max-connections={arguments.clients + 16}"])
        except unittest.SkipTest as missing:
            print(f"left out: {missing}", file=sys.stderr)
            continue
        server.config_path.write_text(scrape_config(server.address, interval="1s"))
        print(f"{kind.__name__}: load average {os.getloadavg()[0]:.1f}", file=sys.stderr)
        with server:
            results[kind.__name__] = measure(server, arguments)
    print(f"{'question':28} {'server':12} {'req/s':>10} {'p50 ms':>8} {'p90 ms':>8} {'p99 ms':>8} {'CPU µs':>8}")
    for question in QUESTIONS:
        for name, result in results.items():
            run = result[question]
            print(f"{question:28} {name:12} {run['per_second']:10.0f} {run['p50_seconds'] * 1e3:8.2f} {run['p90_seconds'] * 1e3:8.2f} "
                  f"{run['p99_seconds'] * 1e3:8.2f} {run['cpu_microseconds_per_request']:8.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
