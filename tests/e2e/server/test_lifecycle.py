"""Stopping and reloading: signals and the lifecycle endpoints."""

import signal
import socket
import threading
import time
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, scrape_config, wait_until

LIFECYCLE = ["--web.enable-lifecycle"]
STOP_SECONDS_MAX = 15


class Stop(unittest.TestCase):
    def assert_stops(self, server: Narthex, ask) -> None:
        began = time.monotonic()
        ask()
        self.assertEqual(server.wait_exit(), 0, server.log)
        self.assertLess(time.monotonic() - began, STOP_SECONDS_MAX)

    def test_signals_end_it_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number), FakeTarget("x 1\n") as target, Narthex(config=scrape_config(target.address)) as server:
                server.wait_for_vector("x")
                self.assert_stops(server, lambda: server.send_signal(number))

    def test_quit_ends_it_cleanly(self):
        with Narthex(config="", args=LIFECYCLE) as server:
            answer = {}

            def ask():
                answer["quit"] = server.request("POST", "/-/quit")

            self.assert_stops(server, ask)
            self.assertEqual(answer["quit"].status, 200)
            self.assertEqual(answer["quit"].text, "Requesting termination... Goodbye!")

    def test_a_target_that_never_answers_does_not_hold_it_up(self):
        # Connections are accepted by the kernel and nobody ever reads them. A scrape has a minute, so only a server that
        # waited for it would miss the deadline; forty targets share that minute, so the first is scraped soon.
        with socket.socket() as silent:
            silent.bind(("", 0))
            silent.listen()
            port = silent.getsockname()[1]
            targets = [f"127.0.0.{i}:{port}" for i in range(1, 41)]
            with Narthex(config=scrape_config(*targets, interval="1m")) as server:
                silent.settimeout(60)
                connection, _ = silent.accept()  # The scrape is under way.
                with connection:
                    self.assert_stops(server, lambda: server.send_signal(signal.SIGTERM))

    def test_it_starts_again_with_everything_after_a_clean_stop(self):
        with FakeTarget("x 1\n") as target, Narthex(config=scrape_config(target.address)) as server:
            wait_until(lambda: len(target.requests) >= 8, 15, "no scrapes")
            server.wait_for_vector("x")
            before = {tuple(v) for v in server.query("x[5m]")[0]["values"]}
            self.assertEqual(server.stop(), 0)
            server.start()
            after = {tuple(v) for v in server.query("x[5m]")[0]["values"]}
            self.assertLessEqual(before, after)


class Lifecycle(unittest.TestCase):
    def test_it_is_off_by_default(self):
        with Narthex(config="") as server:
            for path in ("/-/reload", "/-/quit"):
                answer = server.request("POST", path)
                self.assertEqual((answer.status, answer.text.strip()), (403, "Lifecycle API is not enabled."))
            self.assertEqual(server.get("/-/ready").status, 200)

    def test_only_post_and_put(self):
        with Narthex(config="", args=LIFECYCLE) as server:
            self.assertEqual(server.get("/-/reload").status, 405)
            self.assertEqual(server.request("PUT", "/-/reload").status, 200)


