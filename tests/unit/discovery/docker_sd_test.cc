#include <array>
#include <thread>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "unit/discovery/api_server.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

// Answers in the shape of the Docker Engine API 1.4x.
constexpr std::string_view kNetworks = R"([
  {"Name":"front","Id":"net1","Scope":"local","Internal":false,"Ingress":false,"Labels":{"com.x":"1"}},
  {"Name":"back","Id":"net2","Scope":"swarm","Internal":true,"Ingress":true,"Labels":{}}])";
constexpr std::string_view kContainers = R"([
  {"Id":"c1","Names":["/web"],"Image":"nginx:1","ImageID":"sha256:1","Labels":{"com.docker.compose.project":"p"},
   "Ports":[{"IP":"0.0.0.0","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},{"PrivatePort":53,"Type":"udp"}],
   "HostConfig":{"NetworkMode":"front"},
   "NetworkSettings":{"Networks":{"front":{"NetworkID":"net1","IPAddress":"172.20.0.3"},
                                  "back":{"NetworkID":"net2","IPAddress":"172.19.0.2"}}}},
  {"Id":"c2","Names":["/sidecar"],"Labels":{},"Ports":[{"PrivatePort":9100,"Type":"tcp"}],
   "HostConfig":{"NetworkMode":"container:c1"},"NetworkSettings":{"Networks":{}}},
  {"Id":"c3","Names":["/host"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"host"},
   "NetworkSettings":{"Networks":{"host":{"NetworkID":"net3","IPAddress":""}}}},
  {"Id":"c4","Names":["/six"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"front"},
   "NetworkSettings":{"Networks":{"front":{"NetworkID":"net1","IPAddress":"","GlobalIPv6Address":"fd00::4"}}}},
  {"Id":"c5","Names":["/loop"],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"container:c5"},
   "NetworkSettings":{"Networks":{}}},
  {"Id":"c6","Names":[],"Labels":{},"Ports":[],"HostConfig":{"NetworkMode":"front"},
   "NetworkSettings":{"Networks":{"front":{"NetworkID":"net1","IPAddress":"172.20.0.9"}}}}])";

class DockerDiscovererTest : public DiscovererTest {
 protected:
  DockerDiscovererTest() {
    server_.set("/networks", std::string(kNetworks));
    server_.set("/containers/json", std::string(kContainers));
  }
  ~DockerDiscovererTest() override { tasks_.stop(); }
  DockerOptions options() const {
    DockerOptions out;
    out.host = "tcp://" + server_.address();
    return out;
  }
  ApiServer server_;
};

TEST_F(DockerDiscovererTest, ContainersTimesNetworksTimesPorts) {
  DockerOptions settings = options();
  settings.match_first_network = false;
  settings.filters = {{"label", {"a", "b=c"}}};
  start(settings);
  ASSERT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
  EXPECT_THAT(sink_.addresses(),
              UnorderedElementsAre("172.19.0.2:80", "172.20.0.3:80", "172.19.0.2:9100",
                                   "172.20.0.3:9100", "localhost", "[fd00::4]:80"));
  EXPECT_EQ(
      sink_.at("172.20.0.3:80").to_string(),
      R"({__address__="172.20.0.3:80", __meta_docker_container_id="c1", __meta_docker_container_image="nginx:1", )"
      R"(__meta_docker_container_image_id="sha256:1", )"
      R"(__meta_docker_container_label_com_docker_compose_project="p", __meta_docker_container_name="/web", )"
      R"(__meta_docker_container_network_mode="front", __meta_docker_network_id="net1", )"
      R"(__meta_docker_network_ingress="false", __meta_docker_network_internal="false", )"
      R"(__meta_docker_network_ip="172.20.0.3", __meta_docker_network_label_com_x="1", )"
      R"(__meta_docker_network_name="front", __meta_docker_network_scope="local", )"
      R"(__meta_docker_port_private="80", __meta_docker_port_public="8080", __meta_docker_port_public_ip="0.0.0.0"})");
  EXPECT_EQ(sink_.at("172.20.0.3:9100").get("__meta_docker_container_name"), "/sidecar");
  EXPECT_THAT(server_.last("/containers/json"),
              HasSubstr("filters=%7B%22label%22%3A%7B%22a%22%3Atrue%2C%22b%3Dc%22%3Atrue%7D%7D"));
}

TEST_F(DockerDiscovererTest, OnlyTheFirstNetworkByNameUnlessAskedOtherwise) {
  start(options());
  ASSERT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
  EXPECT_THAT(sink_.addresses(), UnorderedElementsAre("172.19.0.2:80", "172.19.0.2:9100",
                                                      "localhost", "[fd00::4]:80"));
}

