#include "discovery/kubernetes_targets.h"

#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "discovery/kubernetes_access.h"
#include "support/temp_dir.h"

namespace narthex::discovery {
namespace {

using Kind = KubernetesKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

json::value object(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed ? *std::move(parsed) : json::value();
}

constexpr std::string_view kPod = R"({"metadata":{"name":"web-1","namespace":"prod","uid":"u1",
  "labels":{"app":"web","tier.x":"front"},"annotations":{"prometheus.io/scrape":"true"},
  "ownerReferences":[{"kind":"ReplicaSet","name":"web-5f","controller":true}]},
 "spec":{"nodeName":"n1","containers":[
   {"name":"web","image":"web:1","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"},{"name":"admin","containerPort":9000}]},
   {"name":"log","image":"log:1"}],
  "initContainers":[{"name":"init","image":"init:1","ports":[{"containerPort":7000,"protocol":"UDP"}]}]},
 "status":{"podIP":"10.0.0.5","hostIP":"192.168.0.1","phase":"Running",
  "conditions":[{"type":"Ready","status":"True"}],
  "containerStatuses":[{"name":"web","containerID":"docker://abc"}]}})";
constexpr std::string_view kNode =
    R"({"metadata":{"name":"n1","labels":{"zone":"a"},"annotations":{"x":"y"}},
 "spec":{"providerID":"aws:///i-1"},
 "status":{"addresses":[{"type":"Hostname","address":"n1.local"},{"type":"InternalIP","address":"192.168.0.1"},
   {"type":"InternalIP","address":"192.168.0.2"}],
  "conditions":[{"type":"Ready","status":"True"},{"type":"DiskPressure","status":"False"},{"type":"Odd","status":"Unknown"}],
  "daemonEndpoints":{"kubeletEndpoint":{"Port":10250}}}})";
constexpr std::string_view kService =
    R"({"metadata":{"name":"web","namespace":"prod","labels":{"team":"a"}},
 "spec":{"type":"ClusterIP","clusterIP":"10.96.0.1","ports":[{"name":"http","port":80,"protocol":"TCP"},{"port":81}]}})";

class KubernetesTargets : public ::testing::Test {
 protected:
  void put(Kind kind, const std::string& key, std::string_view text) {
    objects_[{kind, key}] = object(text);
  }
  TargetGroup group(std::string_view text) {
    const json::value own = object(text);
    return kubernetes_group(options_, own, [this](Kind kind, const std::string& key) {
      const auto found = objects_.find({kind, key});
      return found == objects_.end() ? nullptr : &found->second;
    });
  }
  static std::vector<std::string> addresses(const TargetGroup& group) {
    std::vector<std::string> out;
    for (const model::Labels& target : group.targets) out.emplace_back(target.get("__address__"));
    return out;
  }

  KubernetesOptions options_;
  std::map<std::pair<Kind, std::string>, json::value> objects_;
};

TEST_F(KubernetesTargets, Pod) {
  options_.role = KubernetesRole::kPod;
  const TargetGroup pod = group(kPod);
  EXPECT_EQ(pod.source, "pod/prod/web-1");
  EXPECT_EQ(
      pod.labels.to_string(),
      R"({__meta_kubernetes_namespace="prod", )"
      R"(__meta_kubernetes_pod_annotation_prometheus_io_scrape="true", )"
      R"(__meta_kubernetes_pod_annotationpresent_prometheus_io_scrape="true", )"
      R"(__meta_kubernetes_pod_controller_kind="ReplicaSet", __meta_kubernetes_pod_controller_name="web-5f", )"
      R"(__meta_kubernetes_pod_host_ip="192.168.0.1", __meta_kubernetes_pod_ip="10.0.0.5", )"
      R"(__meta_kubernetes_pod_label_app="web", __meta_kubernetes_pod_label_tier_x="front", )"
      R"(__meta_kubernetes_pod_labelpresent_app="true", __meta_kubernetes_pod_labelpresent_tier_x="true", )"
      R"(__meta_kubernetes_pod_name="web-1", __meta_kubernetes_pod_node_name="n1", )"
      R"(__meta_kubernetes_pod_phase="Running", __meta_kubernetes_pod_ready="true", __meta_kubernetes_pod_uid="u1"})");
  ASSERT_THAT(addresses(pod),
              ElementsAre("10.0.0.5:8080", "10.0.0.5:9000", "10.0.0.5", "10.0.0.5:7000"));
  EXPECT_EQ(
      pod.targets[0].to_string(),
      R"({__address__="10.0.0.5:8080", __meta_kubernetes_pod_container_id="docker://abc", )"
      R"(__meta_kubernetes_pod_container_image="web:1", __meta_kubernetes_pod_container_init="false", )"
      R"(__meta_kubernetes_pod_container_name="web", __meta_kubernetes_pod_container_port_name="http", )"
      R"(__meta_kubernetes_pod_container_port_number="8080", __meta_kubernetes_pod_container_port_protocol="TCP"})");
  EXPECT_EQ(pod.targets[3].get("__meta_kubernetes_pod_container_init"), "true");
}

