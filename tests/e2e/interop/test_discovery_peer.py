"""The targets that providers' answers give, here and in a real Prometheus: the same labels, each of them."""

import http.server
import json
import os
import pathlib
import re
import socketserver
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest
import unittest.mock
import urllib.parse
import xmlrpc.client

from tests.e2e.lib.certificates import Authority
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

GCE = {"kind": "compute#instanceList", "items": [
    {"id": "4321987654321", "name": "vm-1", "status": "RUNNING", "zone": "https://www.googleapis.com/compute/v1/projects/p/zones/z1",
     "machineType": "https://www.googleapis.com/compute/v1/projects/p/zones/z1/machineTypes/e2-small",
     "networkInterfaces": [
         {"name": "nic0", "network": "https://www.googleapis.com/n/default", "subnetwork": "https://www.googleapis.com/s/default",
          "networkIP": "10.128.0.2", "accessConfigs": [{"type": "ONE_TO_ONE_NAT", "natIP": "34.1.2.3"}]},
         {"name": "nic1", "networkIP": "10.129.0.2"}],
     "tags": {"items": ["http", "https"]}, "labels": {"env": "prod", "a-b": "c"},
     "metadata": {"items": [{"key": "ssh-keys", "value": "k"}, {"key": "empty"}]}},
    {"id": "2", "name": "bare", "networkInterfaces": [{"networkIP": "10.128.0.3", "accessConfigs": [{"type": "DIRECT_IPV6", "natIP": "1.1.1.1"}]}]},
    {"id": "3", "name": "unconnected"}]}

OVH = {
    "/1.0/auth/time": lambda: int(time.time()),
    "/1.0/vps": lambda: ["abc"],
    "/1.0/vps/abc": lambda: {
        "offerType": "ssd", "monitoringIpBlocks": ["1.1.1.0/24", "2.2.2.0/24"], "displayName": "abc d", "zone": "zone", "cluster": "cl",
        "name": "abc", "vcore": 1, "state": "running", "keymap": None, "netbootMode": "local", "memoryLimit": 2048, "slaMonitoring": False,
        "model": {"name": "vps-value-1-2-40", "availableOptions": [], "maximumAdditionnalIp": 16, "offer": "VPS abc", "disk": 40,
                  "version": "2019v1", "vcore": 1, "memory": 2048, "datacenter": []}},
    "/1.0/vps/abc/ips": lambda: ["2001:41d0::1", "192.0.2.1", "192.0.2.2"],
    "/1.0/dedicated/server": lambda: ["ns1.eu"],
    "/1.0/dedicated/server/ns1.eu": lambda: {
        "state": "ok", "os": "debian11_64", "datacenter": "gra3", "rack": "G3", "supportLevel": "pro", "serverId": 1234567,
        "reverse": "r.eu", "commercialRange": "Advance-1", "linkSpeed": 123, "name": "ns1.eu", "noIntervention": False,
        "professionalUse": False, "ip": "1.2.3.4", "monitoring": False, "rootDevice": None},
    "/1.0/dedicated/server/ns1.eu/ips": lambda: ["1.2.3.4/32", "2001:db8::1", "2001:db8::2/128", "2001:db8:1::/64"],
}