// The daemon listens on a Unix socket: a relay in front of the server stands in for it.
TEST_F(DockerDiscovererTest, SpeaksOverAUnixSocket) {
  const test::TempDir dir;
  const std::string path = dir / "docker.sock";
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof(name.sun_path) - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
  ASSERT_EQ(::listen(listener, 8), 0);
  std::jthread daemon([listener] {
    const int fd = ::accept(listener, nullptr, nullptr);
    std::string received;
    std::array<char, 4096> buffer{};
    ssize_t bytes = 0;
    while (fd >= 0 && (bytes = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0) {
      received.append(buffer.data(), static_cast<std::size_t>(bytes));
      if (!received.contains("\r\n\r\n")) continue;
      const bool is_networks = received.contains("GET /networks");
      received.clear();
      const std::string reply =
          test::FakeTarget::ok(is_networks ? kNetworks : kContainers, "application/json").bytes;
      ::send(fd, reply.data(), reply.size(), MSG_NOSIGNAL);
    }
    if (fd >= 0) ::close(fd);
  });
  DockerOptions settings;
  settings.host = "unix://" + path;
  start(settings);
  EXPECT_TRUE(test::eventually([this] { return sink_.addresses().size() == 4; }));
  tasks_.stop();
  discoverer_.reset();  // Closes the connection.
  ::shutdown(listener, SHUT_RDWR);
  ::close(listener);
}

TEST_F(DockerDiscovererTest, ASocketThatIsNotThereIsAFailure) {
  DockerOptions settings;
  settings.host = "unix:///does/not/exist.sock";
  start(settings);
  ASSERT_TRUE(test::eventually([this] {
    return metric("prometheus_sd_refresh_failures_total{mechanism=\"docker\"}") == 1;
  }));
}

TEST_F(DockerDiscovererTest, AHostWithoutASocketIsRefused) {
  DockerOptions settings;
  settings.host = "npipe:////./pipe/docker";
  EXPECT_FALSE(make_discoverer(settings, context_).has_value());
  settings.host = "unix://";
  EXPECT_FALSE(make_discoverer(settings, context_).has_value());
}

constexpr std::string_view kServices = R"([
  {"ID":"s1","Spec":{"Name":"web","Labels":{"team.x":"a"},"Mode":{"Replicated":{"Replicas":2}},
     "TaskTemplate":{"ContainerSpec":{"Image":"nginx:1","Hostname":"h"}}},
   "UpdateStatus":{"State":"completed"},
   "Endpoint":{"Ports":[{"Name":"http","Protocol":"tcp","TargetPort":80,"PublishedPort":8080,"PublishMode":"ingress"},
                        {"Protocol":"udp","PublishedPort":53}],
               "VirtualIPs":[{"NetworkID":"net2","Addr":"10.0.0.3/24"}]}},
  {"ID":"s2","Spec":{"Name":"agent","Mode":{"Global":{}}},
   "Endpoint":{"VirtualIPs":[{"NetworkID":"net1","Addr":"10.0.1.9/24"}]}}])";
constexpr std::string_view kNodes = R"([
  {"ID":"n1","Spec":{"Role":"manager","Availability":"active","Labels":{"disk":"ssd"}},
   "Description":{"Hostname":"alpha","Platform":{"Architecture":"x86_64","OS":"linux"},"Engine":{"EngineVersion":"24.0"}},
   "Status":{"State":"ready","Addr":"192.168.1.1"},
   "ManagerStatus":{"Leader":true,"Reachability":"reachable","Addr":"192.168.1.1:2377"}},
  {"ID":"n2","Spec":{"Role":"worker","Availability":"drain"},"Description":{"Hostname":"beta"},
   "Status":{"State":"down","Addr":"192.168.1.2"}}])";
constexpr std::string_view kTasks = R"([
  {"ID":"t1","ServiceID":"s1","NodeID":"n1","Slot":2,"DesiredState":"running",
   "Spec":{"ContainerSpec":{"Labels":{"build.no":"5"}}},
   "Status":{"State":"running","ContainerStatus":{"ContainerID":"cafe"},
             "PortStatus":{"Ports":[{"Protocol":"tcp","PublishedPort":9999,"PublishMode":"host"}]}},
   "NetworksAttachments":[{"Network":{"ID":"net2"},"Addresses":["10.0.0.7/24"]}]},
  {"ID":"t2","ServiceID":"s2","NodeID":"n2","DesiredState":"shutdown","Status":{"State":"failed","PortStatus":{}},
   "NetworksAttachments":[{"Network":{"ID":"net1"},"Addresses":["10.0.1.8/24"]}]}])";

