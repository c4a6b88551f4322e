"""--web.config.file on the real process: TLS, client certificates, users, response headers, and what changes under way."""

import base64
import concurrent.futures
import errno
import http.client
import socket
import ssl
import time
import unittest
import warnings

from tests.e2e.lib.certificates import Authority
from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, Response, wait_until

EMPTY = "global: {}\n"
# bcrypt of "open sesame" at cost 10 and 4.
HASH = "$2b$10$ZyXwVuTsRqPoNmLkJiHgFeAt5ttRuVA69hDvVlN.eiH2fQ/TLsJhS"
CHEAP_HASH = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy"
TLS = "tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n"


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


class SecuredNarthex(Narthex):
    """A server with a web configuration file. Asked over TLS when `trust` is set, and as `who` when that is set."""

    def __init__(self, web: str, config: str = EMPTY, args: list[str] | None = None):
        super().__init__(config=config, args=args)
        self.web_path = self.directory / "web.yml"
        self.web_path.write_text(web)
        self.args.append(f"--web.config.file={self.web_path}")
        self.trust: ssl.SSLContext | None = None
        self.who: dict[str, str] = {}

    def with_authority(self) -> Authority:
        authority = Authority(self.directory)
        authority.issue("server")
        self.trust = ssl.create_default_context(cafile=str(authority.cert))
        return authority

    def request(self, method, path, body=None, headers=None, timeout=30) -> Response:
        if self.trust is None:
            return super().request(method, path, body, {**self.who, **(headers or {})}, timeout)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.trust)
        try:
            connection.request(method, path, body=body, headers={**self.who, **(headers or {})})
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def shake_hands(self, context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return (context or self.trust).wrap_socket(plain, server_hostname="127.0.0.1")


class Secured(unittest.TestCase):
    def server(self, web: str, **kwargs) -> SecuredNarthex:
        server = SecuredNarthex(web, **kwargs)
        self.addCleanup(server.close)
        return server


class Refused(Secured):
    def test_mistakes_end_the_start_with_file_line_and_key(self):
        cases = {
            "foo: 1\n": (1, "field foo not found in type web.Config"),
            "tls_server_config:\n  cert_file: x\n": (2, "missing one of key or key_file"),
            "basic_auth_users:\n  ali: secret\n": (2, "no bcrypt hash"),
            "http_server_config:\n  headers:\n    Server: x\n": (3, 'HTTP header \\"Server\\" can not be configured'),
        }
        for web, (line, words) in cases.items():
            with self.subTest(web=web):
                server = self.server(web)
                server.launch()
                self.assertEqual(server.wait_exit(), 1, server.log)
                self.assertIn(words, server.log)
                self.assertIn(f"{server.web_path}:{line}", server.log)
                self.assertFalse(server.data_path.exists())

    def test_certificates_that_cannot_be_loaded_are_named(self):
        server = self.server(TLS)
        server.launch()
        self.assertEqual(server.wait_exit(), 1)
        self.assertIn("server.crt", server.log)
        other = self.server(TLS)
        (other.directory / "server.crt").write_text("rubbish")
        (other.directory / "server.key").write_text("rubbish")
        other.launch()
        self.assertEqual(other.wait_exit(), 1)
        self.assertIn("failed to load the certificate: no PEM data found", other.log)

    def test_a_key_of_another_certificate_is_refused(self):
        server = self.server(TLS)
        authority = server.with_authority()
        _, key = authority.issue("other")
        key.rename(server.directory / "server.key")
        server.launch()
        self.assertEqual(server.wait_exit(), 1)
        self.assertIn("private key", server.log)


class Users(Secured):
    WEB = f"basic_auth_users:\n  ali: {HASH}\n"

    def started(self) -> SecuredNarthex:
        server = self.server(self.WEB)
        server.who = basic("ali", "open sesame")
        return server.start()

    def test_every_path_wants_a_user(self):
        server = self.started()
        self.assertEqual(server.get("/api/v1/query?query=1").status, 200)
        server.who = {}
        for path in ("/", "/-/healthy", "/-/ready", "/metrics", "/api/v1/query?query=1", "/query", "/nothing", "/api/v1/../..//x"):
            answer = server.get(path)
            self.assertEqual(answer.status, 401, path)
            self.assertEqual(answer.headers["www-authenticate"], "Basic")
            self.assertEqual(answer.text, "Unauthorized\n")
        for who in (basic("ali", "Open sesame"), basic("eve", "open sesame"), basic("ali", ""), basic("", "open sesame"), basic("ali", "open sesame\0"),
                    {"Authorization": "Bearer open sesame"}, {"Authorization": "Basic !!!!"}, {"Authorization": "Basic " + "A" * 30000}):
            self.assertEqual(server.get("/metrics", headers=who).status, 401, who)
        self.assertEqual(server.request("OPTIONS", "/api/v1/query").status, 401)

    def test_a_refused_upload_is_not_read(self):
        server = self.started()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"POST /api/v1/query HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nquery=1")
            answer = client.recv(4096)
            self.assertTrue(answer.startswith(b"HTTP/1.1 401 "), answer)
            self.assertIn(b"Connection: close", answer)

    def test_passwords_are_compared_once(self):
        server = self.started()
        began = time.monotonic()
        for _ in range(100):
            self.assertEqual(server.get("/-/healthy").status, 200)
        # At this cost a hundred comparisons take five seconds.
        self.assertLess(time.monotonic() - began, 4)

    def test_guessing_does_not_keep_others_waiting(self):
        server = self.started()
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            guesses = [pool.submit(server.get, "/metrics", headers=basic("ali", f"guess {i}")) for i in range(40)]
            for _ in range(10):
                began = time.monotonic()
                self.assertEqual(server.get("/api/v1/query?query=1").status, 200)
                self.assertLess(time.monotonic() - began, 2)
            self.assertLessEqual({guess.result().status for guess in guesses}, {401, 503})

    def test_an_unknown_user_takes_as_long_as_a_known_one(self):
        server = self.started()

        def median(user: str) -> float:
            times = []
            for i in range(9):
                began = time.monotonic()
                self.assertEqual(server.get("/metrics", headers=basic(user, f"{user} {i}")).status, 401)
                times.append(time.monotonic() - began)
            return sorted(times)[4]

        known, unknown = median("ali"), median("eve")
        self.assertGreater(unknown, known / 3)
        self.assertGreater(known, unknown / 3)

    def test_the_file_is_followed(self):
        server = self.started()
        server.web_path.write_text(f"basic_auth_users:\n  bob: {CHEAP_HASH}\n")
        self.assertEqual(server.get("/metrics").status, 401)
        server.who = basic("bob", "open sesame")
        self.assertEqual(server.get("/metrics").status, 200)
        server.web_path.write_text("nonsense: 1\n")
        answer = server.get("/metrics")
        self.assertEqual((answer.status, answer.text), (500, "Internal Server Error\n"))
        self.assertIn("field nonsense not found", server.log)
        server.web_path.write_text("")
        server.who = {}
        self.assertEqual(server.get("/metrics").status, 200)