OPENSTACK = {
    "/compute/os-hypervisors/detail": {"hypervisors": [
        {"id": 1, "hypervisor_hostname": "nc14.cloud.com", "host_ip": "172.16.70.14", "status": "enabled", "state": "up",
         "hypervisor_type": "QEMU", "hypervisor_version": 2002000, "cpu_info": "", "free_disk_gb": 1028, "local_gb": 1028,
         "free_ram_mb": 7680, "memory_mb": 8192, "vcpus": 2, "service": {"id": 1, "host": "h"}}]},
    "/compute/servers/detail": {"servers": [
        {"id": "vm1", "name": "herp", "status": "ACTIVE", "tenant_id": "t", "user_id": "u", "metadata": {"env-1": "prod"}, "image": "",
         "flavor": {"id": "7"}, "addresses": {
             "private": [{"addr": "10.0.0.32", "version": 4, "OS-EXT-IPS:type": "fixed"},
                         {"addr": "172.24.4.227", "version": 4, "OS-EXT-IPS:type": "floating"}],
             "other": [{"addr": "fd00::3", "version": 6, "OS-EXT-IPS:type": "fixed"}]}},
        {"id": "vm2", "name": "unconnected", "flavor": {"id": "1"}, "image": "", "addresses": {}}]},
    # Of the network for us, of the compute service for Prometheus 2.
    "/network/v2.0/ports": {"ports": [{"id": "p1", "device_id": "vm1"}]},
    "/network/v2.0/floatingips": {"floatingips": [
        {"id": "f1", "port_id": "p1", "fixed_ip_address": "10.0.0.32", "floating_ip_address": "172.24.4.227"}]},
    "/compute/os-floating-ips": {"floating_ips": [
        {"id": "1", "instance_id": "vm1", "fixed_ip": "10.0.0.32", "ip": "172.24.4.227", "pool": "public"}]},
}

UYUNI = {
    "auth.login": "session",
    "system.listSystemGroupsForSystemsWithEntitlement": [
        {"id": 1000010000, "system_groups": [{"id": 1, "name": "web"}, {"id": 2, "name": "eu"}]}, {"id": 1000010001, "system_groups": []}],
    "system.getNetworkForSystems": [
        {"system_id": 1000010000, "ip": "10.1.1.1", "hostname": "min1", "primary_fqdn": "min1.example.org"},
        {"system_id": 1000010001, "ip": "10.1.1.2", "hostname": "min2", "primary_fqdn": ""}],
    "system.monitoring.listEndpoints": [
        {"system_id": 1000010000, "endpoint_name": "node", "exporter_name": "node_exporter", "module": "mod", "path": "/custom",
         "port": 9100, "tls_enabled": True},
        {"system_id": 1000010001, "endpoint_name": "pg", "exporter_name": "", "module": "", "path": "", "port": 9187,
         "tls_enabled": False}],
}

ZOOKEEPER = {
    "/": b"", "/nerve": b"", "/nerve/web": b"", "/serverset": b"", "/serverset/web": b"",
    "/nerve/web/m1": b'{"host":"h1","port":9100,"name":"n1"}', "/nerve/web/m2": b'{"host":"fd00::1","port":9101}',
    "/serverset/web/member_0": (b'{"serviceEndpoint":{"host":"h1","port":80},"additionalEndpoints":{"admin-x":{"host":"h2","port":81}},'
                                b'"status":"ALIVE","shard":3}'),
    "/serverset/web/member_1": b'{"serviceEndpoint":{"host":"fd00::1","port":82},"status":"DEAD"}',
}


class ZookeeperHandler(socketserver.StreamRequestHandler):
    """One session over a tree that does not change."""

    def read_frame(self) -> bytes:
        size = self.rfile.read(4)
        return self.rfile.read(struct.unpack(">i", size)[0]) if len(size) == 4 else b""

    def send(self, body: bytes):
        self.wfile.write(struct.pack(">i", len(body)) + body)

    def handle(self):
        _, _, timeout_ms = struct.unpack(">iqi", self.read_frame()[:16])
        self.send(struct.pack(">iiqi", 0, timeout_ms, 1, 16) + bytes(16) + b"\0")
        while frame := self.read_frame():
            number, operation = struct.unpack(">ii", frame[:8])
            path = frame[12:12 + struct.unpack(">i", frame[8:12])[0]].decode() if operation in (3, 4, 8, 12) else "/"
            error, body = 0, b""
            if path not in ZOOKEEPER:
                error = -101
            elif operation == 3:
                body = bytes(68)
            elif operation == 4:
                body = struct.pack(">i", len(ZOOKEEPER[path])) + ZOOKEEPER[path] + bytes(68)
            elif operation in (8, 12):
                names = [n.rsplit("/", 1)[1].encode() for n in ZOOKEEPER if n != "/" and (n.rsplit("/", 1)[0] or "/") == path]
                body = struct.pack(">i", len(names)) + b"".join(struct.pack(">i", len(n)) + n for n in names)
                body += bytes(68) if operation == 12 else b""
            self.send(struct.pack(">iqi", number, 1, error) + body)


