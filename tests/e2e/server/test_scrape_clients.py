"""How targets are reached: credentials, OAuth 2, TLS with client certificates, proxies; and what is written when a scrape fails."""

import base64
import http.client
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, scrape_config, wait_until

HEAD = "global: {scrape_interval: 250ms, scrape_timeout: 250ms}\nscrape_configs:\n"


class LocalServer:
    """Serves HTTP by the class `handler`, which finds this object as `self.server.owner`."""

    def __init__(self, handler, tls: ssl.SSLContext | None = None):
        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.server = Server(("127.0.0.1", 0), handler)
        self.server.owner = self
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def port(self) -> int:
        return self.server.server_address[1]

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def note(self) -> bytes:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.owner.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        return body

    def answer(self, status: int, body: bytes, content_type: str):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Metrics(Quiet):
    def do_GET(self):
        self.note()
        self.answer(200, b"fine 1\n", "text/plain")


class Tokens(Quiet):
    """A token endpoint that wants the client's name in the body, and whose tokens last eleven seconds."""

    def do_POST(self):
        form = urllib.parse.parse_qs(self.note().decode())
        if "Authorization" in self.headers:
            return self.answer(401, b"{}", "application/json")
        count = sum(1 for _, headers, _ in self.server.owner.requests if "authorization" not in headers)
        good = form == {"grant_type": ["client_credentials"], "scope": ["read write"], "audience": ["a b"],
                        "client_id": ["me"], "client_secret": ["s/cret"]}
        token = {"access_token": f"token{count}", "token_type": "bearer", "expires_in": 11}
        return self.answer(200 if good else 400, json.dumps(token).encode(), "application/json")


def pump(source, sink):
    """Copies bytes until one side ends, then ends both."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    finally:
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class Proxy(Quiet):
    """Forwards what it is asked for in absolute form, and opens tunnels."""

    def do_GET(self):
        self.note()
        url = urllib.parse.urlsplit(self.path)
        if url.hostname is None:
            return self.answer(400, b"", "text/plain")
        # Names that only the proxy knows.
        port = url.port if url.hostname == "127.0.0.1" else self.server.owner.names[url.hostname]
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", url.path, headers={"Accept": self.headers["Accept"]})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return self.answer(answer.status, body, answer.getheader("Content-Type"))

    def do_CONNECT(self):
        self.note()
        host, port = self.path.split(":")
        if host not in self.server.owner.names:
            return self.answer(403, b"", "text/plain")
        upstream = socket.create_connection(("127.0.0.1", self.server.owner.names[host]))
        self.send_response_only(200, "Connection established")
        self.end_headers()

        back = threading.Thread(target=pump, args=(upstream, self.connection), daemon=True)
        back.start()
        pump(self.connection, upstream)
        back.join()
        self.close_connection = True


class Socks:
    """A SOCKS 5 proxy for the names in `names`; wants the user "user" with the password "word" if `login` says so."""

    def __init__(self, names: dict[str, int], login: bool = False):
        self.names = names
        self.login = login
        self.asked: list[tuple[str, int]] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.listener.getsockname()[1]}"

    def close(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket):
        with connection, connection.makefile("rwb", buffering=0) as stream:
            methods = stream.read(stream.read(2)[1])
            wanted = 2 if self.login else 0
            if wanted not in methods:
                return stream.write(b"\x05\xff")
            stream.write(bytes([5, wanted]))
            if self.login:
                user = stream.read(stream.read(2)[1])
                word = stream.read(stream.read(1)[0])
                good = (user, word) == (b"user", b"word")
                stream.write(b"\x01\x00" if good else b"\x01\x01")
                if not good:
                    return None
            kind = stream.read(4)[3]
            host = stream.read(stream.read(1)[0]).decode() if kind == 3 else socket.inet_ntoa(stream.read(4))
            port = int.from_bytes(stream.read(2), "big")
            self.asked.append((host, port))
            if host not in self.names:
                return stream.write(b"\x05\x04\x00\x01" + bytes(6))
            upstream = socket.create_connection(("127.0.0.1", self.names[host]))
            stream.write(b"\x05\x00\x00\x01" + bytes(6))
            back = threading.Thread(target=pump, args=(upstream, connection), daemon=True)
            back.start()
            pump(connection, upstream)
            return back.join()


class Assertions(Quiet):
    """A token endpoint for the JWT-bearer grant: the assertion has to be signed by the key beside `public_key`."""

    def do_POST(self):
        form = urllib.parse.parse_qs(self.note().decode())
        assertion = form.get("assertion", [""])[0]
        signed, _, signature = assertion.rpartition(".")

        def decoded(text: str) -> bytes:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

        folder = self.server.owner.folder
        (folder / "signature").write_bytes(decoded(signature))
        checked = subprocess.run(["openssl", "dgst", "-sha384", "-verify", "public.pem", "-signature", "signature"], cwd=folder,
                                 input=signed.encode(), capture_output=True, check=False)
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        lasting = claims.pop("exp") - claims.pop("iat")
        good = (checked.returncode == 0 and lasting == 3600 and len(claims.pop("jti")) > 8
                and header == {"alg": "RS384", "typ": "JWT", "kid": "key7"}
                and form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"] and form["resource"] == ["r"]
                and claims == {"iss": "issuer", "sub": "me", "aud": "somebody", "scope": "read write", "tenant": "t1"})
        token = {"access_token": "signed", "token_type": "bearer", "expires_in": 3600}
        return self.answer(200 if good else 400, json.dumps(token).encode(), "application/json")


class Clients(unittest.TestCase):
    def serve(self, handler, tls=None) -> LocalServer:
        server = LocalServer(handler, tls)
        self.addCleanup(server.close)
        return server

    def start(self, config: str, args=None) -> Narthex:
        server = Narthex(config, args=args)
        self.addCleanup(server.close)
        server.start()
        return server

    def last_error(self, server: Narthex) -> str:
        def error():
            return server.api("targets")["activeTargets"][0]["lastError"]
        return wait_until(error, 15, "the target has no error")


class Credentials(Clients):
    def test_files_are_read_again_and_headers_are_sent(self):
        target = self.serve(Metrics)
        server = Narthex("")
        self.addCleanup(server.close)
        secret = server.directory / "password"
        secret.write_text("first\n")
        server.write_config(HEAD + f"""\
  - job_name: a
    basic_auth: {{username: me, password_file: password}}
    http_headers: {{X-Scope: {{values: [one], secrets: [two]}}}}
    params: {{module: ["a b", c]}}
    static_configs: [{{targets: ['{target.address}']}}]
