"""promtool as people run it against a server: `query` and `check`, of every release at hand. What it prints about the server under test
is what it prints about a real Prometheus with the same samples."""

import math
import os
import re
import shutil
import subprocess
import time
import unittest

from tests.e2e.lib import remote_write
from tests.e2e.lib.cluster import SECONDS, Cluster
from tests.e2e.lib.same_answers import SameAnswers

LINT_FOUND = 3  # promtool's exit code for remarks on style, which Prometheus' own metrics earn too.
NUMBER = re.compile(r"\d+\.\d{9,}")


def promtools() -> list[str]:
    """$PROMTOOL_BIN (several, separated as in PATH) and the one in PATH."""
    named = [*os.environ.get("PROMTOOL_BIN", "").split(os.pathsep), shutil.which("promtool") or ""]
    return list(dict.fromkeys(path for path in named if path and os.access(path, os.X_OK)))


class Promtool(SameAnswers):
    @classmethod
    def setUpClass(cls):
        cls.tools = promtools()
        if not cls.tools:
            raise unittest.SkipTest("promtool is not installed (or set PROMTOOL_BIN)")
        cls.start_pair(args=["--web.enable-remote-write-receiver", "--enable-feature=native-histograms"])
        cls.cluster = Cluster(int(time.time()) - SECONDS)
        histograms = [remote_write.histogram((cls.cluster.end - 600 + 30 * i) * 1000, [i, 2 * i, i], 1.5 * i) for i in range(1, 20)]
        for each in (cls.peer, cls.server):
            cls.cluster.write(each)
            remote_write.write_encoded(each, [remote_write.histogram_series({"__name__": "native_seconds", "job": "x"}, histograms)])

    def run_tool(self, tool: str, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess:
        done = subprocess.run([tool, *args], input=stdin, capture_output=True, text=True, timeout=60)
        if re.search(r"unknown (long|short) flag|expected command but got", done.stderr):
            self.skipTest(f"{tool} does not know {' '.join(args[:2])}")
        return done

    def assert_close(self, ours: list[str], theirs: list[str]) -> None:
        """Line by line, but for the last digit of a number."""
        self.assertEqual([NUMBER.sub("N", line) for line in ours], [NUMBER.sub("N", line) for line in theirs])
        for mine, reference in zip(ours, theirs):
            for a, b in zip(NUMBER.findall(mine), NUMBER.findall(reference)):
                self.assertTrue(a == b or math.isclose(float(a), float(b), rel_tol=1e-12), f"{mine} | {reference}")

    def same(self, *args: str, in_order: bool = True) -> list[str]:
        """The lines that every promtool prints, which must be those about Prometheus; SERVER stands for the URL."""
        lines: list[str] = []
        for tool in self.tools:
            with self.subTest(tool=tool, args=args):
                def printed(server):
                    asked = [a.replace("SERVER", server.url) for a in args]
                    done = self.run_tool(tool, *asked)
                    out = (done.stdout + done.stderr).replace(server.url, "SERVER").replace(server.address, "SERVER")
                    return done.returncode, out.splitlines() if in_order else sorted(out.splitlines())
                ours, theirs = printed(self.server), printed(self.peer)
                self.assertEqual(ours[0], theirs[0], ours[1])
                self.assert_close(ours[1], theirs[1])
                lines = ours[1]
        return lines

    def test_query_instant(self):
        at = str(self.cluster.end - 60)
        for expression in ("sum by (mode) (rate(node_cpu_seconds_total[5m]))", "up", "histogram_quantile(0.5, native_seconds)", "native_seconds",
                           "sum(native_seconds) / 2", "1 + 1", '"text"', "kubelet_node_name[2m]", "up + nonsense("):
            for more in ([], ["--format=json"]):
                self.assertTrue(self.same("query", "instant", f"--time={at}", *more, "SERVER", expression, in_order=False))
        self.same("query", "instant", "--time=" + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.cluster.end)), "SERVER", "node_load1")

    def test_query_range(self):
        window = [f"--start={self.cluster.end - 900}", f"--end={self.cluster.end}"]
        for expression in ("node_load1", "rate(node_context_switches_total[5m])", "native_seconds", "vector(1)", "up[5m]", "sum(", "1"):
            for more in ([], ["--step=1m"], ["--step=30s", "--format=json"], ["--header=X-Scope-OrgID=a", "--step=5m"]):
                self.assertTrue(self.same("query", "range", *window, *more, "SERVER", expression))
        self.assertTrue(self.same("query", "range", f"--start={self.cluster.end}", f"--end={self.cluster.start}", "SERVER", "up"))
        self.same("query", "range", f"--start={self.cluster.start}", f"--end={self.cluster.end}", "--step=1ms", "SERVER", "up")

    def test_query_series(self):
        window = [f"--start={self.cluster.start}", f"--end={self.cluster.end}"]
        self.assertGreater(len(self.same("query", "series", "--match=up", "--match={__name__=~'node_load.*'}", *window, "SERVER", in_order=False)), 9)
        for match in ("{}", "up{", "nothing_there", '{job=~".+",cpu="1"}'):
            self.same("query", "series", "--match=" + match, *window, "SERVER", in_order=False)

    def test_query_labels(self):
        window = [f"--start={self.cluster.start}", f"--end={self.cluster.end}"]
        for name in ("job", "__name__", "nothing", "mode"):
            self.same("query", "labels", *window, "SERVER", name)
        self.assertEqual(self.same("query", "labels", "--match=kube_pod_info", "--match=up", *window, "SERVER", "job"), ["kube-state-metrics", "node-exporter"])

    def test_query_analyze(self):
        for match in ("native_seconds", "apiserver_request_duration_seconds_bucket", "nothing_there"):
            self.same("query", "analyze", "--server=SERVER", "--type=histogram", f"--match={match}", f"--time={self.cluster.end}", "--duration=30m", in_order=False)

    def test_check_healthy_and_ready(self):
        for what in ("healthy", "ready"):
            self.assertIn("SUCCESS", " ".join(self.same("check", what, "--url=SERVER")))

    def test_check_metrics(self):
        """No error, and no remark that Prometheus does not earn for a metric of the same name."""
        for tool in self.tools:
            with self.subTest(tool=tool):
                ours, theirs = (self.run_tool(tool, "check", "metrics", "--extended", stdin=each.get("/metrics").text) for each in (self.server, self.peer))
                self.assertIn(ours.returncode, (0, LINT_FOUND), ours.stderr)
                self.assertEqual(set(ours.stderr.splitlines()) - set(theirs.stderr.splitlines()), set())

    def test_push_and_debug_are_refused_alike(self):
        """What Go programs alone have: profiles. The tool says that they are missing and ends."""
        for tool in self.tools:
            with self.subTest(tool=tool):
                done = subprocess.run([tool, "debug", "metrics", self.server.url], cwd=self.server.directory, capture_output=True, text=True, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
