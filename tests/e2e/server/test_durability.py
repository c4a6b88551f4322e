"""Nothing that was committed is lost: kill -9 at any time, start again, compare sample by sample."""

import pathlib
import subprocess
import sys
import threading
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, HttpServerProcess, Narthex, NodeExporter, scrape_config, series_text, wait_until

EVERYTHING = '{__name__=~".+"}[1h]'

# A program that counts how often it was asked; every scrape sees another value. Standard library only.
COUNTING_EXPORTER = """
import http.server, sys
asked = 0
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        global asked
        asked += 1
        lines = ["# TYPE asked_total counter", f"asked_total {asked}"]
        lines += [f'table{{row="{i}"}} {asked * 1000 + i}' for i in range(200)]
        body = ("\\n".join(lines) + "\\n").encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""

CLIENT_APP = """
import sys, time
from prometheus_client import Counter, Histogram, start_http_server
jobs = Counter("jobs_done", "Jobs.", ["kind"])
took = Histogram("job_seconds", "Time.")
start_http_server(int(sys.argv[1]), addr="127.0.0.1")
while True:
    jobs.labels(kind="a").inc()
    took.observe(0.1)
    time.sleep(0.01)
"""


class Program(HttpServerProcess):
    """A Python program that serves /metrics on the port in its first argument."""

    ready_path = "/metrics"

    def __init__(self, text: str, python: str = sys.executable):
        super().__init__()
        self.python = python
        (self.directory / "program.py").write_text(text)

    def command(self) -> list[str]:
        return [self.python, str(self.directory / "program.py"), str(self.port)]


def python_with_client() -> str:
    for python in (sys.executable, "/usr/bin/python3"):
        if pathlib.Path(python).exists() and subprocess.run([python, "-c", "import prometheus_client"], capture_output=True,
                                                            check=False).returncode == 0:
            return python
    raise unittest.SkipTest("python3-prometheus-client is not installed")


def samples_of(server: Narthex, selector: str = EVERYTHING) -> dict[str, list[list]]:
    return {series_text(series["metric"]): series["values"] for series in server.query(selector)}


class KilledServer(unittest.TestCase):
    def assert_nothing_lost(self, before: dict[str, list[list]], after: dict[str, list[list]]) -> None:
        self.assertTrue(before)
        for series, values in before.items():
            self.assertIn(series, after)
            kept = {(t, v) for t, v in after[series]}
            lost = [(t, v) for t, v in values if (t, v) not in kept]
            self.assertEqual(lost, [], f"{series}: {len(lost)} of {len(values)} samples are gone")
            times = [t for t, _ in after[series]]
            self.assertEqual(times, sorted(set(times)), series)

    def test_every_committed_sample_of_a_counting_program_survives(self):
        with Program(COUNTING_EXPORTER) as program, Narthex(config=scrape_config(program.address, interval="100ms")) as server:
            total = 0
            for _ in range(4):
                server.wait_for_vector("asked_total")
                have = len(samples_of(server, "asked_total[1h]").popitem()[1])
                wait_until(lambda: len(samples_of(server, "asked_total[1h]").popitem()[1]) >= have + 10, 30, "no new samples")
                before = samples_of(server)
                server.kill()
                server.start()
                after = samples_of(server)
                self.assert_nothing_lost(before, after)
                total = sum(len(values) for values in after.values())
            self.assertGreater(total, 4 * 10 * 200)
            # Whole scrapes only: what was applied of the last scrape was applied of all its series.
            counted = {t: float(v) for t, v in samples_of(server, "asked_total[1h]").popitem()[1]}
            for series, values in samples_of(server, 'table[1h]').items():
                row = int(series.split('row="')[1].split('"')[0])
                for t, v in values:
                    self.assertIn(t, counted, series)
                    self.assertEqual(float(v), counted[t] * 1000 + row)

    def test_a_node_exporter_survives(self):
        with NodeExporter() as exporter, Narthex(config=scrape_config(exporter.address, job="node")) as server:
            wait_until(lambda: len(server.query('up{job="node"}[1h]')[0]["values"]) >= 8 if server.query("up") else False, 60, "no scrapes")
            before = samples_of(server)
            self.assertGreater(len(before), 100)
            server.kill()
            server.start()
            self.assert_nothing_lost(before, samples_of(server))
            wait_until(lambda: server.vector('up{job="node"} == 1'), 30, "scraping does not go on")

    def test_the_official_client_survives(self):
        with Program(CLIENT_APP, python_with_client()) as program, Narthex(config=scrape_config(program.address)) as server:
            wait_until(lambda: sum(len(v) for v in samples_of(server, "jobs_done_total[1h]").values()) >= 8, 60, "no scrapes")
            before = samples_of(server)
            self.assertIn("job_seconds_bucket", " ".join(before))
            server.kill()
            server.start()
            after = samples_of(server)
            self.assert_nothing_lost(before, after)
            values = [float(v) for _, v in samples_of(server, "jobs_done_total[1h]").popitem()[1]]
            self.assertEqual(values, sorted(values))

    def test_killed_over_and_over_while_it_starts(self):
        """Killed at 30 moments of its start: replay may be cut anywhere and the directory still opens."""
        with FakeTarget("".join(f'x{{i="{i}"}} {i}\n' for i in range(500))) as target, \
                Narthex(config=scrape_config(target.address, interval="100ms")) as server:
            wait_until(lambda: len(target.requests) >= 10, 30, "no scrapes")
            server.wait_for_vector("x", count=500)
            before = samples_of(server)
            server.kill()
            for i in range(30):
                server.launch()
                threading.Event().wait(i * 0.005)
                server.kill()
            server.start()
            self.assert_nothing_lost(before, samples_of(server))

    def test_a_torn_log_still_starts(self):
        """The end of the newest segment is cut off or garbage, as after a power cut."""
        with FakeTarget("x 1\n") as target, Narthex(config=scrape_config(target.address, interval="100ms")) as server:
            for damage in (lambda data: data[:-5], lambda data: data + b"\xff" * 1000, lambda data: data[:-200] + bytes(200)):
                wait_until(lambda: server.query("x[1h]"), 30, "no scrapes")
                have = len(server.query("x[1h]")[0]["values"])
                wait_until(lambda: len(server.query("x[1h]")[0]["values"]) >= have + 30, 30, "no new samples")
                before = {tuple(v) for v in server.query("x[1h]")[0]["values"]}
                server.kill()
                segments = sorted((server.data_path / "wal").glob("0*"))
                self.assertTrue(segments)
                newest = max((s for s in segments if s.stat().st_size > 0), key=lambda s: s.name)
                newest.write_bytes(damage(newest.read_bytes()))
                server.start()
                after = {tuple(v) for v in server.query("x[1h]")[0]["values"]}
                self.assertGreaterEqual(len(before & after), len(before) - 25, "more than the damaged end is gone")


if __name__ == "__main__":
    unittest.main()