# Targets of jobs with several sections, which may come one after the other.
AT_LEAST = {"openstack": 3, "ovhcloud": 2}
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
        if path in OVH:
            return self.answer(json.dumps(OVH[path]()).encode(), "application/json")
        if path in OPENSTACK:
            return self.answer(json.dumps(OPENSTACK[path]).encode(), "application/json")
        answers = {"/v2/apps/": MARATHON, "/instance/v1/zones/fr-par-1/servers": SCALEWAY,
                   "/compute/v1/projects/p/zones/z1/instances": GCE}
        if path not in answers:
            return self.answer(b"{}", "application/json", 404)
        return self.answer(json.dumps(answers[path]).encode(), "application/json")

    def do_POST(self):
        request = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/rpc/api":
            method = xmlrpc.client.loads(request)[1]
            return self.answer(xmlrpc.client.dumps((UYUNI[method],), methodresponse=True).encode(), "text/xml")
        if self.path == "/identity/v3/auth/tokens":
            url = f"http://127.0.0.1:{self.server.server_address[1]}"
            catalogue = [{"type": kind, "name": kind, "id": kind, "endpoints": [
                {"id": kind, "interface": "public", "region": "r1", "region_id": "r1", "url": f"{url}/{kind}"}]}
                for kind in ("compute", "network")]
            token = {"token": {"catalog": catalogue, "expires_at": "2099-01-01T00:00:00.000000Z", "methods": ["password"]}}
            return self.answer(json.dumps(token).encode(), "application/json", 201)
        if self.path == "/google/token":
            return self.answer(b'{"access_token":"t","expires_in":3600,"token_type":"Bearer"}', "application/json")
        if urllib.parse.urlsplit(self.path).path == "/pdb/query/v4":
            return self.answer(json.dumps(PUPPETDB).encode(), "application/json")
        return self.answer(b"{}", "application/json", 404)

    def do_CONNECT(self):
        """As a proxy it is whatever host it is asked for."""
        self.send_response(200)
        self.end_headers()
        self.connection = self.server.tls.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", 0)
        self.close_connection = False

    def answer(self, body: bytes, content_type: str, status: int = 200):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Total-Count", "2")
        self.send_header("X-Subject-Token", "t")
        self.end_headers()
        self.wfile.write(body)


def google_credentials(directory: pathlib.Path, url: str) -> pathlib.Path:
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True,
                         timeout=60, check=True).stdout
    path = directory / "account.json"
    path.write_text(json.dumps({"type": "service_account", "client_email": "me@p.iam.gserviceaccount.com", "private_key": key,
                                "private_key_id": "k1", "project_id": "p", "token_uri": f"{url}/google/token"}))
    return path


