"""Sends samples by remote write 1.0: a request written by hand (field numbers of prometheus.WriteRequest), snappy made of
literals alone, which every decoder takes."""

from __future__ import annotations

import struct

SERIES_PER_REQUEST = 500


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(field: int, content: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(content)) + content


def time_series(labels: dict[str, str], samples: list[tuple[int, float]]) -> bytes:
    """`samples`: milliseconds and values, in order."""
    out = b"".join(message(1, message(1, name.encode()) + message(2, value.encode())) for name, value in sorted(labels.items()))
    for at, value in samples:
        out += message(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at))
    return out


def zigzag(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def histogram(at_ms: int, buckets: list[int], total: float, schema: int = 0) -> bytes:
    """A native histogram of integers whose buckets begin at index 0 and leave none out; observations in `buckets`."""
    deltas = b"".join(zigzag(n - before) for before, n in zip([0, *buckets], buckets))
    return (b"\x08" + varint(sum(buckets)) + b"\x19" + struct.pack("<d", total) + b"\x20" + zigzag(schema) + b"\x30\x00"
            + message(11, b"\x08\x00\x10" + varint(len(buckets))) + message(12, deltas) + b"\x78" + varint(at_ms))


def histogram_series(labels: dict[str, str], histograms: list[bytes]) -> bytes:
    return time_series(labels, []) + b"".join(message(4, one) for one in histograms)


def snappy_literals(content: bytes) -> bytes:
    out = bytearray(varint(len(content)))
    for begin in range(0, len(content), 65536):
        part = content[begin:begin + 65536]
        out += bytes([61 << 2]) + struct.pack("<H", len(part) - 1) + part
    return bytes(out)


def write(server, series: list[tuple[dict[str, str], list[tuple[int, float]]]]) -> None:
    """`server` has the receiver at /api/v1/write."""
    write_encoded(server, [time_series(labels, samples) for labels, samples in series])


def send(server, series: list[bytes], timeout: float = 30):
    """One request, of series as time_series() and histogram_series() give them; the answer, whatever it says."""
    body = b"".join(message(1, one) for one in series)
    return server.request("POST", "/api/v1/write", body=snappy_literals(body), timeout=timeout, headers={
        "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"})


def write_encoded(server, series: list[bytes]) -> None:
    """`series` as time_series() and histogram_series() give them."""
    for begin in range(0, len(series), SERIES_PER_REQUEST):
        answer = send(server, series[begin:begin + SERIES_PER_REQUEST])
        assert answer.status in (200, 204), answer.text
