"""What hostile and broken clients do to the HTTP server: each is refused or cut off, and everybody else is served meanwhile."""

import pathlib
import resource
import socket
import time
import unittest

from tests.e2e.lib.narthex_e2e import Narthex, wait_until

EMPTY = "global: {}\n"
MEBIBYTE = 1 << 20
HOST = b"Host: x\r\n"
QUERY = b"POST /api/v1/query HTTP/1.1\r\n" + HOST + b"Content-Type: application/x-www-form-urlencoded\r\n"


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Narthex(config=EMPTY, args=["--web.max-connections=20000"])
        cls.server.start()
        cls.addClassCleanup(cls.server.close)

    def tearDown(self):
        self.assertEqual(self.server.query("1+1")[1], "2")

    def connect(self, timeout: float = 20) -> socket.socket:
        client = socket.create_connection(("127.0.0.1", self.server.port), timeout=timeout)
        self.addCleanup(client.close)
        return client

    def say(self, *pieces: bytes, end: bool = False) -> bytes:
        """All that the server answers until it closes the connection or is silent for a while."""
        client = self.connect(timeout=3)
        answer = b""
        try:
            for piece in pieces:
                client.sendall(piece)
            if end:
                client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass
        return answer

    def resident_bytes(self) -> int:
        for line in pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise AssertionError("no VmRSS")


