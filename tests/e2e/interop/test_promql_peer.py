"""Hundreds of generated queries over the same samples, asked of a real Prometheus and of the server under test."""

import math
import os
import random
import re
import struct
import unittest

from tests.e2e.lib.narthex_e2e import ApiError, Narthex, Prometheus, series_text
from tests.e2e.lib import remote_write

QUERY_COUNT = int(os.environ.get("NARTHEX_LIVE_QUERIES", "400"))
T0 = 1_700_000_000
STEP_SECONDS = 15
SAMPLES = 240  # An hour.
RECEIVER = ["--web.enable-remote-write-receiver", "--enable-feature=promql-experimental-functions,promql-per-step-stats"]
STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]


def history(rng: random.Random) -> list[tuple[dict[str, str], list[tuple[int, float]]]]:
    """Counters with resets, gauges, gaps, stale markers, special values, and the buckets of histograms."""
    out = []

    def add(name, labels, value_at):
        samples = []
        for i in range(SAMPLES):
            value = value_at(i)
            if value is not None:
                samples.append(((T0 + i * STEP_SECONDS) * 1000 + rng.randrange(3) * 1000 + rng.randrange(1, 1000), value))
        out.append(({"__name__": name, **labels}, samples))

    for job in ("api", "db"):
        for instance in ("a:1", "b:1", "c:1"):
            labels = {"job": job, "instance": instance}
            total, reset_at = 0.0, rng.randrange(40, 200)

            def counter(i):
                nonlocal total
                total = rng.random() if i == reset_at else total + rng.randrange(0, 5) * rng.choice((1, 0.25))
                return None if rng.random() < 0.03 else total
            for code in ("200", "500"):
                total = 0.0
                add("requests_total", {**labels, "code": code}, counter)
            gap = rng.randrange(20, 200)
            add("temperature", labels, lambda i: None if gap <= i < gap + 30 else 20 + math.sin(i / 9) * 5 + rng.random())
            add("queue_length", labels, lambda i: STALE if i % 97 == 50 else float(rng.randrange(0, 4)))
            add("info", {**labels, "version": rng.choice(("1.0", "2.0"))}, lambda i: 1.0)
            raw = [[0] * SAMPLES for _ in range(5)]
            running = [0] * 5
            for i in range(SAMPLES):
                for _ in range(rng.randrange(0, 6)):
                    landing = rng.randrange(0, 5)
                    for k in range(landing, 5):
                        running[k] += 1
                for k in range(5):
                    raw[k][i] = running[k]
            for k, le in enumerate(("0.1", "0.5", "1", "5", "+Inf")):
                add("latency_seconds_bucket", {**labels, "le": le}, lambda i, k=k: float(raw[k][i]))
    special = (0.0, -0.0, math.inf, -math.inf, math.nan, 1e308, -1e308, 1e-300, 1.5)
    add("special", {"kind": "cycle"}, lambda i: special[i % len(special)])
    add("special", {"kind": "finite"}, lambda i: (i % 13) * 1e15 + 0.1)
    return out


