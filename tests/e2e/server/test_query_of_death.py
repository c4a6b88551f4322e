"""Questions that would kill a server: each gets an answer or a clear error inside the memory budget, and others go on."""

import concurrent.futures
import pathlib
import unittest

from tests.e2e.lib.narthex_e2e import FakeTarget, Narthex, scrape_config

SERIES = 200_000
SMALL = 2_000
BUDGET_MIB = 1024


def nested(call: str, times: int) -> str:
    """`call` around itself: its {} is what stands inside."""
    expression = "small"
    for _ in range(times):
        expression = call.replace("{}", expression)
    return expression


EVERYTHING = '{__name__=~".+"}'
DOUBLED = nested('label_replace({}, "i", "$1$1", "i", "(.*)")', 30)
JOINED = nested('label_join({}, "i", "-", "i", "i")', 30)
# Beside each: words of the error, or None if it may be answered.
QUESTIONS = {
    "parentheses": ("(" * 100_000 + "1" + ")" * 100_000, "parse error"),
    "a megabyte": ("small" + " or small" * 120_000, "nested too deeply"),
    "a megabyte of a label": ('small{i="' + "x" * 1_000_000 + '"}', None),
    "alternatives": ('count(small{i=~"' + "|".join(f"v{n}" for n in range(10_000)) + '"})', None),
    "Unicode classes": ('count(small{i=~"' + r"\\pL{1,3}" * 200 + '"})', None),
    "label_replace": (DOUBLED, "memory"),
    "label_join": (JOINED, "memory"),
    "everything of a day": (EVERYTHING + "[1d]", None),
    "everything by everything": (f"count({EVERYTHING} * on (job) group_left () {EVERYTHING})", "many-to-many"),
    "a product": ("count(wide + on (job) group_right () wide)", "many-to-many"),
    "a subquery of steps": (f"sum_over_time({EVERYTHING}[1d:1ms])", None),
    "names as values": (f'count_values("v", {EVERYTHING})', None),
    "sorted": ("sort_by_label(wide, \"i\")", None),
    "a list of all": (EVERYTHING, None),
}


class QueriesOfDeath(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        body = "".join(f'wide{{i="{n}"}} {n}\n' for n in range(SERIES)) + "".join(f'small{{i="v{n}"}} {n}\n' for n in range(SMALL))
        cls.target = FakeTarget(body)
        cls.addClassCleanup(cls.target.close)
        cls.server = Narthex(scrape_config(cls.target.address, job="j", interval="10s"),
                             args=[f"--storage.memory-budget={BUDGET_MIB}MiB"])
        cls.addClassCleanup(cls.server.close)
        cls.server.start()
        cls.server.wait_for_vector("small == 0")

    def highest_mib(self) -> int:
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return next(int(line.split()[1]) >> 10 for line in status.splitlines() if line.startswith("VmHWM:"))

    def ask(self, name: str):
        expression, words = QUESTIONS[name]
        answer = self.server.post_form("/api/v1/query", {"query": expression})
        with self.subTest(name):
            if answer.status == 200 and words is None:
                return
            self.assertIn(answer.status, (400, 422), answer.text[:300])
            error = answer.json()
            self.assertIn(words or "query", error["error"])
            self.assertLess(len(error["error"]), 100_000)

    def test_each_alone_and_all_at_once(self):
        for name in QUESTIONS:
            self.ask(name)
            self.assertEqual(self.server.query("1 + 1")[1], "2", name)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(self.ask, name) for name in QUESTIONS]
            while not all(one.done() for one in asked):
                self.assertEqual(self.server.vector("count(small)"), {"{}": SMALL})
            for one in asked:
                one.result()
        self.assertIsNone(self.server.process.poll())
        self.assertLess(self.highest_mib(), BUDGET_MIB * 1.3)
        self.assertEqual(self.server.vector("count(wide)"), {"{}": SERIES})

    def test_points_of_a_range(self):
        for step, words in {"0": "zero or negative", "-1": "zero or negative", "1e-9": "step"}.items():
            answer = self.server.get("/api/v1/query_range", {"query": "wide", "start": "0", "end": "10", "step": step})
            self.assertEqual(answer.status, 400, step)
            self.assertIn(words, answer.json()["error"])
        points = {"query": "vector(1)", "start": "0", "step": "1"}
        self.assertEqual(self.server.get("/api/v1/query_range", points | {"end": "11000"}).status, 200)
        answer = self.server.get("/api/v1/query_range", points | {"end": "11001"})
        self.assertEqual(answer.status, 400)
        self.assertIn("11,000 points", answer.json()["error"])


if __name__ == "__main__":
    unittest.main()
