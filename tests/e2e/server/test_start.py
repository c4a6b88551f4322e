"""How the daemon starts, and how it refuses to: every refusal has an exit code and a message, and harms nothing."""

import http.client
import subprocess
import unittest

from tests.e2e.lib.narthex_e2e import Narthex, free_port, narthex_binary, wait_until

EMPTY = "global: {}\n"


def run_binary(*args: str) -> subprocess.CompletedProcess:
    return subprocess.run([str(narthex_binary()), *args], capture_output=True, text=True, timeout=30, check=False)


class RefusedStart(unittest.TestCase):
    def refused(self, code: int, *words: str, config: str | None = EMPTY, args: list[str] | None = None, server: Narthex | None = None) -> Narthex:
        """Starts a server that must end by itself with this code and these words in its log."""
        server = server or Narthex(config=config, args=args)
        self.addCleanup(server.close)
        server.launch()
        self.assertEqual(server.wait_exit(), code, server.log)
        for word in words:
            self.assertIn(word, server.log)
        return server


class BadConfiguration(RefusedStart):
    def test_mistakes_name_file_and_line_and_leave_the_data_alone(self):
        cases = {
            "global:\n  scrape_intervall: 5s\n": (2, "field scrape_intervall not found in type config.plain"),
            "global:\n  scrape_interval: 5x\n": (2, "5x"),
            "scrape_configs:\n- job_name: a\n- job_name: a\n": (3, "found multiple scrape configs with job name"),
            "scrape_configs: []\nscrape_configs: []\n": (2, "field scrape_configs already set in type config.plain"),
            "a: b\n c: d\n": (2, "yaml: line 2"),
            "scrape_configs:\n- job_name: a\n  relabel_configs:\n  - action: frob\n": (4, "unknown relabel action"),
            "remote_write:\n- url: http://localhost\n": (2, "remote_write is not supported by this version"),
        }
        for config, (line, words) in cases.items():
            with self.subTest(config=config):
                server = self.refused(2, words, config=config)
                self.assertIn(f"{server.config_path}:{line}", server.log)
                self.assertFalse(server.data_path.exists())

    def test_a_bomb_is_refused_quickly(self):
        laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for i in range(1, 15):
            laughs += f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]\n"
        self.refused(2, "excessive aliasing", config=laughs)

    def test_a_file_that_is_named_must_exist(self):
        server = Narthex(config=EMPTY)
        server.config_path.unlink()
        self.refused(2, str(server.config_path), "No such file or directory", server=server)

    def test_an_included_file_is_named(self):
        server = Narthex(config="scrape_config_files: ['more/*.yml']\n")
        (server.directory / "more").mkdir()
        (server.directory / "more" / "x.yml").write_text("scrape_configs:\n- job_name: a\n  foo: 1\n")
        self.refused(2, f"{server.directory}/more/x.yml:3", "field foo not found", server=server)


class BadSurroundings(RefusedStart):
    def test_a_data_directory_that_cannot_be_made_is_named(self):
        server = Narthex(config=EMPTY)
        in_the_way = server.directory / "file"
        in_the_way.write_text("")
        server.data_path = in_the_way / "data"
        self.refused(1, str(server.data_path), "Not a directory", server=server)


class BadFlags(unittest.TestCase):
    def test_each_is_named(self):
        cases = {
            "--no-such-flag=1": "no-such-flag",
            "--web.listen-addres=:9090": "web.listen-addres",
            "--storage.tsdb.retention.time=5parsecs": "storage.tsdb.retention.time",
            "--query.max-concurrency=many": "query.max-concurrency",
            "--log.level=loud": "log.level",
            "--log.format=xml": "log.format",
            "--web.cors.origin=(": "web.cors.origin",
            "--storage.tsdb.wal-segment-size=1MB": "storage.tsdb.wal-segment-size",
            '--web.external-url="http://x/"': "web.external-url",
        }
        for flag, word in cases.items():
            with self.subTest(flag=flag):
                ended = run_binary(flag)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(word, ended.stderr)
                self.assertEqual(ended.stdout, "")

    def test_what_would_have_no_effect_is_refused(self):
        for flag in ("--agent", "--web.enable-otlp-receiver", "--web.user-assets=x"):
            with self.subTest(flag=flag):
                ended = run_binary(flag)
                self.assertEqual(ended.returncode, 2, ended.stderr)
                self.assertIn(flag.removeprefix("--").partition("=")[0], ended.stderr)

    def test_an_argument_that_is_no_flag_is_refused(self):
        self.assertEqual(run_binary("narthex.yml").returncode, 2)