class Discovered(unittest.TestCase):
    def start_provider(self) -> str:
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        authority = Authority(directory)
        provider = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
        provider.daemon_threads = True
        provider.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        provider.tls.load_cert_chain(*authority.issue("provider", "DNS:compute.googleapis.com"))
        self.addCleanup(provider.server_close)
        self.addCleanup(provider.shutdown)
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{provider.server_address[1]}"
        zookeeper = socketserver.ThreadingTCPServer(("127.0.0.1", 0), ZookeeperHandler)
        zookeeper.daemon_threads = True
        self.addCleanup(zookeeper.server_close)
        self.addCleanup(zookeeper.shutdown)
        threading.Thread(target=zookeeper.serve_forever, daemon=True).start()
        self.zookeeper = f"127.0.0.1:{zookeeper.server_address[1]}"
        # What has no key for another address goes through a proxy.
        self.enterContext(unittest.mock.patch.dict(os.environ, {
            "HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": str(authority.cert),
            "GOOGLE_APPLICATION_CREDENTIALS": str(google_credentials(directory, url))}))
        return url

    def targets_of(self, kind, config: str, jobs: list[str]) -> tuple[dict[str, list], tuple]:
        def discovered() -> dict[str, list]:
            found = {name: [] for name in jobs}
            for target in server.api("targets", {"state": "active"})["activeTargets"]:
                labels = target["discoveredLabels"]
                kept = sorted((k, v) for k, v in labels.items() if k in ("__address__", "instance") or k.startswith("__meta_"))
                found[target["scrapePool"]].append(kept)
            return {name: sorted(targets) for name, targets in found.items()}

        server = kind(config)
        self.addCleanup(server.close)
        server.start()
        try:
            wait_until(lambda: all(len(targets) >= AT_LEAST.get(name, 1) for name, targets in discovered().items()), 30, "")
        except TimeoutError:
            missing = [name for name, targets in discovered().items() if len(targets) < AT_LEAST.get(name, 1)]
            self.fail(f"{kind.__name__} has not found targets of {missing}:\n{server.log[-4000:]}")
        return discovered(), server.version()

    def test_the_same_labels_as_prometheus(self):
        url = self.start_provider()
        ovh = f"endpoint: '{url}/1.0', application_key: a, application_secret: s, consumer_key: c"
        openstack = (f"region: r1, identity_endpoint: '{url}/identity/v3/', username: me, password: p, project_name: x, "
                     "domain_name: Default")
        sections = {
            "nerve": f"{{servers: ['{self.zookeeper}'], paths: [/nerve]}}",
            "openstack": f"{{role: hypervisor, {openstack}}}, {{role: instance, all_tenants: true, {openstack}}}",
            "serverset": f"{{servers: ['{self.zookeeper}'], paths: [/serverset]}}",
            "uyuni": f"{{server: '{url}', username: me, password: p}}",
            "eureka": f"{{server: '{url}/eureka'}}",
            "gce": "{project: p, zone: z1}",
            "marathon": f"{{servers: ['{url}']}}",
            "ovhcloud": f"{{service: vps, {ovh}}}, {{service: dedicated_server, {ovh}}}",
            "puppetdb": f"{{url: '{url}', query: 'resources {{ }}', include_parameters: true, port: 9100}}",
            "scaleway": (f"{{role: instance, api_url: '{url}', project_id: {UUID}, access_key: SCWXXXXXXXXXXXXXXXXX, "
                         f"secret_key: {UUID}}}"),
        }

        def config(names) -> str:
            return "global: {scrape_interval: 1h}\nscrape_configs:\n" + "".join(
                f"  - job_name: {name}\n    {name}_sd_configs: [{sections[name]}]\n" for name in names)

        ours, _ = self.targets_of(Narthex, config(sections), list(sections))
        unknown = self.unknown_to_peer(config(sections))
        known = [name for name in sections if name not in unknown]
        theirs, version = self.targets_of(Prometheus, config(known), known)
        self.maxDiff = None
        for name in sections:
            with self.subTest(name):
                if name not in known:
                    self.skipTest("this Prometheus was built without it")
                if version < PEER_AT_LEAST.get(name, ()):
                    self.skipTest("this Prometheus is too old to agree")
                self.assertEqual(ours[name], theirs[name])

    def unknown_to_peer(self, config: str) -> set[str]:
        """Distributions build Prometheus without some providers: their sections are no fields then."""
        peer = Prometheus(config)
        self.addCleanup(peer.close)
        try:
            peer.start().kill()
        except RuntimeError as error:
            return set(re.findall("field ([a-z]+)_sd_configs not found in type", str(error)))
        return set()


if __name__ == "__main__":
    unittest.main()