class Reload(unittest.TestCase):
    def setUp(self):
        self.one = FakeTarget("one 1\n")
        self.two = FakeTarget("two 2\n")
        self.addCleanup(self.one.close)
        self.addCleanup(self.two.close)
        self.server = Narthex(config=scrape_config(self.one.address), args=LIFECYCLE)
        self.addCleanup(self.server.close)
        self.server.start()

    def succeeded(self) -> float:
        return self.server.metric("prometheus_config_last_reload_successful")

    def test_both_ways_take_up_new_targets_and_drop_old_ones(self):
        server = self.server
        server.wait_for_vector("one")
        stamp = server.metric("prometheus_config_last_reload_success_timestamp_seconds")
        server.write_config(scrape_config(self.two.address))
        answer = server.reload()
        self.assertEqual((answer.status, answer.text), (200, ""))
        server.wait_for_vector("two")
        self.assertGreater(server.metric("prometheus_config_last_reload_success_timestamp_seconds"), stamp)
        wait_until(lambda: not server.vector("one"), 10, "the old target's series did not end")
        self.assertEqual([t["scrapeUrl"] for t in server.api("targets")["activeTargets"]], [f"http://{self.two.address}/metrics"])

        server.write_config(scrape_config(self.one.address, self.two.address))
        server.send_signal(signal.SIGHUP)
        server.wait_for_vector("one")
        self.assertEqual(server.wait_for_vector("up == 1", count=2).keys(),
                         {f'up{{instance="{t.address}",job="test"}}' for t in (self.one, self.two)})

    def test_a_bad_file_changes_nothing_and_is_explained(self):
        server = self.server
        server.wait_for_vector("one")
        shown = server.api("status/config")["yaml"]
        server.write_config("global:\n  scrape_interval: 5s\nscrape_configs:\n- job_name: a\n  foo: bar\n")
        answer = server.reload()
        self.assertEqual(answer.status, 500)
        self.assertIn("failed to reload config: ", answer.text)
        self.assertIn(f"{server.config_path}:5", answer.text)
        self.assertIn("field foo not found in type config.plain", answer.text)
        self.assertEqual(self.succeeded(), 0)
        self.assertEqual(server.api("status/config")["yaml"], shown)
        self.assertFalse(server.api("status/runtimeinfo")["reloadConfigSuccess"])
        before = len(self.one.requests)
        wait_until(lambda: len(self.one.requests) > before + 3, 10, "scraping stopped")

        server.config_path.unlink()
        self.assertEqual(server.reload().status, 500)
        self.assertEqual(server.get("/-/ready").status, 200)

        server.write_config(scrape_config(self.one.address))
        self.assertEqual(server.reload().status, 200)
        self.assertEqual(self.succeeded(), 1)
        self.assertTrue(server.api("status/runtimeinfo")["reloadConfigSuccess"])

    def test_a_bad_file_at_sighup_is_in_the_log(self):
        self.server.write_config("global:\n  x: 1\n")
        self.server.send_signal(signal.SIGHUP)
        wait_until(lambda: f"{self.server.config_path}:2" in self.server.log, 10, "no word in the log")
        wait_until(lambda: self.succeeded() == 0, 10, "the metric")
        self.assertEqual(self.server.get("/-/ready").status, 200)

    def test_an_unchanged_job_is_not_disturbed(self):
        server = self.server
        server.wait_for_vector("one")
        for round_number in range(5):
            server.write_config(scrape_config(self.one.address) +
                                f"  - job_name: other\n    static_configs: [{{targets: ['{self.two.address}'], labels: {{n: '{round_number}'}}}}]\n")
            self.assertEqual(server.reload().status, 200)
        wait_until(lambda: server.vector('two{n="4"}'), 10, "the last configuration is not in force")
        # A loop that was started again would have ended its series: no gap means no stale marker.
        self.assertEqual(server.query("count_over_time(up{job='test'}[1m])")[0]["metric"]["job"], "test")
        self.assertEqual(len(server.query("one")), 1)
        self.assertEqual(server.query("resets(one[1m])")[0]["value"][1], "0")

    def test_secrets_are_not_shown(self):
        self.server.write_config("scrape_configs:\n- job_name: a\n  basic_auth: {username: u, password: hunter2}\n")
        self.assertEqual(self.server.reload().status, 200)
        shown = self.server.api("status/config")["yaml"]
        self.assertIn("password: <secret>", shown)
        self.assertNotIn("hunter2", shown)
        self.assertNotIn("hunter2", self.server.log)

    def test_many_at_once_all_answer(self):
        answers: list[int] = []
        threads = [threading.Thread(target=lambda: answers.append(self.server.reload().status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        self.assertEqual(answers, [200] * 8)


if __name__ == "__main__":
    unittest.main()