class ResponseHeaders(Secured):
    def test_they_are_on_every_answer(self):
        server = self.server("http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-Content-Type-Options: nosniff\n"
                             "    Strict-Transport-Security: max-age=1\n    Content-Security-Policy: \"default-src 'self'\"\n    X-XSS-Protection: '0'\n")
        server.start()
        for path in ("/metrics", "/nothing", "/api/v1/query?query=1", "/-/healthy"):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
                client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                head = b"".join(iter(lambda: client.recv(65536), b"")).partition(b"\r\n\r\n")[0].decode().lower()
            for line in ("x-frame-options: deny", "x-content-type-options: nosniff", "strict-transport-security: max-age=1",
                         "content-security-policy: default-src 'self'", "x-xss-protection: 0"):
                self.assertEqual(head.split("\r\n").count(line), 1, (path, line, head))


class RateLimit(Secured):
    # Large enough for the start, which asks whether the server is ready.
    WEB = f"rate_limit:\n  interval: 1h\n  burst: 400\nbasic_auth_users:\n  ali: {CHEAP_HASH}\n"

    def test_what_is_beyond_it_is_refused_until_the_next_start(self):
        server = self.server(self.WEB)
        server.who = basic("ali", "open sesame")
        server.start()
        statuses = [server.get("/-/healthy").status for _ in range(401)]
        self.assertEqual(sorted(set(statuses)), [200, 429])
        self.assertEqual(statuses, sorted(statuses))  # None comes in an hour.
        server.web_path.write_text("")
        refused = server.get("/api/v1/query?query=1", headers={"Authorization": "Basic !!!!"})
        self.assertEqual((refused.status, refused.text), (429, "Too Many Requests\n"))