""")
        server.start()

        def sent(password: str):
            wanted = "Basic " + base64.b64encode(f"me:{password}".encode()).decode()
            return [r for r in target.requests if r[1].get("authorization") == wanted]
        path, headers, _ = wait_until(lambda: sent("first"), 15, "no request with the password")[0]
        self.assertEqual(path, "/metrics?module=a+b&module=c")
        self.assertEqual(headers["x-scope"], "two")  # Of two fields of one name the last one is kept by this test's server.
        secret.write_text("second\n")
        wait_until(lambda: sent("second"), 15, "the new password is not used")
        shown = server.api("status/config")["yaml"]
        for hidden in ("first", "second", "two"):
            self.assertNotIn(hidden, shown)
            self.assertNotIn(hidden, server.log)

    def test_oauth2_fetches_one_token_for_all_and_renews_it(self):
        target = self.serve(Metrics)
        tokens = self.serve(Tokens)
        listed = ", ".join(f"'{target.address}'" for _ in range(1))
        server = self.start(HEAD + "".join(f"""\
  - job_name: j{i}
    metrics_path: /m{i}
    oauth2:
      client_id: me
      client_secret: s/cret
      scopes: [read, write]
      token_url: http://{tokens.address}/token
      endpoint_params: {{audience: "a b"}}
    static_configs: [{{targets: [{listed}]}}]
""" for i in range(1)))
        wait_until(lambda: len(target.requests) >= 3, 15, "no scrapes")
        self.assertEqual({r[1]["authorization"] for r in target.requests}, {"Bearer token1"})
        self.assertEqual(len(tokens.requests), 2, "one try with a header, one with the body")
        self.assertNotIn("s/cret", server.api("status/config")["yaml"])
        # Ten seconds of eleven are margin.
        wait_until(lambda: any(r[1]["authorization"] == "Bearer token2" for r in target.requests), 15, "the token is not renewed")

    def test_a_refused_token_is_the_reason_of_a_failed_scrape(self):
        target = self.serve(Metrics)
        tokens = self.serve(Tokens)
        server = self.start(HEAD + f"""\
  - job_name: a
    oauth2: {{client_id: me, client_secret: wrong, token_url: "http://{tokens.address}/token"}}
    static_configs: [{{targets: ['{target.address}']}}]
