"""Targets that mean harm or are merely broken: each is down with its reason, costs little memory, and its neighbours miss nothing."""

import gzip
import http.server
import io
import pathlib
import threading
import time
import unittest
import zlib

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, wait_until

MEBIBYTE = 1 << 20
COST_BYTES_MAX = 64 * MEBIBYTE
# What a server under load may grow by for other reasons than the target.
NOISE_BYTES_MAX = 24 * MEBIBYTE
TEXT = "text/plain; version=0.0.4"
PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def bomb(piece: bytes, count: int) -> bytes:
    """`piece` over and over, gzipped without ever being whole."""
    out = io.BytesIO()
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    block = piece * max(1, MEBIBYTE // len(piece))
    for _ in range(count * len(piece) // len(block)):
        out.write(packer.compress(block))
    out.write(packer.flush())
    return out.getvalue()


class HostileTarget:
    """Serves `answer(handler)`, which writes what it likes to `handler.wfile`."""

    def __init__(self, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.close_connection = True
                answer(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def head(handler, content_type=TEXT, **more):
    handler.send_response(200)
    handler.send_header("Content-Type", content_type)
    for name, value in more.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def fixed(body: bytes, content_type=TEXT, **more):
    def answer(handler):
        head(handler, content_type, Content_Length=str(len(body)), **more)
        handler.wfile.write(body)
    return answer


def repeated(piece: bytes, count: int | None, before: bytes = b"", after: bytes = b"", content_type=TEXT):
    """A body that ends with the connection; `count` None: it never ends."""
    block = piece * max(1, 65536 // len(piece))

    def answer(handler):
        head(handler, content_type, Connection="close")
        handler.wfile.write(before)
        sent = 0
        while count is None or sent < count * len(piece):
            handler.wfile.write(block)
            sent += len(block)
        handler.wfile.write(after)
    return answer


def numbered_lines(handler):
    """Never the same series twice: what the parser keeps grows with it."""
    head(handler, Connection="close")
    number = 0
    while True:
        handler.wfile.write(b"".join(b'endless{n="%d",pad="%s"} 1\n' % (number + i, b"x" * 60) for i in range(1000)))
        number += 1000


def slow_drip(handler):
    head(handler, Connection="close")
    for i in range(10_000):
        handler.wfile.write(b"a%d 1\n" % i)
        handler.wfile.flush()
        time.sleep(0.05)


def redirect(location):
    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
    return answer


class HostileTargets(unittest.TestCase):
    def memory(self, server: Narthex) -> int:
        for line in pathlib.Path(f"/proc/{server.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def forget_peak(self, server: Narthex) -> None:
        try:
            pathlib.Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
        except OSError as error:
            raise unittest.SkipTest(f"the peak of memory cannot be reset: {error}")

    def judged_targets(self, server: Narthex) -> dict | None:
        targets = {t["labels"]["job"]: t for t in server.api("targets")["activeTargets"]}
        return targets if targets["hostile"]["health"] != "unknown" else None

    def judge(self, answer, words: str) -> None:
        """Scrapes the target beside a good one, and looks at reason, cost and neighbour."""
        hostile = HostileTarget(answer)
        self.addCleanup(hostile.close)
        good = FakeTarget("fine 1\n", content_type=TEXT)
        self.addCleanup(good.close)
        text = ("global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n"
                f"  - job_name: good\n    static_configs: [{{targets: ['{good.address}']}}]\n")
        with Narthex(text, args=["--web.enable-lifecycle"]) as server:
            server.wait_for_vector("fine")
            self.forget_peak(server)
            before = self.memory(server)
            server.write_config(text + f"""\
  - job_name: hostile
    scrape_interval: 4s
    scrape_timeout: 4s
    static_configs: [{{targets: ['{hostile.address}']}}]
""")
            self.assertEqual(server.reload().status, 200)
            server.wait_for_vector('up{job="hostile"} == 0', seconds=30)
            # The samples of a round are stored before its outcome shows among the targets.
            targets = wait_until(lambda: self.judged_targets(server), 10, "the hostile target has no outcome")
            self.assertEqual(targets["hostile"]["health"], "down")
            self.assertRegex(targets["hostile"]["lastError"], words)
            self.assertLess(len(targets["hostile"]["lastError"]), 2000)
            self.assertLess(self.memory(server) - before, COST_BYTES_MAX + NOISE_BYTES_MAX)
            # Nothing of the target but the series about its scrapes.
            names = {s["metric"]["__name__"] for s in server.query('{job="hostile"}')}
            self.assertEqual({n for n in names if n != "up" and not n.startswith("scrape_")}, set())
            server.wait_for_vector("count_over_time(fine[1m]) >= 4")
            # The neighbour was scraped in each of its slots: no distance between two samples is two slots.
            times = [t for t, _ in server.query('fine[1m]')[0]["values"]]
            self.assertGreater(len(times), 1)
            self.assertLess(max(b - a for a, b in zip(times, times[1:])), 1.9)
            self.assertEqual(targets["good"]["lastError"], "")

    def test_a_body_without_end(self):
        self.judge(numbered_lines, "scrape needs more than 64 MiB of memory|context deadline exceeded")

    def test_a_body_of_200_megabytes_that_breaks_at_its_end(self):
        self.judge(repeated(b"same_series 1\n", 200_000_000 // 14, after=b"broken\n"),
                   "while parsing|context deadline exceeded")

    def test_a_gzip_bomb_of_lines(self):
        body = gzip.compress(b"".join(b'bomb{n="%d"} 1\n' % i for i in range(2_000_000)), 1)
        self.judge(fixed(body, Content_Encoding="gzip"), "scrape needs more than 64 MiB of memory|context deadline exceeded")

    def test_a_gzip_bomb_of_newlines(self):
        self.judge(fixed(bomb(b"\n", 400 * MEBIBYTE) + gzip.compress(b"broken\n"), Content_Encoding="gzip"),
                   "while parsing|context deadline exceeded")

    def test_a_gzip_bomb_of_one_line(self):
        self.judge(fixed(bomb(b"x", 400 * MEBIBYTE), Content_Encoding="gzip"), "a line is longer than 8 MiB")

    def test_a_label_value_of_16_mebibytes(self):
        self.judge(repeated(b"v", 16 * MEBIBYTE, b'a{b="', b'"} 1\n'), "a line is longer than 8 MiB")

    def test_a_hundred_thousand_labels(self):
        # Twice the same one, so that it is no series even where nothing limits their number.
        labels = b",".join(b'l%d="v"' % i for i in range(100_000))
        self.judge(fixed(b"a{" + labels + b',l7="v"} 1\n'), "is not unique")

    def test_a_name_of_a_megabyte(self):
        self.judge(repeated(b"n", MEBIBYTE, after=b" x\n"), "strconv.ParseFloat|while parsing")

    def test_blank_lines_without_end(self):
        self.judge(repeated(b"\n", None), "context deadline exceeded")

    def test_half_a_line(self):
        self.judge(fixed(b'good 1\na{b="c'), "while parsing")

    def test_html(self):
        self.judge(fixed(b"<html><body>404</body></html>"), "while parsing")
        self.judge(fixed(b"<html></html>", "text/html"), 'received unsupported Content-Type "text/html"')

    def test_protobuf_garbage(self):
        self.judge(fixed(b"\xff" * 100_000, PROTOBUF), "protobuf")
        self.judge(fixed(b"\x05hello" * 1000, PROTOBUF), "protobuf|invalid name")
        # A message that says it is 15 MiB long and is not.
        self.judge(fixed(b"\x80\x80\xc0\x07" + b"\x0a\x01a", PROTOBUF), "unexpected end of the body")

    def test_text_that_is_not_utf8(self):
        self.judge(fixed(b'a{b="\xff"} 1\n'), "invalid UTF-8 label value")
        self.judge(fixed(b'a{b="\xff"} 1\n# EOF\n', OPENMETRICS), "invalid UTF-8 label value")

    def test_an_openmetrics_body_that_stops(self):
        self.judge(fixed(b"a 1\n", OPENMETRICS), "data does not end with # EOF")

    def test_a_slow_drip(self):
        self.judge(slow_drip, "context deadline exceeded")

    def test_a_redirect_in_a_circle(self):
        self.judge(redirect("/metrics"), "stopped after 10 redirects")

    def test_a_redirect_to_where_nobody_listens(self):
        self.judge(redirect("http://127.0.0.1:1/metrics"), "connect: connection refused")


if __name__ == "__main__":
    unittest.main()
