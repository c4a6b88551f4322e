"""A small program with the official Python client, as somebody would write one: python_client_app.py PORT.

Its values are set once, so that a test knows them.
"""

import math
import sys
import threading

from prometheus_client import Counter, Enum, Gauge, Histogram, Info, Summary, start_http_server


def main() -> None:
    requests = Counter("app_requests", "Requests by path.", ["path", "method"])
    requests.labels(path="/", method="GET").inc(3)
    requests.labels(path='/with "quotes" \\ and\nnewline', method="POST").inc(1.5)
    requests.labels(path="/grüße/日本", method="GET").inc()

    special = Gauge("app_special", "Values at the edges.", ["kind"])
    for kind, value in {"inf": math.inf, "minus_inf": -math.inf, "nan": math.nan, "tiny": 5e-324, "large": 1.7976931348623157e308,
                        "negative_zero": -0.0, "third": 1 / 3}.items():
        special.labels(kind=kind).set(value)

    latency = Histogram("app_latency_seconds", "Latency.", buckets=(0.1, 0.5, 1.0))
    for seconds in (0.05, 0.2, 0.3, 0.7, 2.0):
        latency.observe(seconds)
    size = Summary("app_size_bytes", "Sizes.")
    size.observe(100)
    size.observe(200)
    Info("app_build", "Build.").info({"version": "1.2.3"})
    Enum("app_state", "State.", states=["starting", "running"]).state("running")

    start_http_server(int(sys.argv[1]), addr="127.0.0.1")
    threading.Event().wait()


if __name__ == "__main__":
    main()