""")
        self.assertEqual(self.last_error(server),
                         f'Get "http://{target.address}/metrics": oauth2: cannot fetch token: 400 Bad Request')
        self.assertEqual(target.requests, [])

    def test_oauth2_by_a_signed_assertion(self):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("openssl is not installed")
        target = self.serve(Metrics)
        tokens = self.serve(Assertions)
        server = Narthex("")
        self.addCleanup(server.close)
        tokens.folder = server.directory
        for command in (["genrsa", "-out", "key.pem", "2048"], ["rsa", "-in", "key.pem", "-pubout", "-out", "public.pem"]):
            subprocess.run(["openssl", *command], cwd=server.directory, check=True, capture_output=True)
        server.write_config(HEAD + f"""\
  - job_name: a
    oauth2:
      client_id: me
      grant_type: urn:ietf:params:oauth:grant-type:jwt-bearer
      client_certificate_key_file: key.pem
      client_certificate_key_id: key7
      signature_algorithm: RS384
      iss: issuer
      audience: somebody
      claims: {{tenant: t1}}
      scopes: [read, write]
      endpoint_params: {{resource: r}}
      token_url: http://{tokens.address}/token
    static_configs: [{{targets: ['{target.address}']}}]
""")
        server.start()
        server.wait_for_vector("fine")
        self.assertEqual({headers["authorization"] for _, headers, _ in target.requests}, {"Bearer signed"})
        self.assertEqual(len(tokens.requests), 1)

    def test_credentials_do_not_follow_to_another_host(self):
        target = self.serve(Metrics)

        class Elsewhere(Quiet):
            def do_GET(self):
                self.note()
                self.send_response(302)
                self.send_header("Location", f"http://localhost:{target.port}/metrics")
                self.send_header("Content-Length", "0")
                self.end_headers()

        first = self.serve(Elsewhere)
        server = self.start(HEAD + f"""\
  - job_name: a
    authorization: {{credentials: hidden}}
    http_headers: {{X-Key: {{secrets: [hidden]}}}}
    static_configs: [{{targets: ['{first.address}']}}]
""")
        server.wait_for_vector("fine")
        self.assertEqual(first.requests[0][1]["authorization"], "Bearer hidden")
        for _, headers, _ in target.requests:
            self.assertNotIn("authorization", headers)
            self.assertNotIn("x-key", headers)


class Tls(Clients):
    @classmethod
    def setUpClass(cls):
        if shutil.which("openssl") is None:
            raise unittest.SkipTest("openssl is not installed")

    def make_certificates(self, folder):
        """ca.pem; server.pem for the name target.test; client.pem. Keys beside them."""
        def run(*command):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
            "-subj", "/CN=test ca", "-keyout", "ca.key", "-out", "ca.pem")
        for name, extension in (("server", "subjectAltName=DNS:target.test"), ("client", "extendedKeyUsage=clientAuth")):
            (folder / "extension").write_text(extension)
            run("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                "-keyout", f"{name}.key", "-out", f"{name}.csr")
            run("openssl", "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                "-extfile", "extension", "-out", f"{name}.pem")

    def make_target(self, folder) -> LocalServer:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem", folder / "server.key")
        context.load_verify_locations(folder / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        return self.serve(Metrics, context)

    def test_client_certificate_own_authority_and_name(self):
        server = Narthex("")
        self.addCleanup(server.close)
        self.make_certificates(server.directory)
        target = self.make_target(server.directory)
        server.write_config(HEAD + f"""\
  - job_name: good
    scheme: https
    tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key, server_name: target.test}}
    static_configs: [{{targets: ['{target.address}']}}]
  - job_name: wrong_name
    scheme: https
    tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key}}
    static_configs: [{{targets: ['{target.address}']}}]
  - job_name: no_certificate
    scheme: https
    tls_config: {{ca_file: ca.pem, server_name: target.test}}
    static_configs: [{{targets: ['{target.address}']}}]
  - job_name: unknown_authority
    scheme: https
    tls_config: {{cert_file: client.pem, key_file: client.key, server_name: target.test}}
    static_configs: [{{targets: ['{target.address}']}}]
