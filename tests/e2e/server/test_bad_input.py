"""What users get wrong most: one test for each, with the exact words of the answer, and what must go on regardless."""

import os
import re
import shutil
import socket
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, scrape_config, wait_until

EMPTY = "global: {}\n"


class RootWithoutOverride(Narthex):
    """A server that file modes hold for even when root runs the tests."""

    def command(self) -> list[str]:
        if os.geteuid() != 0:
            return super().command()
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise unittest.SkipTest("setpriv is not installed")
        return [setpriv, "--bounding-set=-dac_override,-dac_read_search", "--", *super().command()]


class RefusedStart(unittest.TestCase):
    def refused(self, server: Narthex, code: int) -> str:
        """Starts a server that must end by itself with `code`, and gives the err="…" of its log."""
        self.addCleanup(server.close)
        server.launch()
        self.assertEqual(server.wait_exit(), code, server.log)
        errors = re.findall(r'level=ERROR .*? err="(.*)"$', server.log, re.MULTILINE)
        self.assertEqual(len(errors), 1, server.log)
        return errors[0]

    def test_broken_yaml(self):
        cases = {
            "global:\n  scrape_interval: 5s\n scrape_configs: []\n":
                "loading the configuration: parsing YAML file {file}: yaml: line 3: ",
            "global:\n  scrape_intervall: 5s\n":
                "loading the configuration: parsing YAML file {file}: yaml: unmarshal errors:\\n"
                "  line 2: field scrape_intervall not found in type config.plain (at {file}:2)",
        }
        for text, words in cases.items():
            with self.subTest(text=text):
                server = Narthex(config=text)
                error = self.refused(server, 2)
                self.assertEqual(error[:len(words.format(file=server.config_path))], words.format(file=server.config_path))
                self.assertRegex(error, rf"\(at {re.escape(str(server.config_path))}:\d+\)$")
                self.assertFalse(server.data_path.exists(), "a refused start touched the data")

    def test_a_port_in_use(self):
        with Narthex(config=EMPTY) as owner:
            second = Narthex(config=EMPTY)
            second.port = owner.port
            self.assertEqual(self.refused(second, 1), f"listen tcp {owner.address}: bind: Address already in use")
            self.assertFalse(second.data_path.exists())
            self.assertEqual(owner.get("/-/ready").status, 200)

    def test_a_data_directory_in_use(self):
        with FakeTarget("x 1\n") as target, Narthex(config=scrape_config(target.address)) as owner:
            owner.wait_for_vector("x")
            second = Narthex(config=EMPTY)
            second.data_path = owner.data_path
            self.assertEqual(self.refused(second, 1), f"lock {owner.data_path}/lock: held by another process; is a second server running on this directory?")
            before = len(target.requests)
            wait_until(lambda: len(target.requests) > before + 2, 15, "the owner does not scrape any more")
            self.assertEqual(owner.stop(), 0)
            owner.start()
            self.assertTrue(owner.query("count_over_time(x[5m])"), "the owner's data is gone")

    def test_a_data_directory_that_is_not_writable(self):
        server = RootWithoutOverride(config=EMPTY)
        closed = server.directory / "closed"
        closed.mkdir(mode=0o500)
        server.data_path = closed / "data"
        self.assertEqual(self.refused(server, 1), f"create directory {server.data_path}: Permission denied")
        self.assertEqual(list(closed.iterdir()), [])

        existing = RootWithoutOverride(config=EMPTY)
        existing.data_path.mkdir(mode=0o500)
        error = self.refused(existing, 1)
        self.assertIn(str(existing.data_path), error)
        self.assertTrue(error.endswith("Permission denied"), error)
        self.assertEqual(list(existing.data_path.iterdir()), [])


