"""Starts the real binary on loopback for end-to-end tests, asks it questions and stops it again.

Python's standard library only. Every wait has a deadline, every port is free at the time, every server has a
temporary directory of its own, and what a server wrote to its log is part of the failure when it does not come up.

    class Scrapes(unittest.TestCase):
        def test_itself(self):
            with Narthex(config="scrape_configs: [...]") as server:
                server.wait_for_vector('up == 1', count=1)
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 30.0
STOP_SECONDS = 30.0
POLL_SECONDS = 0.05


def narthex_binary() -> pathlib.Path:
    """The server under test: $NARTHEX_BIN, or the release build. Skips the test when it is not built."""
    path = pathlib.Path(os.environ.get("NARTHEX_BIN", ROOT / "build" / "release" / "narthex"))
    if not path.is_file():
        raise unittest.SkipTest(f"{path} is not built")
    return path


def peer_binary(variable: str, name: str) -> str:
    """Another project's program: named by an environment variable, else from PATH. Skips the test without it."""
    path = os.environ.get(variable) or shutil.which(name)
    if not path or not os.path.isfile(path) or not os.access(path, os.X_OK):
        raise unittest.SkipTest(f"{name} is not installed (or set {variable})")
    return path


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, seconds: float, what: str):
    """Calls `condition` until it gives something true, and returns that; TimeoutError names `what`."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError(f"after {seconds:g} s: {what}")
        time.sleep(POLL_SECONDS)


class Response:
    """Status, headers (names in lower case) and body of one answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class ApiError(AssertionError):
    """The API answered with an error where the test wanted data."""