""")
        server.start()
        wait_until(lambda: len(server.vector("up")) == 4, 20, "not all targets were scraped")
        up = {s["metric"]["job"]: float(s["value"][1]) for s in server.query("up")}
        self.assertEqual(up, {"good": 1, "wrong_name": 0, "no_certificate": 0, "unknown_authority": 0})

    def test_a_proxy_that_is_reached_by_tls(self):
        server = Narthex("")
        self.addCleanup(server.close)
        self.make_certificates(server.directory)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.directory / "server.pem", server.directory / "server.key")
        proxy = self.serve(Proxy, context)
        plain = self.serve(Metrics)
        secured = self.make_target(server.directory)
        proxy.names = {"target.test": secured.port, "plain.test": plain.port}
        server.write_config(HEAD + "".join(f"""\
  - job_name: {scheme}
    scheme: {scheme}
    proxy_url: https://{proxy.address}
    tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key, server_name: target.test}}
    static_configs: [{{targets: ['{host}']}}]
""" for scheme, host in (("http", "plain.test"), ("https", "target.test"))))
        server.start()
        server.wait_for_vector("fine", count=2)
        self.assertEqual({path for path, _, _ in proxy.requests}, {"http://plain.test/metrics", "target.test:443"})

    def test_a_renewed_certificate_is_used_for_the_next_connection(self):
        server = Narthex("")
        self.addCleanup(server.close)
        self.make_certificates(server.directory)
        seen = []

        class Presented(Metrics):
            def do_GET(self):
                seen.append(self.connection.getpeercert()["serialNumber"])
                self.close_connection = True
                self.note()
                self.send_response(200)
                for name, value in (("Content-Type", "text/plain"), ("Content-Length", "7"), ("Connection", "close")):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(b"fine 1\n")

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.directory / "server.pem", server.directory / "server.key")
        context.load_verify_locations(server.directory / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        target = self.serve(Presented, context)
        server.write_config(HEAD + f"""\
  - job_name: a
    scheme: https
    tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key, server_name: target.test}}
    static_configs: [{{targets: ['{target.address}']}}]
""")
        server.start()
        wait_until(lambda: seen, 15, "no scrapes")
        first = seen[0]
        # The same key, another certificate: nobody tells the server.
        subprocess.run(["openssl", "x509", "-req", "-in", "client.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2",
                        "-set_serial", "4242", "-extfile", "extension", "-out", "client.pem"],
                       cwd=server.directory, check=True, capture_output=True)
        wait_until(lambda: seen[-1] != first, 15, "the renewed certificate is not used")
        server.wait_for_vector("up == 1")

    def test_a_tunnel_through_a_proxy(self):
        server = Narthex("")
        self.addCleanup(server.close)
        self.make_certificates(server.directory)
        target = self.make_target(server.directory)
        proxy = self.serve(Proxy)
        proxy.names = {"target.test": target.port}
        server.write_config(HEAD + f"""\
  - job_name: good
    scheme: https
    proxy_url: http://user:word@{proxy.address}
    proxy_connect_header: {{X-Who: [me]}}
    tls_config: {{ca_file: ca.pem, cert_file: client.pem, key_file: client.key}}
    static_configs: [{{targets: ['target.test']}}]
  - job_name: refused
    scheme: https
    proxy_url: http://{proxy.address}
    static_configs: [{{targets: ['other.test:1']}}]
""")
        server.start()
        server.wait_for_vector('fine{job="good"}')
        tunnel = [headers for path, headers, _ in proxy.requests if path == "target.test:443"][0]
        self.assertEqual(tunnel["x-who"], "me")
        self.assertEqual(tunnel["proxy-authorization"], "Basic " + base64.b64encode(b"user:word").decode())
        self.assertNotIn("x-who", target.requests[0][1])
        server.wait_for_vector('up{job="refused"} == 0')
        errors = {t["labels"]["job"]: t["lastError"] for t in server.api("targets")["activeTargets"]}
        self.assertEqual(errors["refused"], 'Get "https://other.test:1/metrics": Forbidden')


class Proxies(Clients):
    def test_forwarding_and_exceptions(self):
        target = self.serve(Metrics)
        proxy = self.serve(Proxy)
        proxy.names = {"target.test": target.port}
        server = self.start(HEAD + f"""\
  - job_name: proxied
    proxy_url: http://{proxy.address}
    static_configs: [{{targets: ['target.test']}}]
  - job_name: excepted
    proxy_url: http://{proxy.address}
    no_proxy: 10.0.0.0/8,.example.org
    static_configs: [{{targets: ['{target.address}']}}]
