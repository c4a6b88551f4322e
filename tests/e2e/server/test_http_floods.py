"""Many at once, and all of the parameters: floods of pipelined requests, slots full of clients that say little or take nothing, answers that
nobody waits for; and each parameter of each endpoint with what does not fit, within its time and memory."""

import http.client
import os
import pathlib
import socket
import struct
import threading
import time
import unittest
import urllib.parse

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, wait_until
from tests.e2e.server.test_http_abuse import EMPTY, HOST, MEBIBYTE, QUERY, Abuse
from tests.e2e.server.test_openapi import GOOD

try:
    import yaml
except ImportError:
    yaml = None

PING = b"GET /-/healthy HTTP/1.1\r\n" + HOST + b"\r\n"
SLOTS = 64
BUDGET_MIB = 512  # Half of it for queries.
HUGE = 500_000  # A query may be as long.


class Floods(Abuse):
    def test_pipelined_requests_that_nobody_reads_the_answers_of(self):
        """The server stops reading when its answers are not taken: what is held for one client stays small."""
        before = self.resident_bytes()
        clients = [self.connect(timeout=0.5) for _ in range(20)]
        sent = 0
        for client in clients:
            try:
                for _ in range(200):
                    client.sendall(PING * 1000)
                    sent += 1000
            except (TimeoutError, ConnectionError):
                pass
        self.assertLess(self.resident_bytes() - before, 48 * MEBIBYTE)
        self.assertGreater(sent, 1000)

    def test_pipelined_requests_are_all_answered(self):
        count = 5000
        client = self.connect()
        threading.Thread(target=client.sendall, args=(PING * count + b"GET /-/ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",), daemon=True).start()
        answer = bytearray()
        while piece := client.recv(1 << 16):
            answer += piece
        self.assertEqual((answer.count(b"HTTP/1.1 200 OK"), answer.count(b"is Healthy"), answer.count(b"is Ready")), (count + 1, count, 1))

    def test_one_connection_after_another(self):
        """Connections that end at once, with and without a reset, leave nothing behind."""
        fds = pathlib.Path(f"/proc/{self.server.process.pid}/fd")
        before = len(list(fds.iterdir()))
        for i in range(2000):
            client = socket.create_connection(("127.0.0.1", self.server.port), timeout=10)
            if i % 2:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if i % 3:
                client.sendall(PING[:i % len(PING)])
            client.close()
        wait_until(lambda: len(list(fds.iterdir())) <= before + 5, 30, "descriptors are left")

    def test_upgrades_and_tunnels_are_not_taken(self):
        for request in (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                        b"GET http://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n", b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n",
                        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), bytes(range(256)), b"\r\n" * 1000, b"GET\r\n\r\n", b"\x00" * 5000):
            answer = self.say(request)
            self.assertNotIn(b" 200 ", answer.partition(b"\r\n")[0], request)
        # An upgrade that is not known is an ordinary request.
        answer = self.say(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n")
        self.assertIn(b" 200 ", answer.partition(b"\r\n")[0])

    def test_a_body_is_waited_for_only_where_one_is_wanted(self):
        answer = self.say(QUERY + b"Expect: 100-continue\r\nContent-Length: 7\r\nConnection: close\r\n\r\n", b"query=1")
        self.assertIn(b" 200 OK", answer)
        answer = self.say(QUERY + b"Expect: 200-maybe\r\nContent-Length: 7\r\nConnection: close\r\n\r\nquery=1")
        self.assertRegex(answer.partition(b"\r\n")[0], rb" (417|200) ")
        for head in (b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody", b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"):
            self.assertEqual(self.say(head).count(b"HTTP/1.1 200 OK"), 1)
        self.assertNotIn(b"Healthy", self.say(b"HEAD /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))


class FullHouse(Abuse):
    """As many as may come are there already, and none of them is an honest client."""

    @classmethod
    def setUpClass(cls):
        cls.server = Narthex(config=EMPTY, args=[f"--web.max-connections={SLOTS}", "--web.enable-remote-write-receiver",
                                                 f"--storage.memory-budget={BUDGET_MIB}MiB"])
        cls.server.start()
        cls.addClassCleanup(cls.server.close)
        at = int(time.time()) - 600
        remote_write.write(cls.server, [({"__name__": "wide", "n": str(n), "filler": "f" * 200}, [((at + 30 * i) * 1000, 1 / (n + i + 3)) for i in range(20)]) for n in range(3000)])
        cls.window = {"start": at, "end": at + 600, "step": 1}

    def fill(self, *said: bytes) -> list[socket.socket]:
        clients = []
        for i in range(SLOTS):
            client = self.connect(timeout=30)
            client.sendall(said[i % len(said)])
            clients.append(client)
        return clients

    def served_within(self, seconds: float) -> None:
        began = time.monotonic()
        self.assertEqual(self.server.get("/-/healthy", timeout=seconds).status, 200)
        self.assertLess(time.monotonic() - began, seconds)

    def test_idle_clients_make_room_at_once(self):
        self.fill(b"")
        self.served_within(2)

    def test_clients_that_do_not_end_their_headers_are_cut_off(self):
        self.fill(b"GET / HTTP/1.1\r\nA: b", b"G", b"GET /-/healthy HTTP/1.1\r\n")
        self.served_within(20)

    def test_clients_that_do_not_send_their_bodies_are_cut_off(self):
        self.fill(QUERY + b"Content-Length: 100000\r\n\r\nquery", QUERY + b"Transfer-Encoding: chunked\r\n\r\n5\r\nque")
        self.served_within(30)

    def test_answers_whose_readers_have_gone(self):
        question = "/api/v1/query_range?" + urllib.parse.urlencode({"query": "wide", **self.window})
        for taken in (0, 1, 1000, 1_000_000):
            for _ in range(5):
                connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
                connection.request("GET", question)
                if taken:
                    connection.getresponse().read(taken)
                connection.sock and connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
        self.served_within(10)

    def test_clients_that_take_no_answer_hold_what_queries_may_and_nobody_else(self):
        """Answers of 15 MB are asked for and not read: what waits counts against the memory of queries, and others are served."""
        question = b"GET /api/v1/query_range?" + urllib.parse.urlencode({"query": "wide", **self.window}).encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n"
        before = self.resident_bytes()
        clients = []
        for _ in range(SLOTS - 4):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", self.server.port))
            self.addCleanup(client.close)
            client.sendall(question)
            clients.append(client)
        self.served_within(10)
        for _ in range(20):
            self.assertEqual(self.server.query("1+1")[1], "2")
        grown = self.resident_bytes() - before
        for client in clients:
            client.close()
        self.assertLess(grown, BUDGET_MIB * MEBIBYTE)
        path = "/api/v1/query_range?" + urllib.parse.urlencode({"query": "wide", **self.window})
        wait_until(lambda: self.server.get(path).status == 200, 30, "the memory of answers that nobody takes does not come back")


class Dribble(Abuse):
    """More clients than handlers, each of which takes a little of its answer now and then."""

    CLIENTS = 80

    def test_clients_that_take_little_by_little_make_room(self):
        at = int(time.time()) - 600
        server = Narthex(config=EMPTY, args=["--web.enable-remote-write-receiver"])
        self.addCleanup(server.close)
        server.start()
        remote_write.write(server, [({"__name__": "wide", "n": str(n), "filler": "f" * 200}, [(at * 1000, 1 / (n + 3))]) for n in range(3000)])
        # 6 MB of JSON from 1.4 MB of columns: more than waits in the kernel and in the server.
        question = "GET /api/v1/query_range?" + urllib.parse.urlencode({"query": "wide", "start": at, "end": at + 59, "step": 1}) + " HTTP/1.1\r\nHost: x\r\n\r\n"
        clients = []
        for _ in range(self.CLIENTS):
            client = socket.socket()
            self.addCleanup(client.close)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", server.port))
            client.sendall(question.encode())
            client.setblocking(False)
            clients.append(client)
        done = threading.Event()

        def dribble():
            while not done.wait(0.05):
                for client in clients:
                    try:
                        client.recv(64)
                    except OSError:
                        pass  # Nothing yet, or cut off.

        reader = threading.Thread(target=dribble)
        reader.start()
        try:
            for _ in range(5):
                self.assertEqual(server.get("/-/healthy", timeout=20).status, 200)
        finally:
            done.set()
            reader.join()


@unittest.skipIf(yaml is None, "PyYAML is not installed")
class Parameters(Abuse):
    """tests/unit/api/parameters_test.cc judges the words; here it is the real server's time and memory."""

    SECONDS = 0.1 * float(os.environ.get("NARTHEX_SLOWER", "3"))  # 100 ms on a machine that does nothing else.
    BYTES = 64 * MEBIBYTE
    BAD = (b"\xff\xfe", b"a\xc3", b"\x00", b"'\"<>", b"9" * HUGE, b"x" * HUGE, b"(" * HUGE, b"{" * HUGE, b"[" * HUGE, b"%" * 1000, b"-1e309",
           b"\xf0\x9f\x94\xa5" * 100_000, b"{a=~\"" + b"(" * 100_000 + b"\"}", b"{a=~\"(((a{0,1000}){0,1000}){0,1000})\"}", b"a" + b"+a" * 100_000, b"-" * HUGE + b"1",
           b"{" + b"a=\"b\"," * 20_000 + b"}", b"\"" + b"\\" * HUGE, b"1" + b"." * 100_000, b"# " * 100_000)

    @classmethod
    def setUpClass(cls):
        cls.server = Narthex(config="scrape_configs:\n- job_name: self\n", args=["--web.enable-admin-api", "--enable-feature=search-api,exemplar-storage"])
        cls.server.start()
        cls.addClassCleanup(cls.server.close)
        cls.document = yaml.safe_load(cls.server.get("/api/v1/openapi.yaml").text)

    def endpoints(self):
        """Path, method and the names of its parameters."""
        for path, item in self.document["paths"].items():
            if path in ("/write", "/notifications/live"):
                continue
            base = item.get("servers", self.document["servers"])[0]["url"]
            method = "post" if "post" in item else "get" if "get" in item else next(m for m in item if m in ("put", "delete"))
            about = [p.get("name") for p in [*item.get("parameters", []), *item["get" if "get" in item else method].get("parameters", [])] if p.get("in") == "query"]
            yield base.rstrip("/") + path.replace("{name}", "job").replace("{id}", "1"), method.upper(), about

    def ask(self, method: str, path: str, form: bytes):
        """The answer and the seconds that it took."""
        began = time.monotonic()
        if method == "POST":
            answer = self.server.request("POST", path, form, {"Content-Type": "application/x-www-form-urlencoded"})
        else:
            answer = self.server.request(method, path + "?" + form.decode())
        return answer, time.monotonic() - began

    def test_each_with_each(self):
        slow, asked = [], 0
        encoded = [urllib.parse.quote_from_bytes(bad).encode() for bad in self.BAD]
        for path, method, names in self.endpoints():
            for name in names:
                others = urllib.parse.urlencode({other: GOOD[other] for other in names if other != name and other in GOOD}).encode()
                for bad, quoted in zip(self.BAD, encoded):
                    form = others + b"&" + urllib.parse.quote(name).encode() + b"=" + quoted
                    if method != "POST" and len(form) > 60_000:
                        continue  # Longer than a header may be.
                    before = self.resident_bytes()
                    answer, seconds = self.ask(method, path, form)
                    if seconds > self.SECONDS:
                        seconds = min(seconds, self.ask(method, path, form)[1])  # It may have been somebody else's work.
                    asked += 1
                    told = (method, path, name, bad[:20], len(bad))
                    self.assertLess(answer.status, 500, told)
                    answer.body.decode()  # No invalid UTF-8 leaves.
                    if seconds > self.SECONDS:
                        slow.append((*told, f"{seconds:.3f} s"))
                    self.assertLess(self.resident_bytes() - before, self.BYTES, told)
        self.assertGreater(asked, 200)
        self.assertEqual(slow, [])


if __name__ == "__main__":
    unittest.main()