class SwarmDiscovererTest : public DockerDiscovererTest {
 protected:
  SwarmDiscovererTest() {
    server_.set("/services", std::string(kServices));
    server_.set("/nodes", std::string(kNodes));
    server_.set("/tasks", std::string(kTasks));
  }
  void start_role(SwarmRole role) {
    DockerSwarmOptions settings;
    settings.host = server_.url();
    settings.role = role;
    start(settings);
    ASSERT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
  }
};

TEST_F(SwarmDiscovererTest, Services) {
  start_role(SwarmRole::kServices);
  EXPECT_THAT(sink_.addresses(), UnorderedElementsAre("10.0.0.3:8080", "10.0.1.9:80"));
  EXPECT_EQ(
      sink_.at("10.0.0.3:8080").to_string(),
      R"({__address__="10.0.0.3:8080", __meta_dockerswarm_network_id="net2", __meta_dockerswarm_network_ingress="true", )"
      R"(__meta_dockerswarm_network_internal="true", __meta_dockerswarm_network_name="back", )"
      R"(__meta_dockerswarm_network_scope="swarm", __meta_dockerswarm_service_endpoint_port_name="http", )"
      R"(__meta_dockerswarm_service_endpoint_port_publish_mode="ingress", __meta_dockerswarm_service_id="s1", )"
      R"(__meta_dockerswarm_service_label_team_x="a", __meta_dockerswarm_service_mode="replicated", )"
      R"(__meta_dockerswarm_service_name="web", __meta_dockerswarm_service_task_container_hostname="h", )"
      R"(__meta_dockerswarm_service_task_container_image="nginx:1", __meta_dockerswarm_service_updating_status="completed"})");
  EXPECT_EQ(sink_.at("10.0.1.9:80").get("__meta_dockerswarm_service_mode"), "global");
}

TEST_F(SwarmDiscovererTest, Nodes) {
  start_role(SwarmRole::kNodes);
  EXPECT_EQ(
      sink_.at("192.168.1.1:80").to_string(),
      R"({__address__="192.168.1.1:80", __meta_dockerswarm_node_address="192.168.1.1", )"
      R"(__meta_dockerswarm_node_availability="active", __meta_dockerswarm_node_engine_version="24.0", )"
      R"(__meta_dockerswarm_node_hostname="alpha", __meta_dockerswarm_node_id="n1", __meta_dockerswarm_node_label_disk="ssd", )"
      R"(__meta_dockerswarm_node_manager_address="192.168.1.1:2377", __meta_dockerswarm_node_manager_leader="true", )"
      R"(__meta_dockerswarm_node_manager_reachability="reachable", __meta_dockerswarm_node_platform_architecture="x86_64", )"
      R"(__meta_dockerswarm_node_platform_os="linux", __meta_dockerswarm_node_role="manager", __meta_dockerswarm_node_status="ready"})");
  EXPECT_FALSE(sink_.at("192.168.1.2:80").has("__meta_dockerswarm_node_manager_leader"));
}

TEST_F(SwarmDiscovererTest, Tasks) {
  start_role(SwarmRole::kTasks);
  EXPECT_THAT(sink_.addresses(),
              UnorderedElementsAre("192.168.1.1:9999", "10.0.0.7:8080", "10.0.1.8:80"));
  const model::Labels published = sink_.at("192.168.1.1:9999");
  EXPECT_EQ(published.get("__meta_dockerswarm_task_port_publish_mode"), "host");
  EXPECT_EQ(published.get("__meta_dockerswarm_task_slot"), "2");
  EXPECT_EQ(published.get("__meta_dockerswarm_task_container_id"), "cafe");
  EXPECT_EQ(published.get("__meta_dockerswarm_container_label_build_no"), "5");
  EXPECT_EQ(published.get("__meta_dockerswarm_service_name"), "web");
  EXPECT_EQ(published.get("__meta_dockerswarm_node_hostname"), "alpha");
  const model::Labels attached = sink_.at("10.0.0.7:8080");
  EXPECT_EQ(attached.get("__meta_dockerswarm_task_port_publish_mode"), "ingress");
  EXPECT_EQ(attached.get("__meta_dockerswarm_network_name"), "back");
  EXPECT_EQ(sink_.at("10.0.1.8:80").get("__meta_dockerswarm_task_desired_state"), "shutdown");
}

}  // namespace
}  // namespace narthex::discovery
