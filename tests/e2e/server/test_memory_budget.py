"""A target whose series explode: its new ones are refused, everything else goes on, and nothing is killed.

NARTHEX_LONG=1 runs the long form: 20,000 new series a second for more than three minutes.
"""

import http.server
import os
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.mounts import MemoryGroup
from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, wait_until

LONG = bool(os.environ.get("NARTHEX_LONG"))
NEW_SERIES_A_SECOND = 20_000 if LONG else 6_000
SECONDS = 200 if LONG else 20
BUDGET_MIB = 160 if LONG else 96
GROUP_MIB = BUDGET_MIB * 10 // 6
STEADY_SERIES = 500


class ExplodingTarget(FakeTarget):
    """Every scrape sees as many series as came since the last one, all of them new, beside some that stay."""

    def __init__(self):
        super().__init__()
        self.made = 0
        self.last = time.monotonic()
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                body = target.next_body()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server.RequestHandlerClass = Handler

    def next_body(self) -> bytes:
        now = time.monotonic()
        count = min(int((now - self.last) * NEW_SERIES_A_SECOND), 3 * NEW_SERIES_A_SECOND)
        self.last = now
        begin, self.made = self.made, self.made + count
        lines = [f"steady{{i=\"{i}\"}} {begin}\n" for i in range(10)]
        lines += [f'exploding_total{{method="GET",path="/api/v1/things",request="{i:012x}",code="200"}} {i}\n'
                  for i in range(begin, begin + count)]
        return "".join(lines).encode()


class LimitedNarthex(Narthex):
    """In a control group of its own."""

    def __init__(self, group: MemoryGroup, config: str, args: list[str]):
        self.group = group
        super().__init__(config, args)

    def command(self) -> list[str]:
        return self.group.wrap(super().command())


def config(steady: FakeTarget, exploding: FakeTarget) -> str:
    return f"""
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: steady
    static_configs: [{{targets: ['{steady.address}']}}]
  - job_name: exploding
    static_configs: [{{targets: ['{exploding.address}']}}]
"""


class Explosion(unittest.TestCase):
    def last_error(self, server: Narthex, job: str) -> str:
        targets = server.api("targets")["activeTargets"]
        return next(t["lastError"] for t in targets if t["labels"]["job"] == job)

    def test_new_series_are_refused_and_nothing_else(self):
        group = MemoryGroup(GROUP_MIB << 20)
        self.addCleanup(group.close)
        body = "".join(f'x{{i="{i}"}} {i}\n' for i in range(STEADY_SERIES))
        with FakeTarget(body) as steady, ExplodingTarget() as exploding, \
                LimitedNarthex(group, config(steady, exploding),
                               ["--web.enable-remote-write-receiver"]) as server:
            self.assertAlmostEqual(server.metric("narthex_memory_budget_bytes") / 2**20, BUDGET_MIB, delta=1,
                                   msg="60 % of the group's limit, without a flag")
            server.wait_for_vector("up == 1", count=2)
            begin = time.monotonic()
            wait_until(lambda: "new series refused" in self.last_error(server, "exploding"), SECONDS + 60, "nothing was refused")
            self.assertIn('label "request"', self.last_error(server, "exploding"))
            wait_until(lambda: time.monotonic() - begin > SECONDS, SECONDS + 60, "the time does not pass")
            self.check_goes_on(server, steady)
            self.check_remote_write(server)

            before = server.query('{job="steady"}[10m]')
            server.kill()
            started = time.monotonic()
            server.start()  # One process: ready at the first try, or the group has killed it.
            print(f"ready {time.monotonic() - started:.1f} s after the kill, {server.metric('prometheus_tsdb_head_series'):.0f} series, "
                  f"peak {(group.peak_bytes() or 0) >> 20} of {GROUP_MIB} MiB", flush=True)
            after = {str(s["metric"]): s["values"] for s in server.query('{job="steady"}[10m]')}
            for series in before:
                lost = [v for v in series["values"] if v not in after[str(series["metric"])]]
                self.assertEqual(lost, [], series["metric"])
            self.assertIsNone(server.process.poll())
            wait_until(lambda: server.vector('up{job="steady"} == 1'), 30, "scraping does not go on")

    def check_goes_on(self, server: Narthex, steady: FakeTarget) -> None:
        self.assertIsNone(server.process.poll(), "killed")
        self.assertGreater(server.metric("narthex_tsdb_series_refused_total"), 0)
        used, budget = server.metric("narthex_memory_budget_used_bytes"), server.metric("narthex_memory_budget_bytes")
        self.assertLess(used, budget * 1.3)
        self.assertGreater(server.metric("narthex_memory_owner_bytes", 'owner="head"'), 1 << 20)
        self.assertEqual(self.last_error(server, "steady"), "")
        ups = server.query(f'up{{job="steady"}}[{SECONDS}s]')[0]["values"]
        self.assertGreaterEqual(len(ups), SECONDS - 2, "scrapes are missing")
        self.assertEqual({v for _, v in ups}, {"1"})
        self.assertEqual(len(server.query('x{job="steady"}')), STEADY_SERIES)
        newest = server.query('time() - timestamp(steady{job="exploding"})')
        self.assertEqual(len(newest), 10, "series that there were before the explosion")
        self.assertLess(max(float(s["value"][1]) for s in newest), 10)

    def check_remote_write(self, server: Narthex) -> None:
        series = remote_write.time_series({"__name__": "pushed"}, [(int(time.time() * 1000), 1.0)])
        answer = remote_write.send(server, [series])
        self.assertEqual(answer.status, 400)
        self.assertIn("memory budget", answer.text)


if __name__ == "__main__":
    unittest.main()
