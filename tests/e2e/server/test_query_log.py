"""The log of queries and the file of those that run."""

import json
import pathlib
import threading
import time
import unittest

from tests.e2e.lib.narthex_e2e import ApiError, Narthex, wait_until

LIFECYCLE = ["--web.enable-lifecycle"]
# Seconds of work that need little memory.
SLOW_QUERY = "quantile_over_time(0.5, vector(time())[1d:1s])"


def entries(path: pathlib.Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class QueryLog(unittest.TestCase):
    def test_it_holds_every_query_and_is_opened_anew_by_a_reload(self):
        with Narthex(config="global:\n  query_log_file: queries.log\n", args=LIFECYCLE) as server:
            log = server.directory / "queries.log"
            server.query("1 + 1")
            server.query_range("vector(1)", 1700000000, 1700000060, 30)
            with self.assertRaises(ApiError):
                server.query("sum(")
            first, second = entries(log)
            self.assertEqual(first["msg"], "promql query logged")
            self.assertEqual(first["params"]["query"], "1 + 1")
            self.assertEqual(first["params"]["step"], 0)
            self.assertEqual(first["httpRequest"], {"clientIP": "127.0.0.1", "method": "GET", "path": "/api/v1/query"})
            self.assertEqual(second["params"], {"query": "vector(1)", "start": "2023-11-14T22:13:20.000Z",
                                                "end": "2023-11-14T22:14:20.000Z", "step": 30})
            self.assertGreater(second["stats"]["timings"]["execTotalTime"], 0)
            self.assertEqual(server.metric("prometheus_engine_query_log_enabled"), 1)

            log.rename(server.directory / "rotated.log")
            server.query("2")
            self.assertEqual(server.reload().status, 200)
            server.query("3")
            self.assertEqual([e["params"]["query"] for e in entries(server.directory / "rotated.log")], ["1 + 1", "vector(1)", "2"])
            self.assertEqual([e["params"]["query"] for e in entries(log)], ["3"])

            server.write_config("global: {}\n")
            self.assertEqual(server.reload().status, 200)
            server.query("4")
            self.assertEqual(len(entries(log)), 1)

    def test_a_log_that_cannot_be_written_is_refused(self):
        with Narthex(config="", args=LIFECYCLE) as server:
            server.write_config("global:\n  query_log_file: no/such/folder/q.log\n")
            answer = server.reload()
            self.assertEqual(answer.status, 500)
            self.assertIn("no/such/folder/q.log", answer.text)
            server.query("1")


class ActiveQueries(unittest.TestCase):
    def test_a_killed_server_says_what_was_running(self):
        with Narthex(config="") as server:
            def ask():
                try:
                    server.query_range(SLOW_QUERY, 1700000000, 1700109990, 10)
                except (ApiError, OSError):
                    pass

            active = server.data_path / "queries.active"
            asking = threading.Thread(target=ask)
            asking.start()
            wait_until(lambda: b"quantile_over_time" in active.read_bytes(), 20, "the query is not in the file")
            server.kill()
            asking.join()
            server.start()
            self.assertIn("These queries were running when the server last went down", server.log)
            self.assertIn("quantile_over_time", server.log)

    def test_a_client_that_goes_away_ends_its_query(self):
        with Narthex(config="") as server:
            active = server.data_path / "queries.active"
            with self.assertRaises(OSError):
                server.get("/api/v1/query_range", {"query": SLOW_QUERY, "start": 1700000000, "end": 1700109990, "step": 10}, timeout=0.5)
            began = time.monotonic()
            wait_until(lambda: b"quantile_over_time" not in active.read_bytes(), 10, "the query goes on")
            self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    unittest.main()