""")
        server.wait_for_vector("fine", count=2)
        self.assertEqual({path for path, _, _ in proxy.requests}, {"http://target.test/metrics"})


    def socks(self, names, login=False) -> Socks:
        proxy = Socks(names, login)
        self.addCleanup(proxy.close)
        return proxy

    def test_socks_with_and_without_a_password(self):
        target = self.serve(Metrics)
        open_to_all = self.socks({"target.test": target.port})
        guarded = self.socks({"target.test": target.port}, login=True)
        server = self.start(HEAD + "".join(f"""\
  - job_name: {job}
    proxy_url: {proxy}
    static_configs: [{{targets: ['{host}']}}]
""" for job, proxy, host in (("open", f"socks5://{open_to_all.address}", "target.test"),
                             ("guarded", f"socks5h://user:word@{guarded.address}", "target.test"),
                             ("wrong", f"socks5://user:no@{guarded.address}", "target.test"),
                             ("nobody", f"socks5://{guarded.address}", "target.test"),
                             ("unknown", f"socks5://{open_to_all.address}", "other.test:1"))))
        server.wait_for_vector("fine", count=2)
        server.wait_for_vector("up == 0", count=3)
        errors = {t["labels"]["job"]: t["lastError"].rpartition(": ")[2] for t in server.api("targets")["activeTargets"]}
        self.assertEqual(errors, {"open": "", "guarded": "", "wrong": "username/password authentication failed",
                                  "nobody": "no acceptable authentication methods", "unknown": "host unreachable"})
        self.assertIn(("target.test", 80), open_to_all.asked)
        self.assertTrue(all(path == "/metrics" for path, _, _ in target.requests))


class FailureLog(Clients):
    def test_failures_are_lines_of_json(self):
        with FakeTarget("broken {\n") as target:
            server = self.start(scrape_config(target.address).replace(
                "    static_configs", "    scrape_failure_log_file: failures.log\n    static_configs"), ["--web.enable-lifecycle"])
            path = server.directory / "failures.log"

            def lines():
                return path.read_text().splitlines() if path.exists() else []
            entry = json.loads(wait_until(lines, 15, "nothing is logged")[0])
            self.assertEqual(entry["job_name"], "test")
            self.assertEqual(entry["target"], f"http://{target.address}/metrics")
            self.assertEqual(entry["level"], "ERROR")
            self.assertIn("while parsing", entry["msg"])
            # Whoever rotates the file asks for a new one by a reload.
            path.rename(server.directory / "old.log")
            self.assertEqual(server.reload().status, 200)
            wait_until(lines, 15, "the new file stays empty")


class AutoReload(Clients):
    def test_a_changed_file_is_loaded_and_unchanged_targets_go_on(self):
        with FakeTarget("fine 1\n") as first, FakeTarget("fine 2\n") as second:
            server = self.start(scrape_config(first.address, job="a"),
                                ["--enable-feature=auto-reload-config", "--config.auto-reload-interval=1s"])
            server.wait_for_vector('fine{job="a"}')
            server.write_config(scrape_config(first.address, job="a") + f"""\
  - job_name: b
    static_configs: [{{targets: ['{second.address}']}}]
""")
            server.wait_for_vector('fine{job="b"}')
            # The first target's cache is the old one: nothing was new in any later round.
            added = server.query('sum_over_time(scrape_series_added{job="a"}[5m])')
            self.assertEqual([float(s["value"][1]) for s in added], [1])
            server.write_config("nonsense: [")
            wait_until(lambda: server.metric("prometheus_config_last_reload_successful") == 0, 15, "the fault is not seen")
            server.write_config(scrape_config(first.address, job="c"))
            server.wait_for_vector('fine{job="c"}')
            self.assertEqual(server.metric("prometheus_config_last_reload_successful"), 1)


if __name__ == "__main__":
    unittest.main()
