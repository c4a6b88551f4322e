"""The targets that providers' answers give, here and in a real Prometheus: the same labels, each of them."""

import http.server
import json
import threading
import unittest
import urllib.parse

from tests.e2e.lib.narthex_e2e import Narthex, Prometheus, wait_until

UUID = "11111111-1111-1111-1111-111111111111"

EUREKA = """<applications><versions__delta>1</versions__delta><apps__hashcode>UP_2_</apps__hashcode>
<application><name>CONFIG-SERVICE</name><instance><instanceId>config001:config-service:8080</instanceId><hostName>config001</hostName>
<app>CONFIG-SERVICE</app><ipAddr>192.133.83.31</ipAddr><status>UP</status><overriddenstatus>UNKNOWN</overriddenstatus>
<port enabled="true">8080</port><securePort enabled="false">8443</securePort><countryId>1</countryId>
<dataCenterInfo class="com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo"><name>MyOwn</name></dataCenterInfo>
<metadata><management.port>8090</management.port><prometheus-on>true</prometheus-on></metadata>
<homePageUrl>http://config001:8080/</homePageUrl><statusPageUrl>http://config001:8080/info</statusPageUrl>
<healthCheckUrl>http://config001:8080/health</healthCheckUrl><vipAddress>config-service</vipAddress></instance></application></applications>"""

MARATHON = {"apps": [
    {"id": "/group/mapped", "labels": {"prom.io": "yes"}, "networks": [{"mode": "container", "name": "dcos"}], "tasksRunning": 1,
     "container": {"docker": {"image": "repo/image:tag"}, "portMappings": [
         {"containerPort": 8080, "hostPort": 0, "labels": {"metrics": "/m"}}, {"containerPort": 9090, "hostPort": 31001}]},
     "tasks": [{"id": "t1", "host": "agent1", "ports": [31000, 31001], "ipAddresses": [{"ipAddress": "9.0.0.1", "protocol": "IPv4"}]}]},
    {"id": "/bridged", "tasksRunning": 1, "container": {"docker": {"image": "x", "portMappings": [
        {"containerPort": 80, "hostPort": 0, "labels": {"a": "b"}}]}}, "tasks": [{"id": "t2", "host": "agent2", "ports": [31002]}]},
    {"id": "/defined", "tasksRunning": 1, "requirePorts": False, "portDefinitions": [{"port": 10000, "labels": {"l": "v"}}],
     "tasks": [{"id": "t3", "host": "agent3", "ports": [31003]}]},
    {"id": "/fixed", "tasksRunning": 1, "requirePorts": True, "portDefinitions": [{"port": 10001}],
     "tasks": [{"id": "t4", "host": "agent4", "ports": [10001]}]},
    {"id": "/plain", "tasksRunning": 1, "tasks": [{"id": "t5", "host": "agent5", "ports": [31005, 31006]}]},
    {"id": "/idle", "tasks": []}]}

PUPPETDB = [{"certname": "edinburgh.example.com", "resource": "49af", "type": "Class", "title": "Prometheus::Node_exporter",
             "exported": False, "tags": ["prometheus", "class"], "file": "/etc/m.pp", "line": 384, "environment": "prod",
             "parameters": {"port": 9100, "ratio": 0.5, "on": True, "labels": {"alias": "edinburgh", "deep-er": {"x": 1}},
                            "list": ["a", 2, True, 0.25], "none": None, "empty": "", "nothing": []}},
            {"certname": "bare", "resource": "1", "type": "T", "title": "t", "exported": True, "tags": [], "file": "", "line": 0,
             "environment": "", "parameters": {}}]

