"""What recording rules, alerts and dashboards of a Kubernetes cluster ask, and every panel of the dashboards in $CONFORMANCE_DIR: a
real Prometheus with the same samples answers the same."""

import json
import os
import pathlib
import re
import time
import unittest

from tests.e2e.lib.cluster import SECONDS, Cluster
from tests.e2e.lib.narthex_e2e import ROOT
from tests.e2e.lib.same_answers import SameAnswers

CPU = 'node_cpu_seconds_total{job="node-exporter"'
DISK = 'job="node-exporter",fstype!="",mountpoint!=""'
CADVISOR = 'job="kubelet",metrics_path="/metrics/cadvisor",container!="",image!=""'
PODS = "topk by (cluster, namespace, pod) (1, max by (cluster, namespace, pod, node) (kube_pod_info{node!=\"\"}))"
USAGE = f"sum by (cluster, namespace, pod, container) (rate(container_cpu_usage_seconds_total{{{CADVISOR}}}[5m]))"
REQUESTS = 'apiserver_request_total{job="apiserver"'
DURATIONS = 'apiserver_request_duration_seconds_bucket{job="apiserver"'
RECORDED = (
    f"count without (cpu, mode) ({CPU},mode=\"idle\"}})",
    f"1 - avg without (cpu) (sum without (mode) (rate({CPU},mode=~\"idle|iowait|steal\"}}[5m])))",
    f"sum(rate({CPU},mode!=\"idle\",mode!=\"iowait\",mode!=\"steal\"}}[5m])) / count(sum by (cluster, instance, cpu) ({CPU}}}))",
    '1 - (node_memory_MemAvailable_bytes or (node_memory_Buffers_bytes + node_memory_Cached_bytes + node_memory_MemFree_bytes + '
    'node_memory_Slab_bytes)) / node_memory_MemTotal_bytes',
    "rate(node_vmstat_pgmajfault[5m])",
    'rate(node_disk_io_time_seconds_total{device=~"(/dev/)?(mmcblk.p.+|nvme.+|sd.+|vd.+)"}[5m])',
    'sum without (device) (rate(node_network_receive_bytes_total{device!="lo"}[5m]))',
    f"{USAGE} * on (cluster, namespace, pod) group_left (node) {PODS}",
    f"container_memory_working_set_bytes{{{CADVISOR}}} * on (cluster, namespace, pod) group_left (node) {PODS}",
    'sum by (namespace) (max by (namespace, pod, container) (kube_pod_container_resource_requests{resource="memory"}) * on (namespace, pod) '
    'group_left () max by (namespace, pod) (kube_pod_status_phase{phase=~"Pending|Running"} == 1))',
    'max by (namespace, workload, pod) (label_replace(kube_pod_owner{owner_kind="ReplicaSet"}, "workload", "$1", "owner_name", "(.*)-[^-]+$"))',
    'group by (namespace, workload) (label_join(label_replace(kube_replicaset_owner, "rs", "$1", "replicaset", "(.+)-n\\\\d"), "workload", "/", "owner_kind", "owner_name"))',
    f"histogram_quantile(0.99, sum by (cluster, le, resource) (rate({DURATIONS},verb=~\"LIST|GET\",scope!=\"\"}}[5m]))) > 0",
    f"sum by (verb, code) (increase({REQUESTS},code=~\"5..\"}}[1h]))",
    f"sum(rate({REQUESTS},code=~\"5..\"}}[30m])) / sum(rate({REQUESTS}}}[30m]))",
    f"1 - (sum(increase({DURATIONS},le=~\"1|1.0\"}}[1h])) or vector(0)) / sum(increase(apiserver_request_duration_seconds_count[1h]))",
    f"avg_over_time((sum(rate({REQUESTS}}}[5m])))[1h:5m])",
    "count by (job, namespace) (up == 0) / count by (job, namespace) (up) * 100",
    'sum by (node) (kube_pod_status_phase{phase="Running"} * on (namespace, pod) group_left (node) kube_pod_info)',
    "quantile by (instance, operation_type) (0.9, rate(kubelet_pod_worker_duration_seconds_bucket[5m]))",
    "(time() - max by (instance) (node_boot_time_seconds)) / 86400",
)
ALERTED = (
    f"(node_filesystem_avail_bytes{{{DISK}}} / node_filesystem_size_bytes{{{DISK}}} * 100 < 40 and "
    f"predict_linear(node_filesystem_avail_bytes{{{DISK}}}[1h], 24 * 60 * 60) < 0 and node_filesystem_readonly{{{DISK}}} == 0)",
    'increase(kube_pod_container_status_restarts_total[1h]) > 0 and on (namespace, pod) kube_pod_status_phase{phase="Running"} == 1',
    "(kube_deployment_spec_replicas > kube_deployment_status_replicas_available) and changes(kube_deployment_status_replicas_updated[10m]) == 0",
    'kube_node_status_condition{condition="Ready",status="true"} == 0',
    'absent(up{job="kube-scheduler"} == 1)', 'absent_over_time(kubelet_node_name{node="n9"}[10m])',
    "sum by (container, pod, namespace) (increase(container_cpu_cfs_throttled_periods_total[5m])) / "
    "sum by (container, pod, namespace) (increase(container_cpu_cfs_periods_total[5m])) > (10 / 100)",
    'sum(kube_pod_container_resource_requests{resource="cpu"}) - (sum(kube_node_status_allocatable{resource="cpu"}) - '
    'max(kube_node_status_allocatable{resource="cpu"})) > 0',
    "abs(node_time_seconds - timestamp(node_time_seconds)) > 0.1",
    "node_load1 / on (instance) group_left () count by (instance) (node_cpu_seconds_total{mode=\"idle\"}) > 0.3",
    "ALERTS{alertstate=\"firing\"} or ALERTS_FOR_STATE", "resets(node_context_switches_total[1h]) > 0",
)
SHOWN = (
    f"topk(5, {USAGE})", f"bottomk(2, sum by (pod) (container_memory_rss{{{CADVISOR}}}))", "sort_desc(sum by (namespace) (container_memory_cache))",
    f"sum by (mode) (irate({CPU}}}[2m])) / scalar(count(count by (cpu, instance) ({CPU}}})))",
    'sum(node_memory_MemTotal_bytes) - sum(node_memory_MemFree_bytes) - sum(node_memory_Buffers_bytes)',
    'node_uname_info * on (instance) group_left (nodename) node_uname_info', 'count_values("load", round(node_load5, 0.25))',
    f"sum by (le) (increase({DURATIONS}}}[10m]))", "max_over_time(kubelet_running_pods[1h]) - min_over_time(kubelet_running_pods[1h])",
    "rate(node_context_switches_total[5m] offset 1h)", "node_load1 - node_load1 @ start()", "stddev(node_load1) / avg(node_load1)",
    "avg by (instance) (quantile_over_time(0.95, node_load1[30m]))", "clamp_min(deriv(node_filesystem_avail_bytes[30m]), -1e6)",
    'label_replace(up, "host", "$1", "instance", "([^:]+):.*") == bool 1', 'group by (namespace, pod) ({__name__=~"container_memory_.+",container="app"})',
)