class BadTargets(unittest.TestCase):
    """A bad target is down, says why, and its neighbour is scraped as if nothing was."""

    def last_error(self, address: str) -> str:
        with FakeTarget("fine 1\n") as good, Narthex(config=scrape_config(address, good.address)) as server:
            down = server.wait_for_vector("up == 0")
            self.assertEqual(list(down), [f'up{{instance="{address}",job="test"}}'])
            self.assertEqual(server.wait_for_vector("fine"), {f'fine{{instance="{good.address}",job="test"}}': 1.0})
            targets = {t["labels"]["instance"]: t for t in server.api("targets")["activeTargets"]}
            self.assertEqual((targets[address]["health"], targets[good.address]["health"]), ("down", "up"))
            self.assertEqual(targets[good.address]["lastError"], "")
            # Nothing but the series about the scrape itself.
            names = {s["metric"]["__name__"] for s in server.query(f'{{instance="{address}"}}')}
            self.assertEqual({n for n in names if n != "up" and not n.startswith("scrape_")}, set())
            return targets[address]["lastError"]

    def test_an_unreachable_target(self):
        # Bound and not listening: nobody else can take the port, and nobody answers.
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            self.assertEqual(self.last_error(address), f'Get "http://{address}/metrics": dial tcp {address}: connect: connection refused')

    def test_a_body_that_is_not_an_exposition(self):
        cases = {
            ("this is { not a metric\n", "text/plain"): 'strconv.ParseFloat: parsing "is": invalid syntax while parsing: "this is"',
            ("<html></html>", "text/html"): 'received unsupported Content-Type "text/html" and no fallback_scrape_protocol specified for target',
            # What was read before the fault does not count either.
            ('good 1\nbroken{a="b" 1\n', "text/plain"): 'expected label name, got "1" ("INVALID") while parsing: "broken{a=\\"b\\" 1"',
        }
        for (body, content_type), words in cases.items():
            with self.subTest(body=body), FakeTarget(body, content_type=content_type) as target:
                self.assertEqual(self.last_error(target.address), words)


class BadRequests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Narthex(config=EMPTY).start()

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    def check(self, path: str, parameters: dict, words: str) -> None:
        answer = self.server.post_form(f"/api/v1/{path}", parameters)
        self.assertEqual(answer.json(), {"status": "error", "errorType": "bad_data", "error": words})
        self.assertEqual(answer.status, 400)

    def tearDown(self):
        self.assertEqual(self.server.query("1 + 1")[1], "2")

    def test_a_bad_query(self):
        for query, words in {
            "sum(up": "1:7: parse error: unclosed left parenthesis",
            "rate(up)": '1:6: parse error: expected type range vector in call to function "rate", got instant vector',
            "1 +": "1:4: parse error: unexpected end of input",
            "up{": "1:4: parse error: unexpected end of input inside braces",
            "foo(up)": '1:1: parse error: unknown function with name "foo"',
            "sum(up)\n by =": '2:5: parse error: unexpected "=" in grouping opts, expected "("',
        }.items():
            with self.subTest(query=query):
                self.check("query", {"query": query}, f'invalid parameter "query": {words}')

    def test_a_wrong_parameter(self):
        for path, parameters, words in [
            ("query_range", {"query": "up", "start": "x", "end": "1", "step": "1"}, 'invalid parameter "start": cannot parse "x" to a valid timestamp'),
            ("query_range", {"query": "up", "start": "2", "end": "1", "step": "1"}, 'invalid parameter "end": end timestamp must not be before start time'),
            ("query_range", {"query": "up", "start": "0", "end": "1", "step": "0"},
             'invalid parameter "step": zero or negative query resolution step widths are not accepted. Try a positive integer'),
            ("query_range", {"query": "up", "start": "0", "end": "100000", "step": "1"},
             "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"),
            ("query", {"query": "up", "timeout": "x"}, 'invalid parameter "timeout": cannot parse "x" to a valid duration'),
            ("labels", {"limit": "-1"}, 'invalid parameter "limit": limit must be non-negative'),
            ("series", {}, "no match[] parameter provided"),
        ]:
            with self.subTest(path=path, parameters=parameters):
                self.check(path, parameters, words)


if __name__ == "__main__":
    unittest.main()
