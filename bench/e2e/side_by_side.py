"""What the benchmarks against Prometheus and VictoriaMetrics share: the servers, started by the side-by-side benchmark in --bench-peers, and the
samples that they are given."""

from __future__ import annotations

import argparse
import http.client
import importlib
import os
import pathlib
import shutil
import sys
from collections.abc import Iterable, Iterator
from types import ModuleType

from tests.e2e.lib.remote_write import message, snappy_literals

BODY_BYTES = 4 << 20
WRITE_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bench-peers", type=pathlib.Path, required=True, help="directory of the side-by-side benchmark, built")
    parser.add_argument("--server", action="append", required=True, help="NAME[:KIND]=BINARY; repeat")
    parser.add_argument("--json", type=pathlib.Path, help="file for the raw results")


def bench_module(options: argparse.Namespace, name: str) -> ModuleType:
    directory = str(options.bench_peers.resolve())
    if directory not in sys.path:
        sys.path.insert(0, directory)
    return importlib.import_module(name)


def server_specs(options: argparse.Namespace, flags: dict[str, str] | None = None) -> Iterator:
    """Of every --server; `flags` are further ones by the server's kind."""
    peers = bench_module(options, "peers")
    for text in options.server:
        name, _, binary = text.partition("=")
        # Servers start in a directory of their own: a relative path would not be found there.
        spec = peers.Spec(f"{name}={os.path.abspath(shutil.which(binary) or binary)}", {})
        spec.extra += (flags or {}).get(spec.kind, "").split()
        yield spec


def write_bodies(series: Iterable[bytes]) -> Iterator[bytes]:
    """Requests of remote write of some MiB each, of encoded TimeSeries."""
    body = bytearray()
    for one in series:
        body += message(1, one)
        if len(body) >= BODY_BYTES:
            yield snappy_literals(bytes(body))
            body.clear()
    if body:
        yield snappy_literals(bytes(body))


def load(server, series: Iterable[bytes]) -> None:
    """`server`: of peers.Server."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        for body in write_bodies(series):
            connection.request("POST", "/api/v1/write", body=body, headers=WRITE_HEADERS)
            response = connection.getresponse()
            text = response.read()
            if response.status not in (200, 204):
                raise RuntimeError(f"{server.spec.name}: remote write: {response.status} {text[:500]!r}")
    finally:
        connection.close()