TEST_F(KubernetesTargets, APodWithoutAnAddressHasNoTargetsYet) {
  options_.role = KubernetesRole::kPod;
  EXPECT_THAT(
      group(
          R"({"metadata":{"name":"p","namespace":"x"},"spec":{"containers":[{"name":"c"}]},"status":{}})")
          .targets,
      IsEmpty());
}

TEST_F(KubernetesTargets, WhatIsAttachedToAPod) {
  options_.role = KubernetesRole::kPod;
  options_.attach_node = options_.attach_namespace = true;
  options_.attach_deployment = options_.attach_job = options_.attach_cronjob = true;
  put(Kind::kNode, "n1", kNode);
  put(Kind::kNamespace, "prod",
      R"({"metadata":{"name":"prod","labels":{"env":"live"},"annotations":{"o":"p"}}})");
  put(Kind::kReplicaSet, "prod/web-5f",
      R"({"metadata":{"ownerReferences":[{"kind":"Deployment","name":"web","controller":true}]}})");
  put(Kind::kJob, "prod/nightly-1",
      R"({"metadata":{"ownerReferences":[{"kind":"CronJob","name":"nightly","controller":true}]}})");
  const model::Labels labels = group(kPod).labels;
  EXPECT_EQ(labels.get("__meta_kubernetes_node_name"), "n1");
  EXPECT_EQ(labels.get("__meta_kubernetes_node_label_zone"), "a");
  EXPECT_EQ(labels.get("__meta_kubernetes_node_annotation_x"), "y");
  EXPECT_EQ(labels.get("__meta_kubernetes_namespace_label_env"), "live");
  EXPECT_EQ(labels.get("__meta_kubernetes_namespace_annotationpresent_o"), "true");
  EXPECT_EQ(labels.get("__meta_kubernetes_pod_deployment_name"), "web");
  const model::Labels of_job =
      group(
          R"({"metadata":{"name":"j","namespace":"prod","ownerReferences":[{"kind":"Job","name":"nightly-1","controller":true}]}})")
          .labels;
  EXPECT_EQ(of_job.get("__meta_kubernetes_pod_job_name"), "nightly-1");
  EXPECT_EQ(of_job.get("__meta_kubernetes_pod_cronjob_name"), "nightly");
}

TEST_F(KubernetesTargets, Node) {
  options_.role = KubernetesRole::kNode;
  const TargetGroup node = group(kNode);
  ASSERT_EQ(node.targets.size(), 1U);
  EXPECT_EQ(
      node.targets[0].to_string(),
      R"({__address__="192.168.0.1:10250", __meta_kubernetes_node_address_Hostname="n1.local", )"
      R"(__meta_kubernetes_node_address_InternalIP="192.168.0.1", instance="n1"})");
  EXPECT_EQ(node.labels.get("__meta_kubernetes_node_provider_id"), "aws:///i-1");
  EXPECT_EQ(node.labels.get("__meta_kubernetes_node_label_zone"), "a");
  EXPECT_EQ(node.labels.get("__meta_kubernetes_node_condition_Ready"), "true");
  EXPECT_EQ(node.labels.get("__meta_kubernetes_node_condition_DiskPressure"), "false");
  EXPECT_EQ(node.labels.get("__meta_kubernetes_node_condition_Odd"), "unknown");
}

