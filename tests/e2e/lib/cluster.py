"""Two hours of a small Kubernetes cluster, made up from a seed: what node_exporter, the kubelet, cAdvisor, kube-state-metrics and
the API server export, in the names and labels that dashboards and recording rules ask for."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from tests.e2e.lib import remote_write

STEP_SECONDS = 30
SAMPLES = 240
SECONDS = STEP_SECONDS * SAMPLES
Series = tuple[dict[str, str], list[tuple[int, float]]]
NODES = ("n1", "n2", "n3")
NAMESPACES = ("default", "shop", "kube-system")
LATENCY_BOUNDS = ("0.05", "0.1", "0.25", "0.5", "1", "2.5", "+Inf")


class Cluster:
    """`start`: Unix seconds of the first sample."""

    def __init__(self, start: int, seed: int = 6):
        self.start = start
        self.rng = random.Random(seed)
        self.series: list[Series] = []
        self.nodes()
        self.workloads()
        self.api_server()

    @property
    def end(self) -> int:
        return self.start + (SAMPLES - 1) * STEP_SECONDS

    def write(self, server) -> None:
        """By remote write, an hour after the other: a new head refuses what is more than an hour older than its newest."""
        cuts = [(self.start + hour * 3600) * 1000 for hour in range(SECONDS // 3600 + 1)]
        for begin, end in zip(cuts, cuts[1:]):
            remote_write.write(server, [(labels, [s for s in samples if begin <= s[0] < end]) for labels, samples in self.series])

    def add(self, name: str, labels: dict[str, str], value_at: Callable[[int], float | None]) -> None:
        samples = []
        for i in range(SAMPLES):
            value = value_at(i)
            if value is not None:
                samples.append(((self.start + i * STEP_SECONDS) * 1000, float(value)))
        self.series.append(({"__name__": name, **labels}, samples))

    def constant(self, name: str, labels: dict[str, str], value: float) -> None:
        self.add(name, labels, lambda _: value)

    def counter(self, name: str, labels: dict[str, str], per_second: float, reset_at: int = -1) -> None:
        total = 0.0

        def value_at(i: int) -> float:
            nonlocal total
            if i == reset_at:
                total = 0.0
            total += per_second * STEP_SECONDS * self.rng.uniform(0.5, 1.5)
            return round(total, 3)
        self.add(name, labels, value_at)

    def gauge(self, name: str, labels: dict[str, str], middle: float) -> None:
        phase = self.rng.uniform(0, 6)
        self.add(name, labels, lambda i: round(middle * (1 + 0.2 * math.sin(i / 17 + phase) + 0.02 * self.rng.random()), 3))

    def histogram(self, name: str, labels: dict[str, str], bounds: tuple[str, ...], per_second: float) -> None:
        rate, total = 0.0, per_second
        for k, bound in enumerate(bounds):
            rate = total * (1 - 0.5 ** (k + 1)) if bound != "+Inf" else total
            # Steady, so that no bucket falls behind one that it includes.
            self.add(name + "_bucket", {**labels, "le": bound}, lambda i, rate=rate: round(rate * STEP_SECONDS * i))
        self.add(name + "_count", labels, lambda i: round(total * STEP_SECONDS * i))
        self.add(name + "_sum", labels, lambda i: round(total * 0.2 * STEP_SECONDS * i, 3))

    def nodes(self) -> None:
        for n, node in enumerate(NODES):
            at = {"job": "node-exporter", "instance": f"10.0.0.{n}:9100", "namespace": "monitoring", "pod": f"node-exporter-{node}"}
            self.add("up", at, lambda i, n=n: 0 if n == 2 and 100 <= i < 110 else 1)
            self.constant("node_uname_info", {**at, "nodename": node, "release": "6.1.0"}, 1)
            self.constant("node_boot_time_seconds", at, self.start - 86400 * (n + 1))
            self.add("node_time_seconds", at, lambda i: self.start + i * STEP_SECONDS + 0.25)
            for cpu in ("0", "1"):
                for mode, share in (("idle", 0.7), ("user", 0.2), ("system", 0.05), ("iowait", 0.03), ("steal", 0.0)):
                    self.counter("node_cpu_seconds_total", {**at, "cpu": cpu, "mode": mode}, share, reset_at=120 if n == 1 else -1)
            total = 8 * 1024**3
            self.constant("node_memory_MemTotal_bytes", at, total)
            for name, share in (("MemAvailable", 0.5), ("MemFree", 0.2), ("Buffers", 0.05), ("Cached", 0.2), ("Slab", 0.02)):
                self.gauge(f"node_memory_{name}_bytes", at, total * share)
            for name, middle in (("load1", 0.7), ("load5", 0.6), ("load15", 0.5)):
                self.gauge("node_" + name, at, middle)
            for device, fstype, mount in (("/dev/sda1", "ext4", "/"), ("tmpfs", "tmpfs", "/run"), ("/dev/sdb1", "xfs", "/data")):
                of = {**at, "device": device, "fstype": fstype, "mountpoint": mount}
                self.constant("node_filesystem_size_bytes", of, 1e11)
                self.constant("node_filesystem_readonly", of, 0)
                self.add("node_filesystem_avail_bytes", of, lambda i, n=n: 1e11 * (0.6 - 0.001 * i - 0.1 * n))
                self.constant("node_filesystem_files", of, 6e6)
                self.gauge("node_filesystem_files_free", of, 4e6)
            for device in ("lo", "eth0"):
                for way in ("receive", "transmit"):
                    for kind, speed in (("bytes", 2e5), ("packets", 300), ("drop", 0.1), ("errs", 0.0)):
                        self.counter(f"node_network_{way}_{kind}_total", {**at, "device": device}, speed)
            for device in ("sda", "sdb"):
                for kind in ("io_time_seconds", "io_time_weighted_seconds", "read_bytes", "written_bytes", "reads_completed"):
                    self.counter(f"node_disk_{kind}_total", {**at, "device": device}, 0.3)
            self.counter("node_vmstat_pgmajfault", at, 2)
            self.counter("node_context_switches_total", at, 4000)

    def workloads(self) -> None:
        for n, node in enumerate(NODES):
            state = {"job": "kube-state-metrics", "instance": "10.0.1.9:8080"}
            for resource, unit, amount in (("cpu", "core", 2), ("memory", "byte", 8 * 1024**3), ("pods", "integer", 110)):
                self.constant("kube_node_status_allocatable", {**state, "node": node, "resource": resource, "unit": unit}, amount)
            for condition, good in (("Ready", "true"), ("MemoryPressure", "false")):
                for status in ("true", "false", "unknown"):
                    self.constant("kube_node_status_condition", {**state, "node": node, "condition": condition, "status": status}, status == good)
            for namespace in NAMESPACES:
                self.pod(state, node, f"10.0.0.{n}:10250", namespace, f"{namespace}-web-5d4f-{node}", n)
        for namespace in NAMESPACES:
            for kind in ("spec_replicas", "status_replicas_available", "status_replicas_updated"):
                self.add(f"kube_deployment_{kind}", {**state, "namespace": namespace, "deployment": f"{namespace}-web"},
                         lambda i, kind=kind: 2 if kind != "spec_replicas" and 60 < i < 90 else 3)
            self.constant("kube_namespace_status_phase", {**state, "namespace": namespace, "phase": "Active"}, 1)

    def pod(self, state: dict[str, str], node: str, kubelet: str, namespace: str, pod: str, n: int) -> None:
        of = {**state, "namespace": namespace, "pod": pod}
        self.constant("kube_pod_info", {**of, "node": node, "created_by_kind": "ReplicaSet", "created_by_name": f"{namespace}-web-5d4f"}, 1)
        self.constant("kube_pod_owner", {**of, "owner_kind": "ReplicaSet", "owner_name": f"{namespace}-web-5d4f"}, 1)
        self.constant("kube_replicaset_owner", {**state, "namespace": namespace, "replicaset": f"{namespace}-web-5d4f-{node}",
                                                "owner_kind": "Deployment", "owner_name": f"{namespace}-web"}, 1)
        for phase in ("Running", "Pending", "Failed"):
            self.constant("kube_pod_status_phase", {**of, "phase": phase}, phase == "Running")
        for container in ("app", "proxy"):
            self.add("kube_pod_container_status_restarts_total", {**of, "container": container}, lambda i: i // 100 if n == 0 else 0)
            for resource, unit, amount in (("cpu", "core", 0.25), ("memory", "byte", 256 * 1024**2)):
                for what in ("requests", "limits"):
                    self.constant(f"kube_pod_container_resource_{what}",
                                  {**of, "node": node, "container": container, "resource": resource, "unit": unit}, amount * (1 + (what == "limits")))
        kubelet_labels = {"job": "kubelet", "instance": kubelet, "metrics_path": "/metrics/cadvisor", "node": node, "namespace": namespace, "pod": pod}
        for container in ("app", "proxy", ""):
            image = {"image": "registry.example/app:1"} if container else {}
            labels = {**kubelet_labels, "container": container, **image} if container else kubelet_labels
            self.counter("container_cpu_usage_seconds_total", {**labels, "cpu": "total"}, 0.1)
            self.counter("container_cpu_cfs_throttled_periods_total", labels, 0.2)
            self.counter("container_cpu_cfs_periods_total", labels, 1)
            for kind in ("working_set", "rss", "cache"):
                name = f"container_memory_{kind}_bytes" if kind == "working_set" else f"container_memory_{kind}"
                self.gauge(name, labels, 1e8)
        for way in ("receive", "transmit"):
            self.counter(f"container_network_{way}_bytes_total", {**kubelet_labels, "interface": "eth0"}, 1e4)

    def api_server(self) -> None:
        for verb, resource, scope in (("GET", "pods", "resource"), ("LIST", "pods", "cluster"), ("WATCH", "nodes", "cluster"), ("POST", "events", "namespace")):
            labels = {"job": "apiserver", "instance": "10.0.0.1:6443", "verb": verb, "resource": resource, "scope": scope}
            self.histogram("apiserver_request_duration_seconds", labels, LATENCY_BOUNDS, 3)
            for code in ("200", "404", "500"):
                self.counter("apiserver_request_total", {**labels, "code": code}, 3 if code == "200" else 0.05)
        for instance in NODES:
            labels = {"job": "kubelet", "instance": instance + ":10250", "node": instance}
            self.histogram("kubelet_pod_worker_duration_seconds", {**labels, "operation_type": "sync"}, LATENCY_BOUNDS, 1)
            self.gauge("kubelet_running_pods", labels, 12)
            self.add("kubelet_node_name", labels, lambda i: None if i % 50 == 7 else 1)