class ClusterQueries(SameAnswers):
    @classmethod
    def setUpClass(cls):
        cls.start_pair(args=["--web.enable-remote-write-receiver"])
        cls.cluster = Cluster(int(time.time()) - SECONDS)
        for each in (cls.peer, cls.server):
            cls.cluster.write(each)

    def compare(self, expressions, silent_max: int) -> None:
        """Now, and as a graph; at most `silent_max` of the expressions may find nothing, there or here."""
        silent = []
        for expression in expressions:
            with self.subTest(expression):
                answer = self.assert_same("POST", "/api/v1/query", {"query": expression, "time": self.cluster.end - 600})
                if expression.startswith("sort"):
                    continue  # Releases after 3.5 warn that a graph has an order of its own, and so does this server.
                graph = self.assert_same("POST", "/api/v1/query_range", {
                    "query": expression, "start": self.cluster.start, "end": self.cluster.end, "step": 60})
                if not answer.json()["data"]["result"] and not graph.json()["data"]["result"]:
                    silent.append(expression)
        self.assertLessEqual(len(silent), silent_max, silent)

    def test_recording_rules(self):
        self.compare(RECORDED, 0)

    def test_alerts(self):
        self.compare(ALERTED, 3)

    def test_panels(self):
        self.compare(SHOWN, 0)

    def test_dashboards(self):
        directory = pathlib.Path(os.environ.get("CONFORMANCE_DIR", ROOT.parent / "shared" / "conformance")) / "dashboards"
        files = sorted(directory.glob("*.json"))
        if not files:
            self.skipTest(f"no dashboards in {directory}")
        expressions = {filled(expression) for file in files for expression in expressions_of(json.loads(file.read_text()))}
        self.assertGreater(len(expressions), 100)
        # They ask for much that this cluster does not export: that they are understood alike counts too.
        self.compare(sorted(expressions), len(expressions))


def expressions_of(node):
    """Every "expr" anywhere in a dashboard."""
    if isinstance(node, dict):
        if isinstance(node.get("expr"), str):
            yield node["expr"]
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from expressions_of(one)


def filled(expression: str) -> str:
    """With Grafana's variables replaced as Grafana does it for "all" and for the durations."""
    expression = re.sub(r"\$\{?__(rate_interval|interval|range)\}?", "5m", expression)
    return re.sub(r"\$\{?[A-Za-z_]\w*(:\w+)?\}?|\[\[\w+\]\]", ".+", expression)


if __name__ == "__main__":
    unittest.main()
