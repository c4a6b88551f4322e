"""The requests of Grafana's Prometheus data source, in its shapes: methods, forms, headers and parameters. A real Prometheus with the same
samples answers the same."""

import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.cluster import SECONDS, Cluster
from tests.e2e.lib.narthex_e2e import FakeTarget, wait_until
from tests.e2e.lib.same_answers import SameAnswers

# What its back end sends along: identity, tracing and the names of what was being looked at.
HEADERS = {"User-Agent": "Grafana/11.2.0", "Accept-Encoding": "identity", "X-Dashboard-Uid": "abc", "X-Panel-Id": "7", "X-Datasource-Uid": "ds",
           "X-Grafana-Org-Id": "1", "X-Grafana-Referer": "http://grafana/d/abc?orgId=1", "X-Grafana-From-Expr": "false",
           "Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
# What the browser adds where it asks by itself, without the back end.
BROWSER = {"Origin": "http://grafana.example:3000", "Accept": "application/json, text/plain, */*", "Accept-Encoding": "identity",
           "Referer": "http://grafana.example:3000/", "Sec-Fetch-Mode": "cors"}
EXEMPLARS = ("# HELP requests Requests by \"code\" <all>.\n# TYPE requests counter\n"
             'requests_total{code="200"} 5 # {trace_id="a<b",span="ä"} 0.5 AT\n'
             "# HELP duration_seconds Time taken.\n# TYPE duration_seconds histogram\n# UNIT duration_seconds seconds\n"
             'duration_seconds_bucket{le="0.1"} 1 # {trace_id="t1"} 0.05 AT\nduration_seconds_bucket{le="+Inf"} 2 # {trace_id="t2"} 7 AT\n'
             "duration_seconds_sum 7.05\nduration_seconds_count 2\n# HELP state What it does.\n# TYPE state gauge\nstate 1\n# EOF\n")


class Explored(SameAnswers):
    """Queries and look-ups over two hours of history."""

    @classmethod
    def setUpClass(cls):
        cls.start_pair(args=["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
        cls.cluster = Cluster(int(time.time()) - SECONDS)
        cls.window = {"start": cls.cluster.start, "end": cls.cluster.end}
        odd = {"__name__": "odd", "job": "x", "http.status": "200", "path": "/a/<b>&\u2028\"q\\"}
        native = remote_write.histogram_series({"__name__": "native_seconds", "job": "x"}, [
            remote_write.histogram((cls.cluster.end - 600 + 30 * i) * 1000, [i, 2 * i, i], 1.5 * i) for i in range(1, 20)])
        for each in (cls.peer, cls.server):
            cls.cluster.write(each)
            remote_write.write_encoded(each, [remote_write.time_series(odd, [((cls.cluster.end - 60) * 1000, 1.0)]), native])

    def ask(self, method: str, path: str, params: dict, **more):
        return self.assert_same(method, "/api/v1/" + path, params, HEADERS, **more)

    def test_health_check(self):
        """"Save & test" asks for 1+1 and then for the version, by which Grafana chooses what it offers."""
        for method in ("POST", "GET"):
            self.ask(method, "query", {"query": "1+1", "time": self.cluster.end})
        # A sum at the edge of the range that the time picker has: milliseconds as fractions.
        self.ask("POST", "query", {"query": "1+1", "time": "1693994400.123"})
        for each in (self.server, self.peer):
            info = each.api("status/buildinfo")
            self.assertRegex(info["version"], r"^\d+\.\d+\.\d+")
            self.assertLessEqual({"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}, info.keys())

    def test_graphs(self):
        """The step as seconds, as a duration and as a fraction; the edges aligned to it or not; with what users add to the URL."""
        expressions = ("node_load1", "sum by (mode) (rate(node_cpu_seconds_total[2m0s]))", "native_seconds", "sum(native_seconds)", "odd", "nothing_there",
                       "histogram_quantile(0.9, sum by (le) (rate(apiserver_request_duration_seconds_bucket[5m0s])))", "1", "up[5m]", "up{", '"text"')
        for expression in expressions:
            for step in ("15", "30", "60.5", "1m", "1h30m", "0.5", 300.0):
                start = self.cluster.end - (60 if step == "0.5" else 3600)
                for method in ("POST", "GET"):
                    self.ask(method, "query_range", {"query": expression, "start": f"{start}.25", "end": self.cluster.end, "step": step})
        # Parameters of the data source's settings go into the URL, the others into the body: those of the body count.
        body = {"query": "node_load1", "start": self.cluster.end - 600, "end": self.cluster.end, "step": "30"}
        self.ask("POST", "query_range?timeout=60s&max_source_resolution=5m&step=1&query=up&dedup=true", body)
        for start, end, step in (("2023-09-06T10:00:00Z", "2023-09-06T11:00:00.5+02:00", "30"), ("1e9", "1.0000005e9", "1e2"), ("10", "5", "1"), ("", "5", "1"),
                                 ("1", "2", "0"), ("1", "2", "-5"), ("1", "2", "x"), ("1", "2", ""), ("0", "11000", "1"), ("0", "11001", "1"), ("0", "1e18", "1"),
                                 ("1", "2", "1e300")):
            self.ask("POST", "query_range", {"query": "up", "start": start, "end": end, "step": step})

    def test_tables_and_stats(self):
        for expression in ("up", "topk(3, node_load1)", "native_seconds", "odd", "scalar(sum(up))", '"<&>"', "1e300", "kubelet_node_name[3m]", "sum(", "up or", ""):
            for more in ({}, {"limit": 2}, {"timeout": "10s"}, {"lookback_delta": "1m"}):
                self.ask("POST", "query", {"query": expression, "time": self.cluster.end - 30, **more})
        for time_text in ("2023-09-06T10:00:00.123456789Z", "1693994400", "1693994400.5", "-1", "x", "1e400"):
            self.ask("POST", "query", {"query": "vector(1)", "time": time_text})

    def test_label_names(self):
        for method in ("POST", "GET"):
            for params in (self.window, {**self.window, "match[]": 'node_cpu_seconds_total{mode="idle"}'}, {**self.window, "match[]": ["up", "odd"]},
                           {**self.window, "limit": 3}, {"start": 5, "end": 6}, {"match[]": "{}"}, {"match[]": "up{"}, {"limit": "x"}, {"limit": -1}, {"start": "x"}, {}):
                self.ask(method, "labels", params)

    def test_label_values(self):
        for name in ("job", "__name__", "mode", "nothing", "le", "U__http_2e_status", "http.status", "http%2Estatus", "U__x__", "path", "0", "-"):
            for params in (self.window, {**self.window, "match[]": "up"}, {**self.window, "match[]": ['{job="x"}', "node_load1"]}, {**self.window, "limit": 1000},
                           {**self.window, "match[]": "{"}, {**self.window, "match[]": '{job=~".*"}'}):
                self.ask("GET", f"label/{name}/values", params)
        # Some releases tried the form first and took the refusal as a hint.
        self.ask("POST", "label/job/values", self.window)

    def test_series(self):
        for method in ("POST", "GET"):
            for match in ("up", ["up", 'node_load1{instance="10.0.0.1:9100"}'], '{__name__=~"node_mem.*",job!="x"}', "odd", "nothing_there", "{}", "up{", "up[5m]", []):
                self.series(method, {**self.window, "match[]": match})
            self.series(method, {**self.window, "match[]": "up", "start": "x"})
        answer = self.server.post_form("/api/v1/series", {**self.window, "match[]": "node_cpu_seconds_total", "limit": 5}).json()
        self.assertEqual((len(answer["data"]), answer["warnings"]), (5, ["results truncated due to limit"]))

    def series(self, method: str, params: dict) -> None:
        """One selector's series come in any order."""
        ours, theirs = ((each.get if method == "GET" else each.post_form)("/api/v1/series", params) for each in (self.server, self.peer))
        self.assertEqual(ours.status, theirs.status, params)
        mine, reference = ours.json(), theirs.json()
        for content in (mine, reference):
            content.get("data", []).sort(key=lambda labels: sorted(labels.items()))
        self.assertEqual(mine, reference, params)

    def test_query_builder(self):
        for query in ("sum(rate(up[5m])) by (job)", "up{a='b'}  +  1", "up[", "x offset -5m", ""):
            for method in ("POST", "GET"):
                self.ask(method, "format_query", {"query": query})
        self.ask("GET", "format_query", {})

    def test_browser_access(self):
        for method, path, params in (("POST", "query", {"query": "up", "time": self.cluster.end}), ("GET", "labels", self.window), ("GET", "query", {"query": "up{"})):
            self.assert_same(method, "/api/v1/" + path, params, BROWSER)
        preflight = {**BROWSER, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-dashboard-uid"}
        for path in ("query", "query_range", "series", "label/job/values", "status/buildinfo"):
            self.assert_same("OPTIONS", "/api/v1/" + path, headers=preflight)

    def test_compressed_answers(self):
        for encoding in ("gzip", "gzip, deflate, br", "deflate", "br", "zstd", "gzip;q=0.5"):
            self.assert_same("POST", "/api/v1/query", {"query": "up", "time": self.cluster.end}, {**HEADERS, "Accept-Encoding": encoding})

    def test_what_other_servers_have_is_absent(self):
        """Grafana tries these to find out whether it talks to Mimir, Cortex or Thanos."""
        for path in ("/config/v1/rules", "/api/v1/status/buildinfo/x", "/prometheus/config/v1/rules", "/api/v1/user_limits", "/api/v1/nothing",
                     "/ruler/rules", "/api/v1/cardinality/label_names", "/api/v2/query"):
            self.assert_same("GET", path, headers=HEADERS)
        for method, path in (("PUT", "query"), ("DELETE", "query_range"), ("HEAD", "query"), ("POST", "metadata"), ("POST", "rules")):
            self.assert_same(method, "/api/v1/" + path, headers=HEADERS)

    def test_forms_that_are_none(self):
        """Wrong content types and broken escapes."""
        form = f"query=up&time={self.cluster.end}"
        for content_type in ("application/x-www-form-urlencoded; charset=UTF-8", "APPLICATION/X-WWW-FORM-URLENCODED", "application/json", "text/plain", "x/y; ="):
            self.assert_same("POST", "/api/v1/query", headers={**HEADERS, "Content-Type": content_type}, body=form)
        for body in ("query=%zz", "query=%2", "query=up;time=5", "query=up&&time=5&", "=&query=up&time=5", "query=up&query=odd&time=5", "QUERY=up"):
            ours, theirs = (each.request("POST", "/api/v1/query", body, {"Content-Type": "application/x-www-form-urlencoded"}) for each in (self.server, self.peer))
            self.assertEqual(ours.status, theirs.status, body)  # Which of them was broken is told in other words.


class Scraped(SameAnswers):
    """What comes of scrapes: exemplars, metadata, targets; and the lists of rules and alerts."""

    @classmethod
    def setUpClass(cls):
        cls.sent_at = int(time.time()) - 5
        cls.target = FakeTarget(EXEMPLARS.replace("AT", str(cls.sent_at)), "application/openmetrics-text; version=1.0.0; charset=utf-8")
        cls.addClassCleanup(cls.target.close)
        cls.start_pair(f"global:\n  scrape_interval: 250ms\n  scrape_timeout: 250ms\nscrape_configs:\n- job_name: app\n  static_configs:\n"
                       f"  - targets: ['{cls.target.address}']\n", ["--enable-feature=exemplar-storage"])
        for each in (cls.peer, cls.server):
            each.wait_for_vector("state")

    def ask(self, method: str, path: str, params: dict, **more):
        return self.assert_same(method, "/api/v1/" + path, params, HEADERS, **more)

    def test_exemplars(self):
        for method in ("POST", "GET"):
            for query in ("duration_seconds_bucket", "histogram_quantile(0.9, sum by (le) (rate(duration_seconds_bucket[5m])))", "requests_total", "state",
                          'rate(requests_total{code="200"}[1m]) + on () duration_seconds_count', "1", "requests_total{", ""):
                for window in ({"start": self.sent_at - 60, "end": self.sent_at + 60}, {"start": 1, "end": 2}, {"start": 2, "end": 1}, {}, {"start": "x"}):
                    self.ask(method, "query_exemplars", {"query": query, **window})
        self.assert_says_something(self.server.get("/api/v1/query_exemplars", {"query": "requests_total", "start": self.sent_at - 60, "end": self.sent_at + 60}))

    def test_metadata(self):
        for params in ({}, {"metric": "requests"}, {"metric": "requests_total"}, {"metric": "nothing"}, {"limit_per_metric": 1}, {"limit": 0}, {"limit": "x"}, {"limit_per_metric": "x"},
                       {"limit": 10000}):
            self.ask("GET", "metadata", params)
        self.assertEqual(len(self.server.api("metadata", {"limit": 1})), 1)

    def test_target_metadata(self):
        for params in ({"metric": "state"}, {"metric": "duration_seconds", "match_target": '{job="app"}'}, {"match_target": '{job="x"}', "metric": "state"}, {"match_target": "{"},
                       {"metric": "nothing"}):
            self.ask("GET", "targets/metadata", params)

    def test_rules_and_alerts(self):
        for params in ({}, {"type": "alert"}, {"type": "record"}, {"type": "x"}, {"rule_name[]": "a", "rule_group[]": "b", "file[]": "c"}, {"exclude_alerts": "true"},
                       {"exclude_alerts": "x"}, {"match[]": '{a="b"}'}, {"match[]": "{"}, {"group_limit": 5}, {"group_limit": "x"}, {"group_limit": "0"}, {"group_limit": "3000000000"}):
            self.ask("GET", "rules", params)
        self.ask("GET", "alerts", {})
        self.ask("GET", "alertmanagers", {})

    def test_targets(self):
        for params in ({"state": "active"}, {}, {"state": "dropped"}, {"state": "x"}, {"scrapePool": "app"}, {"scrapePool": "x"}):
            ours, theirs = (each.api("targets", params) for each in (self.server, self.peer))
            for content in (ours, theirs):
                for one in content["activeTargets"]:
                    for volatile in ("lastScrape", "lastScrapeDuration"):
                        self.assertIn(volatile, one)
                        del one[volatile]
            for mine, reference in zip(ours["activeTargets"], theirs["activeTargets"]):
                # Newer releases tell more about how they scrape, and so does this server.
                mine["discoveredLabels"] = {k: v for k, v in mine["discoveredLabels"].items() if k in reference["discoveredLabels"]}
            self.assertEqual(ours, theirs, params)


if __name__ == "__main__":
    unittest.main()