class Generator:
    """Expressions with types; what may depend on the order of equal values is left out."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def pick(self, *choices):
        return self.rng.choice(choices)

    def duration(self):
        return self.pick("1m", "2m", "5m", "10m", "45s", "1m30s", "20m")

    def matchers(self):
        return self.pick("", "", '{job="api"}', '{job!="api"}', '{instance=~"a.*|b:1"}', '{instance!~"c.+"}', '{job=~".*",instance="b:1"}')

    def modifiers(self):
        return self.pick("", "", "", "", f" offset {self.duration()}", f" offset -{self.duration()}", f" @ {T0 + 1800}", " @ end()", " @ start()")

    def selector(self):
        return self.pick("requests_total", "temperature", "queue_length", "info", "latency_seconds_bucket", "special") + self.matchers() + self.modifiers()

    def range_selector(self):
        name = self.pick("requests_total", "temperature", "queue_length", "latency_seconds_bucket", "special")
        if self.rng.random() < 0.2:
            return f"({self.vector(1)})[{self.pick('10m', '20m')}:{self.pick('30s', '1m', '', '90s')}]{self.modifiers()}"
        return f"{name}{self.matchers()}[{self.duration()}]{self.modifiers()}"

    def range_function(self):
        function = self.pick("rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets", "avg_over_time", "sum_over_time",
                             "min_over_time", "max_over_time", "count_over_time", "last_over_time", "stddev_over_time", "stdvar_over_time",
                             "present_over_time", "absent_over_time", "mad_over_time")
        if self.rng.random() < 0.12:
            return f"quantile_over_time({self.pick('0.5', '0.9', '-1', '2', '0')}, {self.range_selector()})"
        if self.rng.random() < 0.08:
            return f"predict_linear({self.range_selector()}, {self.pick('60', '3600', '-30')})"
        if self.rng.random() < 0.05:
            return f"double_exponential_smoothing({self.range_selector()}, 0.5, 0.3)"
        return f"{function}({self.range_selector()})"

    def grouping(self):
        return self.pick("", " by (job)", " by (job, instance)", " without (instance)", " by (le)", " without (code, le)", " by (nothing)")

    def aggregation(self, depth):
        operator = self.pick("sum", "avg", "min", "max", "count", "stddev", "stdvar", "group")
        if self.rng.random() < 0.1:
            return f"quantile{self.grouping()} ({self.pick('0.5', '0.95', '1.1')}, {self.vector(depth - 1)})"
        if self.rng.random() < 0.06:
            return f'count_values{self.grouping()} ("value", {self.vector(depth - 1)})'
        return f"{operator}{self.grouping()} ({self.vector(depth - 1)})"

    def function(self, depth):
        simple = self.pick("abs", "ceil", "floor", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos", "atan", "timestamp", "absent",
                           "deg", "rad", "round")
        if self.rng.random() < 0.05:  # Of samples as they are: the last digit of a huge sum is the hour.
            return f'{self.pick("hour", "minute", "day_of_week", "days_in_month")}({self.selector()})'
        roll = self.rng.random()
        if roll < 0.1:
            return f"clamp({self.vector(depth - 1)}, {self.pick('0', '-1', '5')}, {self.pick('10', '1', '1e3')})"
        if roll < 0.2:
            return f'label_replace({self.vector(depth - 1)}, "{self.pick("job", "new")}", "$1-x", "instance", "(.*):.*")'
        if roll < 0.27:
            return f'label_join({self.vector(depth - 1)}, "new", "/", "job", "instance")'
        if roll < 0.37:
            return f"histogram_quantile({self.pick('0.5', '0.99', '0', '1')}, sum by (le{self.pick('', ', job')}) (rate(latency_seconds_bucket[{self.pick('2m', '5m')}])))"
        if roll < 0.42:
            return f"vector({self.scalar(depth - 1)})"
        return f"{simple}({self.vector(depth - 1)})"

    def binary(self, depth):
        operator = self.pick("+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "atan2")
        boolean = " bool" if operator in ("==", "!=", ">", "<", ">=", "<=") and self.rng.random() < 0.5 else ""
        roll = self.rng.random()
        if roll < 0.3:
            return f"({self.vector(depth - 1)}) {operator}{boolean} {self.scalar(0)}"
        if roll < 0.45:
            return f"{self.scalar(0)} {operator}{boolean} ({self.vector(depth - 1)})"
        if roll < 0.6:
            return f"({self.vector(depth - 1)}) {self.pick('and', 'or', 'unless')}{self.pick('', ' on (job)', ' ignoring (code, le, version)')} ({self.vector(depth - 1)})"
        if roll < 0.75:
            return f"requests_total{self.modifiers()} {operator}{boolean} on (job, instance) {self.pick('group_left', 'group_left (version)')} info"
        if roll < 0.85:
            return f"sum by (job, instance) ({self.vector(depth - 1)}) {operator}{boolean} sum by (job, instance) ({self.vector(depth - 1)})"
        return f"({self.vector(depth - 1)}) {operator}{boolean} ({self.vector(depth - 1)})"

    def scalar(self, depth):
        if depth > 0 and self.rng.random() < 0.3:
            return f"scalar(sum({self.vector(depth - 1)}))"
        return self.pick("1", "2.5", "-3", "0", "Inf", "NaN", "1e3", "time()", "pi()")

    def vector(self, depth):
        if depth <= 0:
            return self.pick(self.selector, self.selector, self.range_function)()
        choice = self.pick("select", "range", "range", "aggregate", "aggregate", "function", "binary", "unary")
        return {"select": self.selector, "range": self.range_function, "aggregate": lambda: self.aggregation(depth),
                "function": lambda: self.function(depth), "binary": lambda: self.binary(depth),
                "unary": lambda: f"-({self.vector(depth - 1)})"}[choice]()


# What releases of Prometheus before 3.0 do otherwise (docs/promql.md, "Differences between versions").
BEFORE_3 = re.compile(
    r"mad_over_time|double_exponential_smoothing"  # Not there, or under another name.
    r"|atan2"  # Kept the name of the series.
    r"|\[[^\]]*:[^\]]*\]"  # A window had a point more where one lies on its left edge, as the points of subqueries do.
    r"|predict_linear\([^()]*@"  # Counted from the step and not from the time of @.
    r"|(stddev|stdvar)"  # Started from 0 and hid NaN and infinities.
    r"|(rate|increase|delta)\("  # Extrapolated further past the first and last samples beside a gap.
    r"|deriv|round|special")  # Last digits; infinities as times.
# What every release up to 3.5 does otherwise.
EVERY = re.compile(
    r"mad_over_time\([^\[]*special"  # A NaN among the samples was left out; now it makes the result NaN.
    r"|\[[^\]]*:[^\]]*\].*@.*\[[^\]]*:[^\]]*\]")  # A subquery with @ inside a subquery lost its points.


def accepted(expression: str, peer_major: int) -> bool:
    """A difference that the version of Prometheus explains."""
    return EVERY.search(expression) is not None or peer_major < 3 and BEFORE_3.search(expression) is not None


def close(a: float, b: float) -> bool:
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    return a == b or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)


def ask(server, path: str, params: dict) -> tuple[str, object]:
    answer = server.get(f"/api/v1/{path}", params, timeout=60).json()
    if answer["status"] != "success":
        return "error", answer["errorType"]
    return "success", answer["data"]


def table(data) -> dict:
    if data["resultType"] in ("scalar", "string"):
        return {"": {data["value" if "value" in data else "result"][0]: data["result"][1]}}
    return {series_text(s["metric"]): {float(t): float(v) for t, v in (s["values"] if "values" in s else [s["value"]])} for s in data["result"]}


class LiveComparison(unittest.TestCase):
    def compare(self, expression: str, path: str, params: dict, peer, server) -> str | None:
        reference, ours = ask(peer, path, params), ask(server, path, params)
        if reference[0] != ours[0]:
            return f"{ours[0]} here, {reference[0]} there ({ours[1] if ours[0] == 'error' else reference[1]})"
        if reference[0] == "error":
            return None if reference[1] == ours[1] else f"error {ours[1]} here, {reference[1]} there"
        a, b = table(ours[1]), table(reference[1])
        if sorted(a) != sorted(b):
            return f"series only here {sorted(set(a) - set(b))[:2]}, only there {sorted(set(b) - set(a))[:2]}"
        for name, points in b.items():
            if sorted(a[name]) != sorted(points):
                return f"{name}: other times: {len(a[name])} here, {len(points)} there"
            for at, value in points.items():
                if not close(float(a[name][at]), float(value)):
                    return f"{name} at {at}: {a[name][at]} here, {value} there"
        return None

    def test_generated_queries_agree(self):
        seed = int(os.environ.get("NARTHEX_SEED", "20240229"))
        rng = random.Random(seed)
        samples = history(rng)
        generator = Generator(rng)
        differences, asked, empty = [], 0, 0
        with Prometheus("", args=RECEIVER) as peer, Narthex("", args=RECEIVER) as server:
            for each in (peer, server):
                remote_write.write(each, samples)
            major = int(peer.api("status/buildinfo")["version"].split(".")[0])
            while asked < QUERY_COUNT:
                expression = generator.vector(rng.randrange(0, 4))
                if accepted(expression, major):
                    continue
                asked += 1
                at = T0 + rng.randrange(600, SAMPLES * STEP_SECONDS)
                for path, params in (("query", {"query": expression, "time": at}),
                                     ("query_range", {"query": expression, "start": T0 + 300, "end": T0 + SAMPLES * STEP_SECONDS,
                                                      "step": rng.choice((15, 60, 77, 300))})):
                    difference = self.compare(expression, path, params, peer, server)
                    if difference:
                        differences.append(f"{path} {expression} {params}: {difference}")
                kind, data = ask(server, "query", {"query": expression, "time": at})
                empty += kind == "error" or not data["result"]
        self.assertEqual(len(differences), 0, f"seed {seed}:\n" + "\n".join(differences))
        # Most of them say something.
        self.assertLess(empty, QUERY_COUNT / 2)

    # Not among them: joins, where what cannot match is not looked at, and limitk, which stops when it has enough.
    COUNTED = ("temperature", "temperature @ 1700001800", 'requests_total{job="api"} offset 10m', "rate(requests_total[5m])",
               "sum(rate(requests_total[5m]))", "absent_over_time(temperature[1m])", "absent(nope)", "topk(2, temperature)",
               "temperature[5m]", "temperature[5m:30s]", "sum_over_time(temperature[5m] @ 1700001800)",
               "max_over_time(temperature[5m:15s])", "max_over_time(sum(rate(requests_total[1m]))[5m:30s])",
               "max_over_time((temperature @ 1700001800)[5m:15s])", "count_over_time(temperature[5m:15s] @ 1700001800)",
               "max_over_time(max_over_time(temperature[1m:15s])[5m:1m])", "timestamp(temperature)", "predict_linear(temperature[5m], 60)",
               "histogram_quantile(0.9, sum by (le) (rate(latency_seconds_bucket[5m])))", "temperature + temperature",
               'scalar(temperature{job="api",instance="a:1"})', "vector(1)", "time()", "sort(temperature)")

    def test_counts_of_samples_agree(self):
        samples = history(random.Random(7))

        def counts(server, path, params):
            of_query = server.api(path, params | {"stats": "all"})["stats"]["samples"]
            return of_query["totalQueryableSamples"], of_query["totalQueryableSamplesPerStep"]

        with Prometheus("", args=RECEIVER) as peer, Narthex("", args=RECEIVER) as server:
            for each in (peer, server):
                remote_write.write(each, samples)
            for expression in self.COUNTED:
                questions = [("query", {"query": expression, "time": T0 + 2000})]
                if not expression.endswith("]"):
                    questions.append(("query_range", {"query": expression, "start": T0 + 1500, "end": T0 + 2100, "step": 60}))
                for path, params in questions:
                    with self.subTest(path=path, query=expression):
                        self.assertEqual(counts(server, path, params), counts(peer, path, params))


if __name__ == "__main__":
    unittest.main()