class Tls(Secured):
    def test_the_api_is_spoken_and_connections_are_kept(self):
        server = self.server(TLS)
        server.with_authority()
        server.start()
        self.assertEqual(server.query("1+1")[1], "2")
        connection = http.client.HTTPSConnection("127.0.0.1", server.port, context=server.trust, timeout=10)
        self.addCleanup(connection.close)
        connection.connect()
        kept = connection.sock
        self.assertIn(kept.version(), ("TLSv1.2", "TLSv1.3"))
        for _ in range(20):
            connection.request("GET", "/metrics", headers={"Accept-Encoding": "identity"})
            self.assertGreater(len(connection.getresponse().read()), 4096)
            self.assertIs(connection.sock, kept)
        # A request body and an answer of many records.
        body = "query=" + "1%2B" * 50_000 + "1"
        connection.request("POST", "/api/v1/parse_query", body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
        connection.getresponse().read()
        self.assertIs(connection.sock, kept)

    def test_requests_that_come_in_one_record_or_byte_by_byte_are_answered(self):
        server = self.server(TLS)
        server.with_authority()
        server.start()
        one = b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"
        with server.shake_hands() as client:
            client.sendall(one * 3)
            got = b""
            while got.count(b"Healthy") < 3:
                piece = client.recv(65536)
                self.assertTrue(piece, got)
                got += piece
            for byte in one:
                client.sendall(bytes([byte]))
            self.assertIn(b"Healthy", client.recv(65536))

    def test_versions(self):
        def versions(server: SecuredNarthex) -> set[str]:
            out = set()
            for version in (ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                context = ssl.create_default_context(cafile=str(server.directory / "ca.crt"))
                context.set_ciphers("DEFAULT:@SECLEVEL=0")
                with warnings.catch_warnings(action="ignore"):  # Old ones are deprecated: that is why they are asked for.
                    context.minimum_version = context.maximum_version = version
                try:
                    with server.shake_hands(context) as client:
                        out.add(client.version())
                except (ssl.SSLError, OSError):
                    pass
            return out

        for settings, want in (("", {"TLSv1.2", "TLSv1.3"}), ("  min_version: TLS13\n", {"TLSv1.3"}), ("  max_version: TLS12\n", {"TLSv1.2"}),
                               ("  min_version: TLS11\n  max_version: TLS12\n", {"TLSv1.1", "TLSv1.2"}),
                               ("  cipher_suites: [TLS_AES_128_GCM_SHA256]\n", {"TLSv1.3"})):
            with self.subTest(settings=settings):
                server = self.server(TLS + settings)
                server.with_authority()
                server.start()
                self.assertEqual(versions(server), want)
                server.close()

    def test_cipher_suites_and_their_order(self):
        web = TLS + "  max_version: TLS12\n  cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]\n"
        for prefer, want in (("true", "ECDHE-ECDSA-AES256-GCM-SHA384"), ("false", "ECDHE-ECDSA-AES128-GCM-SHA256")):
            with self.subTest(prefer=prefer):
                server = self.server(web + f"  prefer_server_cipher_suites: {prefer}\n  curve_preferences: [CurveP256]\n")
                server.with_authority()
                server.trust.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
                server.start()
                with server.shake_hands() as client:
                    self.assertEqual(client.cipher()[0], want)
                server.close()

    def test_a_renewed_certificate_is_shown_to_the_next_connection(self):
        server = self.server(TLS)
        authority = server.with_authority()
        server.start()
        with server.shake_hands() as before:
            old = before.getpeercert()["serialNumber"]
            authority.issue("server")
            with server.shake_hands() as after:
                self.assertNotEqual(after.getpeercert()["serialNumber"], old)
            before.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"Healthy", before.recv(65536))
        # A broken one costs new connections, and those alone, until it is mended.
        (server.directory / "server.crt").write_text("rubbish")
        with self.assertRaises((ssl.SSLError, OSError)):
            server.shake_hands().close()
        self.assertIn("certificates cannot be loaded", server.log)
        authority.issue("server")
        self.assertEqual(server.get("/-/healthy").status, 200)

    def test_certificates_inside_the_file(self):
        server = self.server("")
        server.with_authority()
        texts = {key: (server.directory / f"server.{end}").read_text() for key, end in (("cert", "crt"), ("key", "key"))}
        server.web_path.write_text("tls_server_config:\n" + "".join(
            f"  {key}: |\n" + "".join(f"    {line}\n" for line in text.splitlines()) for key, text in texts.items()))
        server.start()
        self.assertEqual(server.get("/-/healthy").status, 200)

    def test_plain_http_is_told_so_and_rubbish_is_cut(self):
        server = self.server(TLS)
        server.with_authority()
        server.start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"Client sent an HTTP request to an HTTPS server.", client.recv(4096))
        for rubbish in (b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"\x01" * 4096, b"\xff" * 64):
            with socket.create_connection(("127.0.0.1", server.port), timeout=15) as client:
                client.sendall(rubbish)
                try:
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(4096):
                        pass
                except OSError as error:  # Cut already.
                    self.assertIn(error.errno, (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE))
        self.assertEqual(server.get("/-/healthy").status, 200)

    def test_a_handshake_that_does_not_go_on_is_cut(self):
        server = self.server(TLS)
        server.with_authority()
        server.start()
        with socket.create_connection(("127.0.0.1", server.port), timeout=25) as client:
            client.sendall(b"\x16\x03\x01")
            began = time.monotonic()
            self.assertEqual(server.get("/-/healthy").status, 200)
            try:
                self.assertEqual(client.recv(1), b"")
            except ConnectionError:
                pass
            self.assertLess(time.monotonic() - began, 20)