class Smuggling(Abuse):
    """A request that two servers would cut at different places gets one answer at most, and the connection ends."""

    def refused(self, request: bytes, codes: tuple[int, ...] = (400,)):
        answer = self.say(request + b"GET /-/healthy HTTP/1.1\r\nHost: smuggled\r\n\r\n")
        self.assertNotIn(b"Healthy", answer, request)
        self.assertEqual(answer.count(b"HTTP/1.1 "), 1, (request, answer))
        self.assertIn(int(answer.split()[1]), codes, (request, answer))
        self.assertIn(b"Connection: close", answer)

    def test_two_lengths(self):
        self.refused(QUERY + b"Content-Length: 7\r\nContent-Length: 6\r\n\r\nquery=1")
        self.refused(QUERY + b"Content-Length: 7\r\nContent-Length: 7\r\n\r\nquery=1")
        self.refused(QUERY + b"Content-Length: 7, 7\r\n\r\nquery=1")

    def test_length_and_chunks(self):
        body = b"\r\n7\r\nquery=1\r\n0\r\n\r\n"
        self.refused(QUERY + b"Content-Length: 7\r\nTransfer-Encoding: chunked\r\n" + body)
        self.refused(QUERY + b"Transfer-Encoding: chunked\r\nContent-Length: 7\r\n" + body)

    def test_lengths_that_are_no_numbers(self):
        for length in (b"-1", b"+7", b"0x7", b"7a", b"", b"7 7", b"99999999999999999999", b"7.0", b"\xef\xbc\x97"):
            self.refused(QUERY + b"Content-Length: " + length + b"\r\n\r\nquery=1", (400, 413))

    def test_transfer_encodings_that_nobody_knows(self):
        for encoding in (b"xchunked", b"chunked, identity", b"gzip", b"chunked, chunked", b"\x0bchunked", b"identity", b"chunked\r\nTransfer-Encoding: chunked"):
            self.refused(QUERY + b"Transfer-Encoding: " + encoding + b"\r\n\r\n7\r\nquery=1\r\n0\r\n\r\n", (400, 501))

    def test_broken_chunks(self):
        for body in (b"x\r\nquery=1\r\n0\r\n\r\n", b"-7\r\nquery=1\r\n0\r\n\r\n", b"7 7\r\nquery=1\r\n0\r\n\r\n", b"7\r\nquery=12\r\n0\r\n\r\n",
                     b"ffffffffffffffff\r\nquery=1\r\n0\r\n\r\n", b"1ffffffffffffffff\r\nquery=1\r\n0\r\n\r\n", b"\r\nquery=1\r\n0\r\n\r\n", b"7\nquery=1\n0\n\n"):
            self.refused(QUERY + b"Transfer-Encoding: chunked\r\n\r\n" + body, (400, 413))

    def test_lines(self):
        start = b"GET /-/healthy HTTP/1.1\r\n"
        for request in (start + HOST + b"A: b\r\n c\r\n\r\n",                   # folded
                        start + HOST + b"A : b\r\n\r\n",                        # blank before the colon
                        start + HOST + b"A\0: b\r\n\r\n", start + HOST + b"A: b\0c\r\n\r\n", start + HOST + b"A: b\rc\r\n\r\n",
                        start + b"\0" + HOST + b"\r\n", start + HOST + b"no colon\r\n\r\n", start + HOST + b": no name\r\n\r\n",
                        b"GET /-/healthy HTTP/1.1\n" + b"Host: x\n\n",          # bare LF
                        start + b"Host: x\n\r\n", b"GET  /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n",
                        b"G\0T /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n", b"GET /\x7f HTTP/1.1\r\n" + HOST + b"\r\n", b"GET / HTTP/1.1 x\r\n" + HOST + b"\r\n"):
            self.refused(request, (400, 505))
        for version in (b"HTTP/2.0", b"HTTP/9.9", b"HTTP/1.10", b"http/1.1", b"HTTP/1,1"):
            self.refused(b"GET /-/healthy " + version + b"\r\n" + HOST + b"\r\n", (400, 505))

    def test_a_host_is_wanted_once(self):
        self.refused(b"GET /-/healthy HTTP/1.1\r\n\r\n")
        self.refused(b"GET /-/healthy HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")

    def test_pipelined_requests_are_answered_in_order(self):
        answer = self.say(QUERY + b"Content-Length: 7\r\n\r\nquery=1" + QUERY + b"Transfer-Encoding: chunked\r\n\r\n7;x=y\r\nquery=2\r\n0\r\nA: b\r\n\r\n"
                          + b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(answer.count(b"HTTP/1.1 200 OK"), 3, answer)
        self.assertLess(answer.index(b'"1"]'), answer.index(b'"2"]'))
        self.assertLess(answer.index(b'"2"]'), answer.index(b"Healthy"))


class Oversized(Abuse):
    def test_headers_without_end(self):
        for line in (b"A: " + b"b" * 1000 + b"\r\n", b"A: b\r\n", b"x" * 1000):
            before = self.resident_bytes()
            answer = self.say(b"GET / HTTP/1.1\r\n" + HOST, *[line * (MEBIBYTE // len(line))] * 8)
            # The answer may be lost with the connection that is still being written to.
            if answer:
                self.assertIn(b" 431 ", answer.partition(b"\r\n")[0] + b" ")
            self.assertLess(self.resident_bytes() - before, 16 * MEBIBYTE)

    def test_a_url_of_a_mebibyte(self):
        answer = self.say(b"GET /" + b"a" * MEBIBYTE + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        if answer:
            self.assertIn(answer.split()[1], (b"431", b"414", b"400"))

    def test_bodies(self):
        answer = self.say(QUERY + b"Content-Length: 1000000000000\r\n\r\n")
        self.assertIn(b" 413 ", answer)
        before = self.resident_bytes()
        chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
        answer = self.say(QUERY + b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 1000)
        if answer:
            self.assertIn(b" 413 ", answer)
        self.assertLess(self.resident_bytes() - before, 32 * MEBIBYTE)

    def test_chunks_of_one_byte_with_long_extensions(self):
        before = self.resident_bytes()
        self.say(QUERY + b"Transfer-Encoding: chunked\r\n\r\n", *[b"1;" + b"x" * 8000 + b"\r\na\r\n"] * 2000, b"1;" + b"x" * MEBIBYTE)
        self.assertLess(self.resident_bytes() - before, 32 * MEBIBYTE)


class Slow(Abuse):
    def ends_within(self, client: socket.socket, seconds: float, drip: bytes):
        began = time.monotonic()
        client.settimeout(1)
        while time.monotonic() - began < seconds:
            try:
                client.sendall(drip)
                if not client.recv(4096):
                    return
            except TimeoutError:
                continue
            except ConnectionError:
                return
        self.fail(f"still there after {seconds} s")

    def test_a_header_byte_by_byte(self):
        client = self.connect()
        client.sendall(b"GET / HTTP/1.1\r\nA: ")
        self.ends_within(client, 15, b"a")

    def test_a_body_byte_by_byte(self):
        client = self.connect()
        client.sendall(QUERY + b"Content-Length: 1000\r\n\r\n")
        self.ends_within(client, 25, b"a")

    def test_half_closed_connections_get_their_answer_or_end(self):
        # All said before the half-close: as Go's server does it, the answer comes or the connection ends; it never hangs.
        self.say(b"GET /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n", end=True)
        for part in (b"", b"GET", b"GET / HTTP/1.1\r\nHo", QUERY + b"Content-Length: 100\r\n\r\nquery"):
            client = self.connect(timeout=5)
            client.sendall(part)
            client.shutdown(socket.SHUT_WR)
            try:
                while client.recv(4096):
                    pass
            except ConnectionError:
                pass


class TenThousand(Abuse):
    def test_idle_connections_cost_little_and_nobody_waits(self):
        count = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = count + 500
        if hard != resource.RLIM_INFINITY and hard < wanted:
            self.skipTest(f"at most {hard} file descriptors")
        # The server has inherited the limit that was in force when it was started.
        server = self.server
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
            server = Narthex(config=EMPTY, args=["--web.max-connections=20000"])
            self.addCleanup(server.close)
            server.start()
        pid = server.process.pid

        def resident() -> int:
            return next(int(line.split()[1]) * 1024 for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))

        before = resident()
        idle = []
        self.addCleanup(lambda: [client.close() for client in idle])
        for i in range(count):
            # Many source addresses would not fit one pair of ports; one address has enough for this.
            idle.append(socket.create_connection(("127.0.0.1", server.port), timeout=10))
            if i % 1000 == 0:
                self.assertEqual(server.get("/-/healthy").status, 200)
        wait_until(lambda: server.metric("net_conntrack_listener_conn_accepted_total", 'listener_name="http"') >= count, 30, "not all were accepted")
        self.assertLess((resident() - before) / count, 8 * 1024)
        times = []
        for _ in range(50):
            began = time.monotonic()
            self.assertEqual(server.query("1+1")[1], "2")
            times.append(time.monotonic() - began)
        self.assertLess(sorted(times)[25], 0.1)


if __name__ == "__main__":
    unittest.main()