SCALEWAY = {"servers": [
    {"id": "93c18a61-b681-49d0-a1cc-62b43883ae89", "name": "scw-1", "hostname": "h1", "boot_type": "local", "commercial_type": "DEV1-S",
     "state": "running", "organization": UUID, "project": UUID, "zone": "fr-par-1", "arch": "x86_64",
     "image": {"arch": "x86_64", "id": "45a86b35-eca6-4055-9b34-ca69845da146", "name": "Ubuntu 20.04"},
     "location": {"cluster_id": "40", "hypervisor_id": "1601", "node_id": "29", "platform_id": "14", "zone_id": "par1"},
     "security_group": {"id": "0fe819c3-274d-472a-b3f5-ddb258d2d8bb", "name": "Default"}, "tags": ["a", "b"], "private_ip": None,
     "public_ip": {"id": UUID, "address": "51.158.183.115", "dynamic": False},
     "public_ips": [{"id": UUID, "address": "51.158.183.115", "family": "inet"}],
     "ipv6": {"address": "2001:bc8:630:1e1c::1", "gateway": "2001:bc8:630:1e1c::", "netmask": "64"}},
    {"id": "5b6198b4-c677-41b5-9c05-04557264ae1f", "name": "scw-2", "hostname": "h2", "boot_type": "local", "commercial_type": "DEV1-S",
     "state": "running", "organization": UUID, "project": UUID, "zone": "fr-par-1", "arch": "x86_64", "tags": [],
     "private_ip": "10.70.60.57", "public_ip": None, "public_ips": [], "ipv6": None, "image": None, "location": None, "security_group": None}]}


# Prometheus 2 leaves out servers of Scaleway that have a public address only.
PEER_AT_LEAST = {"scaleway": (3,)}


class Provider(http.server.BaseHTTPRequestHandler):
    """All of them behind one port."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        path = urllib.parse.urlsplit(self.path).path
        if path == "/eureka/apps":
            return self.answer(EUREKA.encode(), "application/xml")
        answers = {"/v2/apps/": MARATHON, "/instance/v1/zones/fr-par-1/servers": SCALEWAY}
        if path not in answers:
            return self.answer(b"{}", "application/json", 404)
        return self.answer(json.dumps(answers[path]).encode(), "application/json")

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        if urllib.parse.urlsplit(self.path).path == "/pdb/query/v4":
            return self.answer(json.dumps(PUPPETDB).encode(), "application/json")
        return self.answer(b"{}", "application/json", 404)

    def answer(self, body: bytes, content_type: str, status: int = 200):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Total-Count", "2")
        self.end_headers()
        self.wfile.write(body)


class Discovered(unittest.TestCase):
    def test_the_same_labels_as_prometheus(self):
        provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        provider.daemon_threads = True
        self.addCleanup(provider.server_close)
        self.addCleanup(provider.shutdown)
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{provider.server_address[1]}"
        sections = {
            "eureka": f"{{server: '{url}/eureka'}}",
            "marathon": f"{{servers: ['{url}']}}",
            "puppetdb": f"{{url: '{url}', query: 'resources {{ }}', include_parameters: true, port: 9100}}",
            "scaleway": (f"{{role: instance, api_url: '{url}', project_id: {UUID}, access_key: SCWXXXXXXXXXXXXXXXXX, "
                         f"secret_key: {UUID}}}"),
        }
        config = "global: {scrape_interval: 1h}\nscrape_configs:\n" + "".join(
            f"  - job_name: {name}\n    {name}_sd_configs: [{section}]\n" for name, section in sections.items())

        def discovered(server) -> dict[str, list]:
            found = {name: [] for name in sections}
            for target in server.api("targets", {"state": "active"})["activeTargets"]:
                labels = target["discoveredLabels"]
                kept = sorted((k, v) for k, v in labels.items() if k == "__address__" or k.startswith("__meta_"))
                found[target["labels"]["job"]].append(kept)
            return {name: sorted(targets) for name, targets in found.items()}

        results, servers = {}, {}
        for kind in (Narthex, Prometheus):
            server = kind(config)
            self.addCleanup(server.close)
            servers[kind] = server.start()
            wait_until(lambda s=server: all(discovered(s).values()), 30, f"{kind.__name__} has not found all targets")
            results[kind] = discovered(server)
        self.maxDiff = None
        for name in sections:
            with self.subTest(name):
                if servers[Prometheus].version() < PEER_AT_LEAST.get(name, ()):
                    self.skipTest("this Prometheus is too old to agree")
                self.assertEqual(results[Narthex][name], results[Prometheus][name])


if __name__ == "__main__":
    unittest.main()