class ClientCertificates(Secured):
    def start(self, mode: str, *, ca: bool = True, sans: str = "") -> tuple[SecuredNarthex, Authority]:
        web = TLS + f"  client_auth_type: {mode}\n" + ("  client_ca_file: ca.crt\n" if ca else "") + sans
        server = self.server(web)
        authority = server.with_authority()
        cert, key = authority.issue("probe", names="DNS:probe.example,IP:10.1.2.3,URI:spiffe://probe,email:p@example.com")
        server.trust.load_cert_chain(cert, key)
        server.start()
        return server, authority

    def admitted(self, server: SecuredNarthex, cert_and_key=None) -> bool:
        context = ssl.create_default_context(cafile=str(server.directory / "ca.crt"))
        if cert_and_key:
            context.load_cert_chain(*cert_and_key)
        try:
            with server.shake_hands(context) as client:
                client.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
                return b"Healthy" in client.recv(65536)
        except (ssl.SSLError, OSError):
            return False

    def test_each_mode(self):
        # Without a certificate, with one of a stranger, with one of the authority.
        cases = {"NoClientCert": (True, True, True), "RequestClientCert": (True, True, True), "RequireAnyClientCert": (False, True, True),
                 "VerifyClientCertIfGiven": (True, False, True), "RequireAndVerifyClientCert": (False, False, True)}
        for mode, want in cases.items():
            with self.subTest(mode=mode):
                server, authority = self.start(mode, ca=mode != "NoClientCert")
                stranger = Authority(server.directory, "stranger").issue("strange")
                known = authority.issue("known")
                self.assertEqual((self.admitted(server), self.admitted(server, stranger), self.admitted(server, known)), want)
                server.close()

    def test_only_certificates_for_the_names_listed_are_admitted(self):
        for name in ("probe.example", "10.1.2.3", "spiffe://probe", "p@example.com"):
            with self.subTest(name=name):
                server, authority = self.start("RequireAndVerifyClientCert", sans=f"  client_allowed_sans: ['{name}', unused.example]\n")
                self.assertEqual(server.get("/-/healthy").status, 200)
                self.assertFalse(self.admitted(server, authority.issue("other", names="DNS:other.example,DNS:x.probe.example")))
                server.close()

    def test_a_certificate_for_servers_does_not_make_a_client(self):
        server, authority = self.start("RequireAndVerifyClientCert")
        self.assertFalse(self.admitted(server, authority.issue("web", usage="serverAuth")))

    def test_sessions_are_resumed_with_certificates(self):
        server, _ = self.start("RequireAndVerifyClientCert")
        server.trust.maximum_version = ssl.TLSVersion.TLSv1_2
        with server.shake_hands() as first:
            session = first.session
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=10)
        with server.trust.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as second:
            self.assertTrue(second.session_reused)
            second.sendall(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertIn(b"Healthy", second.recv(65536))


class ScrapedByPrometheus(Secured):
    def test_over_tls_with_user_and_certificate(self):
        server = self.server(TLS + "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n"
                             f"basic_auth_users:\n  ali: {HASH}\n")
        authority = server.with_authority()
        cert, key = authority.issue("probe")
        server.trust.load_cert_chain(cert, key)
        server.who = basic("ali", "open sesame")
        server.start()
        config = ("global: {scrape_interval: 250ms, scrape_timeout: 250ms}\nscrape_configs:\n- job_name: narthex\n  scheme: https\n"
                  f"  tls_config: {{ca_file: {authority.cert}, cert_file: {cert}, key_file: {key}}}\n"
                  "  basic_auth: {username: ali, password: open sesame}\n"
                  f"  static_configs: [{{targets: ['{server.address}']}}]\n")
        with Prometheus(config) as prometheus:
            prometheus.wait_for_vector('up{job="narthex"} == 1')
            prometheus.wait_for_vector('prometheus_build_info{job="narthex"}')
        # And by a server of our own, without credentials: down, with the reason.
        with Narthex(config=config.replace("open sesame", "close sesame")) as other:
            # The first round may run out of time while the password is compared; the verdict is kept for the next.
            def is_refused() -> bool:
                return any(t["health"] == "down" and "401" in t["lastError"] for t in other.api("targets")["activeTargets"])
            wait_until(is_refused, 20, "the target is not refused")


if __name__ == "__main__":
    unittest.main()
