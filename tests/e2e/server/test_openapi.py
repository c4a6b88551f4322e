"""The OpenAPI document against the server that serves it: every path and method answers, in the shape that is promised."""

import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import Narthex

try:
    import yaml
except ImportError:
    yaml = None

TYPES = {"object": dict, "array": list, "string": str, "integer": int}
# Good values by the name of a parameter.
GOOD = {"query": "up", "start": "0", "end": "100", "step": "10", "match[]": "up", "scrapePool": "self", "labels": "{}", "name": "job"}
CONFIG = "scrape_configs:\n- job_name: self\n"


@unittest.skipIf(yaml is None, "PyYAML is not installed")
class OpenApi(unittest.TestCase):
    def setUp(self):
        self.server = Narthex(config=CONFIG, args=["--web.enable-admin-api", "--web.enable-remote-write-receiver"])
        self.addCleanup(self.server.close)
        self.server.start()
        answer = self.server.get("/api/v1/openapi.yaml")
        self.assertEqual((answer.status, answer.headers["content-type"]), (200, "application/yaml; charset=utf-8"))
        self.document = yaml.safe_load(answer.text)
        self.base = self.document["servers"][0]["url"]

    def operations(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                yield path, method, operation

    def send(self, path: str, method: str, operation: dict):
        """With every required parameter, and nothing else."""
        query = {}
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                path = path.replace("{%s}" % parameter["name"], GOOD[parameter["name"]])
            elif parameter.get("required"):
                query[parameter["name"]] = GOOD[parameter["name"]]
        for content in operation.get("requestBody", {}).get("content", {}).values():
            return self.server.post_form(self.base + path, {name: GOOD[name] for name in content["schema"].get("required", [])})
        return self.server.request(method.upper(), self.base + path + "?" + urllib.parse.urlencode(query))

    def test_every_operation_answers_as_promised(self):
        seen = 0
        for path, method, operation in self.operations():
            if path in ("/write", "/notifications/live"):
                continue
            with self.subTest(path=path, method=method):
                answer = self.send(path, method, operation)
                promised = operation["responses"]
                self.assertIn(str(answer.status), promised, answer.text[:300])
                if answer.status == 200:
                    (content_type, content), = promised["200"]["content"].items()
                    self.assertEqual(answer.headers["content-type"], content_type)
                    if content_type == "application/json":
                        data_type = content["schema"]["allOf"][1]["properties"]["data"]["type"]
                        self.assertIsInstance(answer.json()["data"], TYPES[data_type])
                seen += 1
        self.assertGreater(seen, 30)

    def test_what_is_required_is_missed_and_other_methods_are_refused(self):
        error = self.document["components"]["schemas"]["Error"]["properties"]["errorType"]["enum"]
        for path, method, operation in self.operations():
            if path in ("/write", "/notifications/live"):
                continue
            url = self.base + path.replace("{name}", "job")
            with self.subTest(path=path, method=method):
                listed = [p["name"] for p in operation.get("parameters", []) if p.get("required") and p["in"] == "query"]
                for content in operation.get("requestBody", {}).get("content", {}).values():
                    listed += content["schema"].get("required", [])
                if listed:
                    answer = self.server.request(method.upper(), url)
                    self.assertEqual(answer.status, 400)
                    self.assertIn(answer.json()["errorType"], error)
                unlisted = {"GET", "POST", "PUT", "DELETE"} - {m.upper() for m in self.document["paths"][path]}
                for other in unlisted:
                    self.assertEqual(self.server.request(other, url).status, 405, other)


if __name__ == "__main__":
    unittest.main()
