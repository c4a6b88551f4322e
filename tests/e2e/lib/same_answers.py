"""A real Prometheus and the server under test hold the same samples and are asked the same requests; what they answer is
compared: status, type and the JSON to the last member, numbers within the rounding of sums."""

from __future__ import annotations

import json
import math
import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, Response

RELATIVE = 1e-9
COMPARED_HEADERS = ("content-type", "content-encoding", "access-control-allow-origin", "access-control-allow-headers",
                    "access-control-allow-methods", "access-control-expose-headers", "allow")


def number(value) -> float | None:
    """What the API writes as text in samples; None for a text that is no number."""
    if not isinstance(value, str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def close(a: float, b: float) -> bool:
    return a == b or math.isnan(a) and math.isnan(b) or math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-12)


def difference(ours, theirs, where: str = "") -> str | None:
    """The first place where two JSON values are not the same, as text."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        if ours.keys() != theirs.keys():
            return f"{where}: only here {sorted(ours.keys() - theirs.keys())}, only there {sorted(theirs.keys() - ours.keys())}"
        return next(filter(None, (difference(ours[k], theirs[k], f"{where}.{k}") for k in theirs)), None)
    if isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            return f"{where}: {len(ours)} here, {len(theirs)} there: {str(ours)[:200]} | {str(theirs)[:200]}"
        return next(filter(None, (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(ours, theirs)))), None)
    a, b = number(ours), number(theirs)
    if a is not None and b is not None:
        return None if close(a, b) else f"{where}: {ours} here, {theirs} there"
    return None if ours == theirs and type(ours) is type(theirs) else f"{where}: {ours!r} here, {theirs!r} there"


def in_one_order(content):
    """Instant vectors come in any order: sorted by their labels here."""
    data = content.get("data") if isinstance(content, dict) else None
    if isinstance(data, dict) and data.get("resultType") == "vector":
        data["result"].sort(key=lambda s: sorted(s["metric"].items()))
    return content


class SameAnswers(unittest.TestCase):
    """To be derived from, with `peer` and `server` set for the class."""

    peer: Prometheus
    server: Narthex

    @classmethod
    def start_pair(cls, config: str = "", args: list[str] | None = None) -> None:
        cls.peer, cls.server = Prometheus(config, args=args), Narthex(config, args=args)
        for each in (cls.peer, cls.server):
            cls.addClassCleanup(each.close)
            each.start()
        if cls.peer.version() < (3, 5):
            raise unittest.SkipTest(f"the answers of Prometheus {cls.peer.version()} are older than what is compared")

    def assert_same(self, method: str, path: str, params=None, headers: dict[str, str] | None = None, without=(), body=None) -> Response:
        """Asks both. `without` names members of the answer's data that cannot be the same. Gives our answer."""
        headers = dict(headers or {})
        encoded = urllib.parse.urlencode(params or {}, doseq=True)
        if method == "GET" and encoded:
            path += "?" + encoded
        elif method == "POST" and body is None:
            body = encoded
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        ours, theirs = (each.request(method, path, body=body, headers=headers) for each in (self.server, self.peer))
        asked = f"{method} {path} {encoded}"
        self.assertEqual(ours.status, theirs.status, f"{asked}: {ours.body[:500]} | {theirs.body[:500]}")
        for name in COMPARED_HEADERS:
            self.assertEqual(ours.headers.get(name), theirs.headers.get(name), f"{asked}: {name}")
        if "json" in theirs.headers.get("content-type", "") and "content-encoding" not in theirs.headers:
            mine, reference = (in_one_order(each.json()) for each in (ours, theirs))
            for content in (mine, reference):
                for member in without:
                    content.get("data", {}).pop(member, None)
            told = difference(mine, reference)
            self.assertIsNone(told, f"{asked}: {told}")
        elif "content-encoding" not in theirs.headers:
            self.assertEqual(ours.text, theirs.text, asked)
        return ours

    def assert_says_something(self, answer: Response) -> None:
        data = json.loads(answer.body)["data"]
        self.assertTrue(data["result"] if isinstance(data, dict) and "result" in data else data)
