"""The web flags on the real process: addresses, systemd's sockets, origins, limits, times, prefixes."""

import gzip
import http.client
import os
import socket
import subprocess
import sys
import unittest
import zlib

from tests.e2e.lib.narthex_e2e import Narthex, wait_until

EMPTY = "global: {}\n"

# systemd's part: hands its socket over as number 3 and says so in the environment.
ACTIVATOR = """
import os, socket, sys
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen()
print(listener.getsockname()[1], flush=True)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ["LISTEN_PID"] = str(os.getpid()) if sys.argv[1] == "own" else "1"
os.environ["LISTEN_FDS"] = "1"
os.execv(sys.argv[2], sys.argv[2:])
"""


class Flags(unittest.TestCase):
    def server(self, *args: str) -> Narthex:
        server = Narthex(config=EMPTY, args=list(args))
        self.addCleanup(server.close)
        return server


class SystemdSockets(Flags):
    def activated(self, whose: str) -> tuple[Narthex, int]:
        server = self.server("--web.systemd-socket")
        with open(server.log_path, "wb") as log:
            server.process = subprocess.Popen([sys.executable, "-c", ACTIVATOR, whose, *server.command()], stdout=subprocess.PIPE, stderr=log,
                                              cwd=server.directory, close_fds=True)
        self.addCleanup(server.process.stdout.close)
        return server, int(server.process.stdout.readline())

    def test_they_take_the_place_of_the_addresses(self):
        server, port = self.activated("own")
        address, server.port = server.port, port
        server.wait_ready()
        self.assertEqual(server.query("1+1")[1], "2")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", address), timeout=5)
        self.assertIn("Listening on systemd activated listeners instead of port listeners.", server.log)

    def test_those_of_another_process_are_not_taken(self):
        server, _ = self.activated("others")
        self.assertEqual(server.wait_exit(), 1)
        self.assertIn("no socket activation file descriptors found", server.log)

    def test_without_any_the_start_ends(self):
        server = self.server("--web.systemd-socket")
        server.launch()
        self.assertEqual(server.wait_exit(), 1)
        self.assertIn("no socket activation file descriptors found", server.log)


class Origins(Flags):
    def allowed(self, server: Narthex, origin: str) -> str | None:
        answer = server.get("/api/v1/query?query=1", headers={"Origin": origin})
        return answer.headers.get("access-control-allow-origin")

    def test_the_expression_is_anchored(self):
        server = self.server(r"--web.cors.origin=https?://(a|b)\.example")
        server.start()
        for origin in ("http://a.example", "https://b.example"):
            self.assertEqual(self.allowed(server, origin), origin)
        for origin in ("https://c.example", "https://a.example.evil", "xhttps://a.example", "null", ""):
            self.assertIsNone(self.allowed(server, origin))

    def test_by_default_every_origin_is_echoed(self):
        server = self.server()
        server.start()
        self.assertEqual(self.allowed(server, "https://anything.example"), "https://anything.example")
        answer = server.request("OPTIONS", "/api/v1/query", headers={"Origin": "https://x.example"})
        self.assertEqual(answer.status, 204)
        self.assertEqual(answer.headers["access-control-allow-methods"], "GET, POST, OPTIONS")


class Limits(Flags):
    def test_connections_beyond_the_limit_cost_the_oldest_idle_one(self):
        server = self.server("--web.max-connections=5")
        server.start()
        clients = []
        for _ in range(20):
            client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
            self.addCleanup(client.close)
            client.request("GET", "/-/healthy")
            self.assertEqual(client.getresponse().read(), b"Prometheus Server is Healthy.\n")
            clients.append(client)

        def open_sockets() -> int:
            count = 0
            for fd in os.listdir(f"/proc/{server.process.pid}/fd"):
                try:
                    count += os.readlink(f"/proc/{server.process.pid}/fd/{fd}").startswith("socket:")
                except FileNotFoundError:
                    pass
            return count

        # The listener is one of them.
        wait_until(lambda: open_sockets() <= 6, 10, "more connections than allowed")
        self.assertEqual(clients[0].sock.recv(1), b"")

    def test_idle_connections_end_after_the_read_timeout(self):
        server = self.server("--web.read-timeout=1s")
        server.start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
            self.assertEqual(client.recv(1), b"")
        with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
            client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"200 OK", client.recv(4096))
            while client.recv(4096):
                pass