TEST_F(KubernetesTargets, Service) {
  options_.role = KubernetesRole::kService;
  const TargetGroup service = group(kService);
  EXPECT_EQ(service.source, "svc/prod/web");
  ASSERT_THAT(addresses(service), ElementsAre("web.prod.svc:80", "web.prod.svc:81"));
  EXPECT_EQ(
      service.targets[0].to_string(),
      R"({__address__="web.prod.svc:80", __meta_kubernetes_service_cluster_ip="10.96.0.1", )"
      R"(__meta_kubernetes_service_port_name="http", __meta_kubernetes_service_port_number="80", )"
      R"(__meta_kubernetes_service_port_protocol="TCP", __meta_kubernetes_service_type="ClusterIP"})");
  const TargetGroup external = group(
      R"({"metadata":{"name":"x","namespace":"y"},"spec":{"type":"ExternalName","externalName":"e.com","clusterIP":"None","ports":[{"port":1}]}})");
  EXPECT_EQ(external.targets[0].get("__meta_kubernetes_service_external_name"), "e.com");
  EXPECT_FALSE(external.targets[0].has("__meta_kubernetes_service_cluster_ip"));
  const TargetGroup balanced = group(
      R"({"metadata":{"name":"x","namespace":"y"},"spec":{"type":"LoadBalancer","loadBalancerIP":"9.9.9.9","clusterIP":"1.1.1.1","ports":[{"port":1}]}})");
  EXPECT_EQ(balanced.targets[0].get("__meta_kubernetes_service_loadbalancer_ip"), "9.9.9.9");
}

TEST_F(KubernetesTargets, EndpointsWithTheirServiceAndPods) {
  options_.role = KubernetesRole::kEndpoints;
  options_.attach_node = true;
  put(Kind::kService, "prod/web", kService);
  put(Kind::kPod, "prod/web-1", kPod);
  put(Kind::kNode, "n1", kNode);
  const TargetGroup endpoints =
      group(R"({"metadata":{"name":"web","namespace":"prod","labels":{"l":"1"}},
   "subsets":[{"ports":[{"name":"http","port":8080,"protocol":"TCP"}],
     "addresses":[{"ip":"10.0.0.5","nodeName":"n1","hostname":"h","targetRef":{"kind":"Pod","name":"web-1","namespace":"prod"}},
                  {"ip":"10.0.0.6"}],
     "notReadyAddresses":[{"ip":"10.0.0.7"}]}]})");
  EXPECT_EQ(endpoints.labels.get("__meta_kubernetes_endpoints_name"), "web");
  EXPECT_EQ(endpoints.labels.get("__meta_kubernetes_endpoints_label_l"), "1");
  EXPECT_EQ(endpoints.labels.get("__meta_kubernetes_service_name"), "web");
  EXPECT_EQ(endpoints.labels.get("__meta_kubernetes_service_label_team"), "a");
  ASSERT_THAT(addresses(endpoints), ElementsAre("10.0.0.5:8080", "10.0.0.6:8080", "10.0.0.7:8080",
                                                "10.0.0.5:9000", "10.0.0.5:7000"));
  const model::Labels& first = endpoints.targets[0];
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_ready"), "true");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_port_name"), "http");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_port_protocol"), "TCP");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_hostname"), "h");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_node_name"), "n1");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_address_target_kind"), "Pod");
  EXPECT_EQ(first.get("__meta_kubernetes_endpoint_address_target_name"), "web-1");
  EXPECT_EQ(first.get("__meta_kubernetes_pod_name"), "web-1");
  EXPECT_EQ(first.get("__meta_kubernetes_pod_container_name"), "web");
  EXPECT_EQ(first.get("__meta_kubernetes_node_label_zone"), "a");
  EXPECT_EQ(endpoints.targets[2].get("__meta_kubernetes_endpoint_ready"), "false");
  EXPECT_FALSE(endpoints.targets[3].has("__meta_kubernetes_endpoint_ready"));
  EXPECT_EQ(endpoints.targets[3].get("__meta_kubernetes_pod_container_port_name"), "admin");
}

