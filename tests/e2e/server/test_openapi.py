"""The OpenAPI document against the server that serves it: every path and method answers, in the shape that is promised."""

import json
import re
import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import Narthex

try:
    import yaml
except ImportError:
    yaml = None

TYPES = {"object": dict, "array": list, "string": str, "integer": int}
# Good values by the name of a parameter.
GOOD = {"query": "up", "start": "0", "end": "100", "step": "10", "match[]": "up", "scrapePool": "self", "labels": "{}", "name": "job", "label": "job", "id": "1",
        "rules": "- action: drop", "queries": [{"id": "a", "expr": "up"}]}
METHODS = ("get", "post", "put", "delete")
# A stream of events, and a body that is no form: they have tests of their own.
ELSEWHERE = ("/write", "/notifications/live")
CONFIG = "scrape_configs:\n- job_name: self\n"


@unittest.skipIf(yaml is None, "PyYAML is not installed")
class OpenApi(unittest.TestCase):
    def setUp(self):
        self.server = Narthex(config=CONFIG, args=["--web.enable-admin-api", "--web.enable-remote-write-receiver",
                                                   "--enable-feature=search-api"])
        self.addCleanup(self.server.close)
        self.server.start()
        answer = self.server.get("/api/v1/openapi.yaml")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/yaml; charset=utf-8"))
        self.document = yaml.safe_load(answer.text)

    def operations(self):
        """Method, operation and URL of each, with its place holders filled."""
        for path, item in self.document["paths"].items():
            if path in ELSEWHERE:
                continue
            base = item.get("servers", self.document["servers"])[0]["url"]
            for method in METHODS:
                if method in item:
                    url = base + re.sub(r"\{(\w+)\}", lambda name: GOOD[name[1]], path)
                    with self.subTest(path=path, method=method):
                        yield method, item[method], url

    def send(self, url: str, method: str, operation: dict):
        """With every required parameter, and nothing else."""
        query = {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and parameter.get("required"):
                query[parameter["name"]] = GOOD[parameter["name"]]
        for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
            if content_type == "application/json":
                body = json.dumps({name: GOOD[name] for name in content["schema"]["required"]})
                return self.server.request(method.upper(), url, body=body, headers={"Content-Type": content_type})
            return self.server.post_form(url, {name: GOOD[name] for name in content["schema"].get("required", [])})
        return self.server.request(method.upper(), url + "?" + urllib.parse.urlencode(query))

    def test_every_operation_answers_as_promised(self):
        seen = 0
        for method, operation, url in self.operations():
            answer = self.send(url, method, operation)
            seen += 1
            if url.endswith("/queries/" + GOOD["id"]):
                self.assertEqual((answer.status, answer.json()["errorType"]), (404, "not_found"))
                continue
            promised = operation["responses"]
            self.assertIn(str(answer.status), promised, answer.text[:300])
            if answer.status == 200:
                content_type = answer.headers["content-type"]
                content = promised["200"]["content"][content_type]
                if content_type == "application/json":
                    data_type = content["schema"]["allOf"][1]["properties"]["data"]["type"]
                    self.assertIsInstance(answer.json()["data"], TYPES[data_type])
        self.assertGreater(seen, 30)

    def test_what_is_required_is_missed_and_other_methods_are_refused(self):
        error = self.document["components"]["schemas"]["Error"]["properties"]["errorType"]["enum"]
        listed_methods = {}
        for method, operation, url in self.operations():
            listed_methods.setdefault(url, set()).add(method)
            listed = [p["name"] for p in operation.get("parameters", []) if p.get("required") and p["in"] == "query"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                listed += content["schema"].get("required", [])
            if listed:
                answer = self.server.request(method.upper(), url)
                self.assertEqual(answer.status, 400)
                self.assertIn(answer.json()["errorType"], error)
        for url, methods in listed_methods.items():
            for other in set(METHODS) - methods:
                with self.subTest(url=url, method=other):
                    self.assertEqual(self.server.request(other.upper(), url).status, 405)


if __name__ == "__main__":
    unittest.main()