class HttpServerProcess:
    """A program that serves HTTP on 127.0.0.1: started, waited for, asked and stopped. Base of the servers below."""

    ready_path = "/-/ready"

    def __init__(self):
        self.port = free_port()
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="narthex-e2e-"))
        self.log_path = self.directory / "log.txt"
        self.process: subprocess.Popen | None = None

    # To be defined by each program.
    def command(self) -> list[str]:
        raise NotImplementedError

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def launch(self) -> None:
        """Starts the process without waiting for it to be ready."""
        assert self.process is None, "already running"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory)

    def start(self) -> "HttpServerProcess":
        self.launch()
        try:
            self.wait_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        def ready() -> bool:
            if self.process.poll() is not None:
                raise RuntimeError(f"exited with {self.process.returncode} at start:\n{self.log}")
            try:
                return self.get(self.ready_path, timeout=1).status == 200
            except OSError:
                return False

        try:
            wait_until(ready, seconds, f"{self.command()[0]} is not ready")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; its log:\n{self.log}") from None

    def wait_exit(self, seconds: float = STOP_SECONDS) -> int:
        """The exit code of a process that ends by itself."""
        code = self.process.wait(timeout=seconds)
        self.process = None
        return code

    def send_signal(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code. A process that does not stop in time is killed, and that is a failure."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.wait_exit()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not stop within {STOP_SECONDS:g} s of SIGTERM; its log:\n{self.log}") from None

    def kill(self) -> None:
        """SIGKILL: nothing is flushed. Fine when the process is gone already."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self) -> None:
        """Ends the process, whatever its state, and removes its directory."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def request(self, method: str, path: str, body: bytes | str | None = None, headers: dict[str, str] | None = None,
                timeout: float = 30) -> Response:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            answer = connection.getresponse()
            return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        except http.client.HTTPException as error:
            raise ConnectionError(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()

    def get(self, path: str, params: dict | None = None, headers: dict[str, str] | None = None,
            timeout: float = 30) -> Response:
        if params:
            path += "?" + urllib.parse.urlencode(params, doseq=True)
        return self.request("GET", path, headers=headers, timeout=timeout)

    def post_form(self, path: str, params: dict, timeout: float = 30) -> Response:
        return self.request("POST", path, body=urllib.parse.urlencode(params, doseq=True),
                            headers={"Content-Type": "application/x-www-form-urlencoded"}, timeout=timeout)


class PrometheusApi(HttpServerProcess):
    """What every server with Prometheus' HTTP API can be asked; `data` is the "data" member of a successful answer."""

    def api(self, path: str, params: dict | None = None):
        answer = self.get("/api/v1/" + path, params)
        try:
            content = answer.json()
        except ValueError:
            raise ApiError(f"{path}: {answer.status}, not JSON: {answer.text[:500]}") from None
        if answer.status != 200 or content.get("status") != "success":
            raise ApiError(f"{path}: {answer.status} {content}")
        return content["data"]

    def version(self) -> tuple[int, ...]:
        """As numbers: (3, 5, 3)."""
        return tuple(int(part) for part in self.api("status/buildinfo")["version"].split("-")[0].split("+")[0].split("."))

    def query(self, expression: str, at: float | None = None):
        params = {"query": expression}
        if at is not None:
            params["time"] = repr(at)
        return self.api("query", params)["result"]

    def query_range(self, expression: str, start: float, end: float, step: float):
        return self.api("query_range", {"query": expression, "start": repr(start), "end": repr(end), "step": repr(step)})["result"]

    def vector(self, expression: str, at: float | None = None) -> dict[str, float]:
        """An instant vector as {series text: value}, whatever order it came in."""
        return {series_text(s["metric"]): float(s["value"][1]) for s in self.query(expression, at)}

    def wait_for_vector(self, expression: str, count: int = 1, seconds: float = 30) -> dict[str, float]:
        """Asks until at least `count` series answer."""
        def enough():
            got = self.vector(expression)
            return got if len(got) >= count else None

        try:
            return wait_until(enough, seconds, f"{expression} has no {count} series")
        except TimeoutError as error:
            raise TimeoutError(f"{error}; log:\n{self.log[-4000:]}") from None

    def metric(self, name: str, labels: str = "") -> float:
        """One sample of the server's own /metrics, by name and the text between its braces."""
        wanted = f"{name}{{{labels}}} " if labels else f"{name} "
        for line in self.get("/metrics").text.splitlines():
            if line.startswith(wanted):
                return float(line[len(wanted):].split()[0])
        raise KeyError(wanted.strip())


class Narthex(PrometheusApi):
    """The server under test. `config` is the text of narthex.yml; None takes the built-in configuration."""

    def __init__(self, config: str | None = None, args: list[str] | None = None):
        self.binary = narthex_binary()
        super().__init__()
        self.args = args or []
        self.config_path = self.directory / "narthex.yml"
        self.data_path = self.directory / "data"
        self.has_config = config is not None
        if config is not None:
            self.write_config(config)

    def write_config(self, text: str) -> None:
        self.config_path.write_text(text)

    def command(self) -> list[str]:
        config = [f"--config.file={self.config_path}"] if self.has_config else []
        return [str(self.binary), *config, f"--storage.tsdb.path={self.data_path}",
                f"--web.listen-address={self.address}", *self.args]

    def reload(self) -> Response:
        """Needs --web.enable-lifecycle."""
        return self.request("POST", "/-/reload")


class Prometheus(PrometheusApi):
    """A real Prometheus ($PROMETHEUS_BIN, or `prometheus` from PATH) as a peer."""

    def __init__(self, config: str, args: list[str] | None = None):
        self.binary = peer_binary("PROMETHEUS_BIN", "prometheus")
        super().__init__()
        self.args = args or []
        self.config_path = self.directory / "prometheus.yml"
        self.config_path.write_text(config)
        self.data_path = self.directory / "data"

    def command(self) -> list[str]:
        return [self.binary, f"--config.file={self.config_path}", f"--storage.tsdb.path={self.data_path}",
                f"--web.listen-address={self.address}", *self.args]


class NodeExporter(HttpServerProcess):
    """Debian's prometheus-node-exporter ($NODE_EXPORTER_BIN, or from PATH)."""

    ready_path = "/metrics"

    def __init__(self, args: list[str] | None = None):
        self.binary = peer_binary("NODE_EXPORTER_BIN", "prometheus-node-exporter")
        super().__init__()
        self.args = args or []

    def command(self) -> list[str]:
        return [self.binary, f"--web.listen-address={self.address}", *self.args]


class FakeTarget:
    """A scrape target inside the test: serves `body` with `content_type` and counts who came. Thread: its own."""

    def __init__(self, body: str | bytes = "", content_type: str = "text/plain; version=0.0.4"):
        self.body = body
        self.content_type = content_type
        self.status = 200
        self.requests: list[dict[str, str]] = []
        target = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                target.requests.append({k.lower(): v for k, v in self.headers.items()})
                body = target.body.encode() if isinstance(target.body, str) else target.body
                self.send_response(target.status)
                self.send_header("Content-Type", target.content_type)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, *_):
                pass  # A client that hangs up is what several tests are about.

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def series_text(metric: dict[str, str]) -> str:
    """name{a="1",b="2"}: one text for one label set."""
    labels = ",".join(f'{k}={json.dumps(v)}' for k, v in sorted(metric.items()) if k != "__name__")
    return metric.get("__name__", "") + "{" + labels + "}"


def scrape_config(*targets: str, job: str = "test", interval: str = "250ms") -> str:
    """A configuration that scrapes the given host:port addresses under one job."""
    listed = ", ".join(f"'{target}'" for target in targets)
    return (f"global:\n  scrape_interval: {interval}\n  scrape_timeout: {interval}\n"
            f"scrape_configs:\n  - job_name: {job}\n    static_configs:\n      - targets: [{listed}]\n")