constexpr std::string_view kSlice =
    R"({"metadata":{"name":"web-abc","namespace":"prod","labels":{"kubernetes.io/service-name":"web"}},
  "addressType":"IPv4","ports":[{"name":"http","port":8080,"protocol":"TCP","appProtocol":"h2c"}],
  "endpoints":[{"addresses":["10.0.0.5"],"conditions":{"ready":true,"serving":true,"terminating":false},"hostname":"h",
    "nodeName":"n1","zone":"z1","deprecatedTopology":{"topology.x/y":"t"},"targetRef":{"kind":"Pod","name":"web-1","namespace":"prod"}}]})";

TEST_F(KubernetesTargets, EndpointSlice) {
  options_.role = KubernetesRole::kEndpointSlice;
  put(Kind::kService, "prod/web", kService);
  put(Kind::kPod, "prod/web-1", kPod);
  const TargetGroup slice = group(kSlice);
  EXPECT_EQ(slice.labels.get("__meta_kubernetes_endpointslice_name"), "web-abc");
  EXPECT_EQ(slice.labels.get("__meta_kubernetes_endpointslice_address_type"), "IPv4");
  EXPECT_EQ(slice.labels.get("__meta_kubernetes_service_name"), "web");
  ASSERT_THAT(addresses(slice), ElementsAre("10.0.0.5:8080", "10.0.0.5:9000", "10.0.0.5:7000"));
  const model::Labels& first = slice.targets[0];
  for (const auto& [suffix, value] :
       std::map<std::string, std::string>{{"port", "8080"},
                                          {"port_name", "http"},
                                          {"port_protocol", "TCP"},
                                          {"port_app_protocol", "h2c"},
                                          {"endpoint_conditions_ready", "true"},
                                          {"endpoint_conditions_serving", "true"},
                                          {"endpoint_conditions_terminating", "false"},
                                          {"endpoint_hostname", "h"},
                                          {"endpoint_node_name", "n1"},
                                          {"endpoint_zone", "z1"},
                                          {"endpoint_topology_topology_x_y", "t"},
                                          {"endpoint_topology_present_topology_x_y", "true"},
                                          {"address_target_kind", "Pod"},
                                          {"address_target_name", "web-1"}}) {
    EXPECT_EQ(first.get("__meta_kubernetes_endpointslice_" + suffix), value) << suffix;
  }
  EXPECT_EQ(first.get("__meta_kubernetes_pod_name"), "web-1");
}

TEST_F(KubernetesTargets, OfTwoFamiliesOnlyTheFirstCounts) {
  options_.role = KubernetesRole::kEndpointSlice;
  put(Kind::kService, "prod/web",
      R"({"metadata":{"name":"web","namespace":"prod"},"spec":{"ipFamilies":["IPv6","IPv4"]}})");
  EXPECT_THAT(group(kSlice).targets, IsEmpty());
}

TEST_F(KubernetesTargets, Ingress) {
  options_.role = KubernetesRole::kIngress;
  const TargetGroup ingress = group(R"({"metadata":{"name":"i","namespace":"prod"},
   "spec":{"ingressClassName":"nginx","tls":[{"hosts":["*.a.com","b.com"]}],
    "rules":[{"host":"x.a.com","http":{"paths":[{"path":"/p"},{"path":""}]}},{"host":"b.com"},
             {"host":"x.y.a.com"},{"host":"a.com"}]}})");
  ASSERT_THAT(addresses(ingress), ElementsAre("x.a.com", "x.a.com", "b.com", "x.y.a.com", "a.com"));
  EXPECT_EQ(ingress.labels.get("__meta_kubernetes_ingress_class_name"), "nginx");
  EXPECT_EQ(ingress.targets[0].to_string(),
            R"({__address__="x.a.com", __meta_kubernetes_ingress_host="x.a.com", )"
            R"(__meta_kubernetes_ingress_path="/p", __meta_kubernetes_ingress_scheme="https"})");
  EXPECT_EQ(ingress.targets[1].get("__meta_kubernetes_ingress_path"), "/");
  EXPECT_EQ(ingress.targets[2].get("__meta_kubernetes_ingress_scheme"), "https");
  EXPECT_EQ(ingress.targets[3].get("__meta_kubernetes_ingress_scheme"), "http");
  EXPECT_EQ(ingress.targets[4].get("__meta_kubernetes_ingress_scheme"), "http");
}

