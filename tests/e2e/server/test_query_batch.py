"""Batches of queries against a running server: both forms of the answer, clients that leave, and clients that read slowly."""

import json
import socket
import struct
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.narthex_e2e import Narthex, wait_until

PATH = "/api/narthex/v1/query_batch"
JSON = {"Content-Type": "application/json"}
# Seconds of work.
HEAVY = "max_over_time(quantile_over_time(0.5, base[1h:1s])[1h:1s])"


def messages(data: bytes):
    """Magic, header and body of each message."""
    at = 0
    while at < len(data):
        magic, header_bytes, body_bytes = struct.unpack_from("<4sIQ", data, at)
        header = data[at + 16:at + 16 + header_bytes]
        body = data[at + 16 + header_bytes:at + 16 + header_bytes + body_bytes]
        assert len(body) == body_bytes, "a torn message"
        at += 16 + header_bytes + (body_bytes + 7) // 8 * 8
        yield magic, json.loads(header or body), body


class QueryBatch(unittest.TestCase):
    def setUp(self):
        self.server = Narthex(config="{}", args=["--web.enable-remote-write-receiver"])
        self.addCleanup(self.server.close)
        self.server.start()
        # Two hours, with a gap.
        self.end = int(time.time())
        remote_write.write(self.server, [({"__name__": "base", "n": str(n)}, [((self.end - 15 * i) * 1000, float(i * n)) for i in range(480, -1, -1) if not 2 < i < 30])
                                         for n in range(20)])

    def post(self, queries: list[dict]):
        return self.server.request("POST", PATH, body=json.dumps({"queries": queries}), headers=JSON)

    def test_columns_hold_what_query_range_says(self):
        grid = {"start": self.end - 1800, "end": self.end, "step": 10}
        answer = self.post([{"id": name, "expr": name, "accept": "columns", **grid} for name in ("base", "absence")])
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/vnd.narthex.columns"))
        found = {header["id"]: (header, body) for _, header, body in messages(answer.body)}
        self.assertEqual(found["absence"][1], b"")
        header, body = found["base"]
        self.assertEqual(header["holes"], list(range(20)))
        points, words = header["points"], (header["points"] + 63) // 64
        for i, series in enumerate(self.server.query_range("base", grid["start"], grid["end"], 10)):
            floats = struct.unpack_from(f"<{points}d", body, 8 * i * (points + words))
            bits = struct.unpack_from(f"<{words}Q", body, 8 * i * (points + words) + 8 * points)
            pairs = header["series"][i]
            self.assertEqual({header["names"][n]: header["values"][v] for n, v in zip(pairs[::2], pairs[1::2])}, series["metric"])
            got = [[(header["start"] + j * header["step"]) // 1000, floats[j]] for j in range(points) if bits[j // 64] >> j % 64 & 1]
            self.assertEqual(got, [[t, float(v)] for t, v in series["values"]])

    def test_a_hundred_queries_are_a_hundred_lines(self):
        answer = self.post([{"id": str(i), "expr": f"vector({i})", "time": 1} for i in range(100)])
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/x-ndjson; charset=utf-8"))
        values = {line["id"]: line["data"]["result"][0]["value"][1] for line in map(json.loads, answer.text.splitlines())}
        self.assertEqual(values, {str(i): str(i) for i in range(100)})

    def running(self) -> int:
        return len(self.server.get("/api/narthex/v1/queries").json()["data"]["running"])

    def send_raw(self, queries: list[dict], receive_buffer: int = 0) -> socket.socket:
        body = json.dumps({"queries": queries}).encode()
        client = socket.socket()
        self.addCleanup(client.close)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.server.port))
        client.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % (PATH.encode(), len(body)) + body)
        return client

    def test_who_leaves_takes_his_queries_along(self):
        client = self.send_raw([{"id": str(i), "expr": HEAVY} for i in range(50)])
        wait_until(lambda: self.running() > 0, 20, "a query that runs")
        client.close()
        wait_until(lambda: self.running() == 0, 20, "the end of all queries")

    def test_a_light_query_does_not_wait_for_heavy_ones_before_it(self):
        client = self.send_raw([{"id": "heavy", "expr": HEAVY}, {"id": "light", "expr": "1", "time": 1}])
        got = b""
        while b'"light"' not in got:
            got += client.recv(4096)
        self.assertNotIn(b'"heavy"', got)

    def test_slow_readers_cost_little_and_hold_up_nobody(self):
        """What is ready and not taken is bounded, however many queries a batch has."""
        labels = [{"__name__": "wide", "series": str(i), "pad": "x" * 100} for i in range(2000)]
        now = int(time.time() * 1000)
        remote_write.write(self.server, [(each, [(now, 1.0)]) for each in labels])
        grid = {"start": now // 1000, "end": now // 1000 + 250, "step": 1}
        clients = [self.send_raw([{"id": str(i), "expr": "wide", "accept": "columns", **grid} for i in range(100)], receive_buffer=4096) for _ in range(8)]
        wait_until(lambda: self.running() == 0, 60, "the batches to wait for their clients")
        self.assertEqual(self.server.query("1+1", at=1)[1], "2")
        self.assertLess(self.server.metric("process_resident_memory_bytes"), 700e6)
        for client in clients:
            client.close()

    def test_what_is_no_list_of_queries_is_refused(self):
        for body in ("", "[", "{}", '{"queries":1}', '{"queries":[{}]}', "\xff", "[" * 500_000, '{"queries":' * 80_000, '{"queries":[' + "9" * 500_000):
            with self.subTest(body=body[:20]):
                answer = self.server.request("POST", PATH, body=body.encode("latin-1"), headers=JSON)
                self.assertEqual((answer.status, answer.json()["errorType"]), (400, "bad_data"))
        self.assertEqual(self.server.request("POST", PATH, body=b" " * (1 << 20) + b" ", headers=JSON).status, 413)


if __name__ == "__main__":
    unittest.main()