class Prefixes(Flags):
    def test_the_path_of_the_external_url_is_the_prefix_of_all_routes(self):
        server = self.server("--web.external-url=https://example.com/metrics/main/")
        server.ready_path = "/metrics/main/-/ready"
        server.start()
        self.assertEqual(server.get("/metrics/main/api/v1/query?query=1").status, 200)
        self.assertEqual(server.get("/api/v1/query?query=1").status, 404)
        self.assertIn('prometheus_http_requests_total{code="200",handler="/api/v1/query"} 1', server.get("/metrics/main/metrics").text)

    def test_the_route_prefix_overrules_it(self):
        server = self.server("--web.external-url=https://example.com/outside", "--web.route-prefix=inside/")
        server.ready_path = "/inside/-/ready"
        server.start()
        self.assertEqual(server.get("/inside/api/v1/query?query=1").status, 200)
        self.assertEqual(server.get("/outside/-/ready").status, 404)
        answer = server.get("/")
        self.assertEqual(answer.status, 302)
        self.assertIn("/inside", answer.headers["location"])


class Answers(Flags):
    def test_compression_is_negotiated_as_prometheus_does_it(self):
        server = self.server()
        server.start()
        for path in ("/metrics", "/api/v1/query?query=vector(1)"):
            plain = server.get(path, headers={"Accept-Encoding": "identity"})
            self.assertNotIn("content-encoding", plain.headers)
            self.assertIn("Accept-Encoding", plain.headers["vary"])
            for accepted, encoding, unpack in (("gzip", "gzip", gzip.decompress), ("deflate", "deflate", zlib.decompress),
                                               ("zstd, br, gzip, deflate", "gzip", gzip.decompress)):
                packed = server.get(path, headers={"Accept-Encoding": accepted})
                self.assertEqual(packed.headers["content-encoding"], encoding)
                self.assertEqual(unpack(packed.body)[:16], plain.body[:16])
            self.assertNotIn("content-encoding", server.get(path, headers={"Accept-Encoding": "zstd"}).headers)

    def test_every_handler_is_counted_and_timed(self):
        server = self.server()
        server.start()
        text = server.get("/metrics").text
        for handler in ("/api/v1/query", "/api/v1/query_range", "/api/v1/write", "/federate", "/metrics", "/-/reload", "/api/v1/label/:name/values"):
            self.assertIn(f'prometheus_http_requests_total{{code="200",handler="{handler}"}} 0', text)
        self.assertIn("promhttp_metric_handler_requests_in_flight 1\n", text)
        self.assertIn('promhttp_metric_handler_requests_total{code="200"} 0\n', text)
        server.get("/api/v1/query?query=1")
        server.get("/api/v1/query?query=(")
        # A request is counted when its answer has been sent, so the client may be here first.
        for line in ('promhttp_metric_handler_requests_total{code="503"} 0\n',
                     'prometheus_http_requests_total{code="200",handler="/api/v1/query"} 1', 'prometheus_http_requests_total{code="400",handler="/api/v1/query"} 1',
                     'prometheus_http_request_duration_seconds_count{handler="/api/v1/query"} 2', 'prometheus_http_response_size_bytes_count{handler="/api/v1/query"} 2'):
            wait_until(lambda: line in server.get("/metrics").text, 10, line)
        self.assertGreater(server.metric("promhttp_metric_handler_requests_total", 'code="200"'), 1)


if __name__ == "__main__":
    unittest.main()