TEST_F(KubernetesTargets, ObjectsOfAnotherShapeHaveNoTargets) {
  for (const KubernetesRole role :
       {KubernetesRole::kNode, KubernetesRole::kPod, KubernetesRole::kService,
        KubernetesRole::kEndpoints, KubernetesRole::kEndpointSlice, KubernetesRole::kIngress}) {
    options_.role = role;
    for (const char* text :
         {"{}", "[]", "7", R"({"metadata":[],"spec":"x","status":1,"subsets":{},"ports":[1]})"})
      EXPECT_THAT(group(text).targets, IsEmpty());
  }
}

class KubernetesAccessTest : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(dir_ / name) << content;
  }
  util::Result<KubernetesAccess> access(const KubernetesOptions& options) {
    ClusterSurroundings around;
    around.environment = [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment_.find(name);
      return found == environment_.end() ? std::nullopt : std::optional(found->second);
    };
    around.service_account_dir = dir_.path();
    return kubernetes_access(options, util::posix_env(), around);
  }
  std::map<std::string, std::string> environment_;
  test::TempDir dir_;
};

TEST_F(KubernetesAccessTest, FromInsideTheCluster) {
  EXPECT_FALSE(access({}).has_value());
  environment_ = {{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "443"}};
  write("namespace", "mine\n");
  KubernetesOptions options;
  options.own_namespace = true;
  options.namespaces = {"other"};
  const auto found = access(options);
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(found->server, "https://[fd00::1]:443");
  EXPECT_EQ(found->http.authorization->credentials.file, dir_ / "token");
  EXPECT_EQ(found->http.tls.ca.file, dir_ / "ca.crt");
  EXPECT_THAT(found->namespaces, ElementsAre("other", "mine"));
}

TEST_F(KubernetesAccessTest, FromAKubeconfig) {
  write("config", R"(
current-context: b
contexts:
- {name: a, context: {cluster: x, user: y}}
- {name: b, context: {cluster: c2, user: u2}}
clusters:
- name: c2
  cluster: {server: "https://k8s:6443/", certificate-authority-data: "UEVN", tls-server-name: k}
users:
- name: u2
  user: {token: t0ken, client-certificate: cert.pem, client-key: /abs/key.pem}
)");
  KubernetesOptions options;
  options.kubeconfig_file = dir_ / "config";
  const auto found = access(options);
  ASSERT_TRUE(found.has_value()) << found.error().message();
  EXPECT_EQ(found->server, "https://k8s:6443");
  EXPECT_EQ(found->http.tls.ca.text, "PEM");
  EXPECT_EQ(found->http.tls.server_name, "k");
  EXPECT_EQ(found->http.tls.cert.file, dir_ / "cert.pem");
  EXPECT_EQ(found->http.tls.key.file, "/abs/key.pem");
  EXPECT_EQ(found->http.authorization->credentials.text, "t0ken");
  EXPECT_THAT(found->namespaces, ElementsAre(""));
}

TEST_F(KubernetesAccessTest, ABrokenKubeconfigSaysWhy) {
  KubernetesOptions options;
  options.kubeconfig_file = dir_ / "config";
  EXPECT_FALSE(access(options).has_value());
  for (const char* text :
       {"[", "current-context: a\n",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x'}}]\nusers: [{name: u, user: {exec: "
        "{command: aws}}}]\n",
        "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
        "clusters: [{name: c, cluster: {server: 'https://x', certificate-authority-data: "
        "'***'}}]\n"}) {
    write("config", text);
    EXPECT_FALSE(access(options).has_value()) << text;
  }
}

}  // namespace
}  // namespace narthex::discovery