class Help(unittest.TestCase):
    def test_help_and_version_go_to_stdout(self):
        for flag, words in {"--help": "--config.file", "-h": "--storage.tsdb.path", "--version": "narthex"}.items():
            with self.subTest(flag=flag):
                ended = run_binary(flag)
                self.assertEqual(ended.returncode, 0)
                self.assertIn(words, ended.stdout)
                self.assertEqual(ended.stderr, "")


class GoodStart(unittest.TestCase):
    def test_without_a_file_it_scrapes_itself(self):
        with Narthex() as server:
            up = server.wait_for_vector('up{job="narthex"} == 1')
            self.assertIn(f'instance="localhost:{server.port}"', next(iter(up)))
            self.assertIn("job_name: node", server.api("status/config")["yaml"])

    def test_prometheus_yml_in_the_working_directory_is_taken(self):
        server = Narthex()
        self.addCleanup(server.close)
        (server.directory / "prometheus.yml").write_text("scrape_configs:\n- job_name: found\n")
        server.start()
        self.assertIn("job_name: found", server.api("status/config")["yaml"])

    def test_port_0_takes_a_free_port_and_says_which(self):
        server = Narthex(config=EMPTY)
        self.addCleanup(server.close)
        server.port = 0
        server.launch()
        wait_until(lambda: "Server is ready to receive web requests." in server.log, 30, "the ready line")
        ports = [int(word.partition("=")[2]) for word in server.log.split() if word.startswith("port=")]
        self.assertTrue(ports, server.log)
        server.port = ports[0]
        self.assertEqual(server.get("/-/ready").status, 200)

    def test_several_addresses(self):
        second = free_port()
        with Narthex(config=EMPTY, args=[f"--web.listen-address=127.0.0.1:{second}"]) as server:
            server.port, first = second, server.port
            self.assertEqual(server.get("/-/healthy").text, "Prometheus Server is Healthy.\n")
            server.port = first

    def test_flags_are_shown_as_prometheus_names_them(self):
        args = ["--storage.tsdb.retention.time=100y", "--query.lookback-delta", "7m", "--web.enable-lifecycle", "--no-scrape.adjust-timestamps",
                "--auto-gomemlimit.ratio=0.5"]
        with Narthex(config=EMPTY, args=args) as server:
            flags = server.api("status/flags")
            self.assertEqual(flags["config.file"], str(server.config_path))
            self.assertEqual(flags["web.listen-address"], server.address)
            self.assertEqual(flags["storage.tsdb.retention.time"], "100y")
            self.assertEqual(flags["query.lookback-delta"], "7m")
            self.assertEqual(flags["web.enable-lifecycle"], "true")
            self.assertEqual(flags["scrape.adjust-timestamps"], "false")
            self.assertEqual(flags["query.timeout"], "2m")
            self.assertEqual(flags["web.enable-admin-api"], "false")

    def test_build_and_process_metrics(self):
        with Narthex(config=EMPTY) as server:
            text = server.get("/metrics").text
            for name in ("process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds", "process_max_fds",
                         "process_start_time_seconds", "process_virtual_memory_bytes", "prometheus_config_last_reload_successful",
                         "prometheus_config_last_reload_success_timestamp_seconds", "prometheus_ready", "prometheus_tsdb_head_series",
                         "net_conntrack_listener_conn_accepted_total"):
                self.assertRegex(text, rf"(?m)^{name}[ {{]", name)
            build = next(line for line in text.splitlines() if line.startswith("prometheus_build_info{"))
            for label in ("branch", "goarch", "goos", "goversion", "revision", "tags", "version"):
                self.assertIn(f'{label}="', build)
            self.assertTrue(build.endswith(" 1"), build)

    def test_json_log(self):
        with Narthex(config=EMPTY, args=["--log.format=json", "--log.level=debug"]) as server:
            self.assertTrue(all(line.startswith("{") and line.endswith("}") for line in server.log.splitlines()), server.log)


class ReadySequence(unittest.TestCase):
    def test_not_ready_comes_before_ready_and_never_after(self):
        server = Narthex(config=EMPTY)
        self.addCleanup(server.close)
        server.launch()
        seen: list[int] = []

        def ask():
            try:
                answer = server.get("/-/ready", timeout=5)
            except (OSError, http.client.HTTPException):
                return False
            seen.append(answer.status)
            if answer.status == 503:
                self.assertEqual(answer.headers["x-prometheus-stopping"], "false")
            return seen.count(200) >= 3

        wait_until(ask, 30, "not ready")
        self.assertEqual(seen, sorted(seen, reverse=True))  # 503 … 503 200 … 200
        self.assertEqual(set(seen) - {200, 503}, set())
        self.assertEqual(server.metric("prometheus_ready"), 1)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    unittest.main()
