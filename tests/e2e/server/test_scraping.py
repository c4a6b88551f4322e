"""Bad targets and bad requests harm nobody but themselves."""

import gzip
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, free_port, scrape_config, wait_until


class BadTargets(unittest.TestCase):
    def test_each_fails_alone_and_says_why(self):
        bad = {
            "garbage": FakeTarget("this is { not a metric\n"),
            "page": FakeTarget("<html></html>", content_type="text/html"),
            "binary": FakeTarget(bytes(range(256)) * 100),
            "error": FakeTarget("x 1\n"),
            "half": FakeTarget('good 1\nbroken{a="b" 1\n'),
        }
        bad["error"].status = 500
        for target in bad.values():
            self.addCleanup(target.close)
        unreachable = f"127.0.0.1:{free_port()}"
        with FakeTarget("fine 1\n") as good:
            config = scrape_config(good.address)
            for name, target in list(bad.items()) + [("unreachable", None)]:
                address = target.address if target else unreachable
                config += f"  - job_name: {name}\n    static_configs: [{{targets: ['{address}']}}]\n"
            with Narthex(config=config) as server:
                server.wait_for_vector("up == 0", count=6)
                server.wait_for_vector("fine")
                self.assertEqual(server.vector('up{job="test"}'), {f'up{{instance="{good.address}",job="test"}}': 1.0})
                by_pool = {t["scrapePool"]: t for t in server.api("targets")["activeTargets"]}
                for name in [*bad, "unreachable"]:
                    self.assertEqual(by_pool[name]["health"], "down", name)
                    self.assertTrue(by_pool[name]["lastError"], name)
                self.assertIn("500", by_pool["error"]["lastError"])
                self.assertIn("connection refused", by_pool["unreachable"]["lastError"].lower())
                self.assertIn("text/html", by_pool["page"]["lastError"])
                # A scrape counts whole or not at all.
                self.assertEqual(server.query("good"), [])

    def test_a_bomb_costs_the_target_and_nothing_else(self):
        line = b'bomb{a="' + b"x" * 1000 + b'"} 1\n'
        bomb = FakeTarget(gzip.compress(line * 300_000))
        self.addCleanup(bomb.close)
        good = FakeTarget("fine 1\n")
        self.addCleanup(good.close)
        real = bomb.server.RequestHandlerClass

        class Gzipped(real):
            def end_headers(self):
                self.send_header("Content-Encoding", "gzip")
                super().end_headers()

        bomb.server.RequestHandlerClass = Gzipped
        # 300 MB from 650 kB. One job bounds what it takes, by what it has seen; the other takes the bomb in as it streams by.
        config = scrape_config(bomb.address, interval="5s") + f"""\
  - job_name: bounded
    body_size_limit: 64MB
    static_configs: [{{targets: ['{bomb.address}']}}]
  - job_name: good
    scrape_interval: 250ms
    scrape_timeout: 250ms
    static_configs: [{{targets: ['{good.address}']}}]
"""
        with Narthex(config=config) as server:
            server.wait_for_vector('up{job="bounded"} == 0')
            server.wait_for_vector('scrape_duration_seconds{job="test"}')
            (bounded,) = [t for t in server.api("targets")["activeTargets"] if t["scrapePool"] == "bounded"]
            self.assertIn("body size limit exceeded", bounded["lastError"])
            server.wait_for_vector('up{job="good"} == 1')
            self.assertLess(server.metric("process_resident_memory_bytes"), 200e6)

    def test_a_target_that_goes_away_ends_its_series_at_once(self):
        with FakeTarget("x 1\n") as target, Narthex(config=scrape_config(target.address)) as server:
            server.wait_for_vector("x")
            target.status = 503
            wait_until(lambda: not server.query("x"), 10, "the series does not end")
            self.assertEqual(list(server.vector("up").values()), [0.0])
            target.status = 200
            server.wait_for_vector("x")


class Relabelling(unittest.TestCase):
    def test_targets_and_samples_are_rewritten(self):
        with FakeTarget('a{job="theirs"} 1\nb 2\ndropped 3\n') as target:
            config = scrape_config(target.address) + """\
    relabel_configs:
      - {source_labels: [__address__], regex: '(.*):.*', target_label: host}
      - {target_label: team, replacement: blue}
    metric_relabel_configs:
      - {source_labels: [__name__], regex: dropped, action: drop}
      - {source_labels: [__name__], regex: b, target_label: __name__, replacement: renamed}
"""
            with Narthex(config=config) as server:
                server.wait_for_vector("renamed")
                common = f'host="127.0.0.1",instance="{target.address}",job="test",team="blue"'
                exported = common.replace('host=', 'exported_job="theirs",host=')
                self.assertEqual(server.vector("a"), {f"a{{{exported}}}": 1.0})
                self.assertEqual(server.vector("renamed"), {f"renamed{{{common}}}": 2.0})
                self.assertEqual(server.query("dropped"), [])


class BadRequests(unittest.TestCase):
    def test_bad_queries_say_where(self):
        with Narthex(config="") as server:
            for query, words in {"sum(": "parse error", "rate(up)": "expected type range vector", "up{": "parse error",
                                 "(" * 100_000: "", "1 +": "1:4"}.items():
                answer = server.post_form("/api/v1/query", {"query": query})
                self.assertEqual(answer.status, 400, query[:50])
                content = answer.json()
                self.assertEqual((content["status"], content["errorType"]), ("error", "bad_data"))
                self.assertIn(words, content["error"])
            self.assertEqual(server.get("/api/v1/query_range", {"query": "up", "start": "x", "end": "1", "step": "1"}).status, 400)
            self.assertEqual(server.get("/api/v1/nowhere").status, 404)
            self.assertEqual(server.query("1 + 1")[1], "2")
            self.assertEqual(server.get("/-/healthy").status, 200)


if __name__ == "__main__":
    unittest.main()
