// Answers are in the shapes that the providers document.
#include "unit/discovery/cloud_fixture.h"

namespace narthex::discovery {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

TEST_F(CloudDiscovererTest, DigitalOceanDatabases) {
  server_.set(
      "/v2/databases",
      R"({"databases":[{"id":"9cc1","name":"pg-1","engine":"pg","version":"16","status":"online","region":"fra1","size":"db-s-1vcpu-2gb",
    "num_nodes":1,"tags":["prod","a-b"],"connection":{"host":"pg.example.com","port":25060},"private_connection":null},
    {"id":"a0b1","name":"my","engine":"mysql","num_nodes":2,"tags":null,"connection":{"host":"public"},"private_connection":{"host":"private"}},
    {"id":"c","name":"being made"}],"links":{}})");
  DigitalOceanOptions options;
  options.role = DigitalOceanRole::kDatabases;
  options.api = server_.url();
  options.port = 9273;
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("pg.example.com:9273", "__meta_digitalocean_db_"),
            (Texts{{"id", "9cc1"},
                   {"name", "pg-1"},
                   {"engine", "pg"},
                   {"version", "16"},
                   {"status", "online"},
                   {"region", "fra1"},
                   {"size", "db-s-1vcpu-2gb"},
                   {"num_nodes", "1"},
                   {"host", "pg.example.com"},
                   {"tag_prod", "true"},
                   {"tag_a_b", "true"}}));
  EXPECT_EQ(meta("private:9273", "__meta_digitalocean_db_").at("host"), "public");
  EXPECT_EQ(meta("private:9273", "__meta_digitalocean_db_").at("private_host"), "private");
}

TEST_F(CloudDiscovererTest, DigitalOceanDropletsOfAllPages) {
  const std::string pages = "/v2/droplets?per_page=200&page=";
  server_.set(
      pages + "1",
      R"({"droplets":[{"id":3164444,"name":"web","status":"active","size_slug":"s-1vcpu-1gb",
    "image":{"slug":"ubuntu-16-04-x64","name":"16.04"},"region":{"slug":"nyc3"},"vpc_uuid":"f9b0","features":["backups","ipv6"],
    "tags":["web","eu"],"networks":{"v4":[{"ip_address":"10.0.0.1","type":"private"},{"ip_address":"104.236.32.182","type":"public"}],
    "v6":[{"ip_address":"2604:A880::2","type":"public"}]}},
    {"id":1,"name":"no network","networks":{"v4":[],"v6":[]}}],
    "links":{"pages":{"next":"http://elsewhere/?page=2"}},"meta":{"total":3}})");
  server_.set(
      pages + "2",
      R"({"droplets":[{"id":2,"name":"b","networks":{"v4":[{"ip_address":"1.1.1.1","type":"public"}]},
    "tags":[],"features":[]}],"links":{},"meta":{"total":3}})");
  DigitalOceanOptions options;
  options.api = server_.url();
  options.port = 9100;
  options.http.authorization = http::Authorization{.credentials = {.text = "tok", .file = {}}};
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("104.236.32.182:9100", "__meta_digitalocean_"),
            (Texts{{"droplet_id", "3164444"},
                   {"droplet_name", "web"},
                   {"image", "ubuntu-16-04-x64"},
                   {"image_name", "16.04"},
                   {"private_ipv4", "10.0.0.1"},
                   {"public_ipv4", "104.236.32.182"},
                   {"public_ipv6", "2604:A880::2"},
                   {"region", "nyc3"},
                   {"size", "s-1vcpu-1gb"},
                   {"status", "active"},
                   {"features", ",backups,ipv6,"},
                   {"tags", ",web,eu,"},
                   {"vpc", "f9b0"}}));
  EXPECT_EQ(meta("1.1.1.1:9100", "__meta_digitalocean_").count("tags"), 0U);
  EXPECT_THAT(server_.last(pages + "2"), HasSubstr("Authorization: Bearer tok\r\n"));
  expect_failure_keeps_targets("digitalocean", pages + "1");
}

TEST_F(CloudDiscovererTest, HetznerCloudServersOfAllPages) {
  server_.set(
      "/v1/networks",
      R"({"networks":[{"id":4711,"name":"my-net"}],"meta":{"pagination":{"next_page":null}}})");
  const std::string pages = "/v1/servers?per_page=50&label_selector=env%3Dprod&page=";
  server_.set(pages + "1", R"({"servers":[{"id":42,"name":"my-server","status":"running",
    "public_net":{"ipv4":{"ip":"1.2.3.4"},"ipv6":{"ip":"2001:db8::/64"}},"private_net":[{"network":4711,"ip":"10.0.0.2"},{"network":1,"ip":"10.0.0.9"}],
    "server_type":{"name":"cx11","cores":1,"cpu_type":"shared","memory":4.0,"disk":25},
    "datacenter":{"name":"fsn1-dc8","location":{"name":"fsn1","network_zone":"eu-central"}},
    "image":{"name":"ubuntu-20.04","description":"Ubuntu 20.04 Standard 64 bit","os_flavor":"ubuntu","os_version":"20.04"},
    "labels":{"my-key":"my-value","empty":""}}],"meta":{"pagination":{"next_page":2}}})");
  server_.set(
      pages + "2",
      R"({"servers":[{"id":43,"name":"n","status":"off","public_net":{"ipv4":{"ip":"1.2.3.5"},"ipv6":null},
    "server_type":{"name":"cx22","cores":2,"cpu_type":"dedicated","memory":8,"disk":80},"image":null,
    "location":{"name":"hel1","network_zone":"eu-central"},"labels":{}}],"meta":{"pagination":{"next_page":null}}})");
  HetznerOptions options;
  options.cloud_api = server_.url();
  options.label_selector = "env=prod";
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("1.2.3.4:80", "__meta_hetzner_"),
            (Texts{{"role", "hcloud"},
                   {"server_id", "42"},
                   {"server_name", "my-server"},
                   {"server_status", "running"},
                   {"public_ipv4", "1.2.3.4"},
                   {"public_ipv6_network", "2001:db8::/64"},
                   {"datacenter", "fsn1-dc8"},
                   {"hcloud_location", "fsn1"},
                   {"hcloud_location_network_zone", "eu-central"},
                   {"hcloud_datacenter_location", "fsn1"},
                   {"hcloud_datacenter_location_network_zone", "eu-central"},
                   {"hcloud_server_type", "cx11"},
                   {"hcloud_cpu_cores", "1"},
                   {"hcloud_cpu_type", "shared"},
                   {"hcloud_memory_size_gb", "4"},
                   {"hcloud_disk_size_gb", "25"},
                   {"hcloud_image_name", "ubuntu-20.04"},
                   {"hcloud_image_description", "Ubuntu 20.04 Standard 64 bit"},
                   {"hcloud_image_os_flavor", "ubuntu"},
                   {"hcloud_image_os_version", "20.04"},
                   {"hcloud_private_ipv4_my_net", "10.0.0.2"},
                   {"hcloud_label_my_key", "my-value"},
                   {"hcloud_labelpresent_my_key", "true"},
                   {"hcloud_labelpresent_empty", "true"}}));
  EXPECT_EQ(meta("1.2.3.5:80", "__meta_hetzner_").at("hcloud_location"), "hel1");
  expect_failure_keeps_targets("hetzner", "/v1/networks");
}

TEST_F(CloudDiscovererTest, HetznerRobotServers) {
  server_.set(
      "/server",
      R"([{"server":{"server_ip":"123.123.123.123","server_number":321,"server_name":"server1","product":"DS 3000",
    "dc":"NBG1-DC1","status":"ready","cancelled":false,"subnet":[{"ip":"2a01:4f8:111:4221::","mask":"64"}]}},
    {"server":{"server_ip":"123.123.123.124","server_number":421,"server_name":"server2","product":"X5","dc":"FSN1-DC10",
    "status":"in process","cancelled":true,"subnet":null}}])");
  HetznerOptions options;
  options.role = HetznerRole::kRobot;
  options.robot_api = server_.url();
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("123.123.123.123:80", "__meta_hetzner_"),
            (Texts{{"role", "robot"},
                   {"server_id", "321"},
                   {"server_name", "server1"},
                   {"server_status", "ready"},
                   {"public_ipv4", "123.123.123.123"},
                   {"public_ipv6_network", "2a01:4f8:111:4221::/64"},
                   {"datacenter", "nbg1-dc1"},
                   {"robot_datacenter", "nbg1-dc1"},
                   {"robot_product", "DS 3000"},
                   {"robot_cancelled", "false"}}));
  EXPECT_EQ(meta("123.123.123.124:80", "__meta_hetzner_").at("robot_cancelled"), "true");
  expect_failure_keeps_targets("hetzner", "/server");
}

TEST_F(CloudDiscovererTest, IonosServersWithAnAddress) {
  const std::string path = "/cloudapi/v6/datacenters/dc%2F1/servers";
  server_.set(
      path,
      R"({"id":"x","items":[{"id":"s1","properties":{"name":"prod","cpuFamily":"INTEL_SKYLAKE","availabilityZone":"ZONE_2",
    "vmState":"RUNNING","type":"ENTERPRISE","bootVolume":{"id":"v1"},"bootCdrom":null},"metadata":{"state":"AVAILABLE"},
    "entities":{"volumes":{"items":[{"id":"v0","properties":{"image":"i0"}},{"id":"v1","properties":{"image":"i1"}}]},
    "nics":{"items":[{"properties":{"name":"front end","ips":["85.215.243.177","185.56.150.9"]}},{"properties":{"ips":["10.7.222.1"]}}]}}},
    {"id":"s2","properties":{"name":"dark"},"entities":{"nics":{"items":[]}}}]})");
  IonosOptions options;
  options.api = server_.url();
  options.datacenter_id = "dc/1";
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("85.215.243.177:80", "__meta_ionos_server_"),
            (Texts{{"availability_zone", "ZONE_2"},
                   {"boot_image_id", "i1"},
                   {"boot_volume_id", "v1"},
                   {"cpu_family", "INTEL_SKYLAKE"},
                   {"id", "s1"},
                   {"ip", ",85.215.243.177,185.56.150.9,10.7.222.1,"},
                   {"lifecycle", "AVAILABLE"},
                   {"name", "prod"},
                   {"nic_ip_front_end", ",85.215.243.177,185.56.150.9,"},
                   {"nic_ip_unnamed", ",10.7.222.1,"},
                   {"servers_id", "datacenters/dc/1/servers"},
                   {"state", "RUNNING"},
                   {"type", "ENTERPRISE"}}));
  expect_failure_keeps_targets("ionos", path);
}

TEST_F(CloudDiscovererTest, LinodeInstancesWithTheirAddresses) {
  server_.set("/v4/networking/ips",
              R"({"data":[{"address":"45.33.82.151","public":true,"rdns":"li1.example"},
    {"address":"192.168.170.51","public":false,"rdns":null},{"address":"96.126.108.16","public":true,"rdns":"x"},
    {"address":"2600:3c03::1","public":true,"rdns":"six.example"}],"page":1,"pages":1})");
  server_.set(
      "/v4/networking/ipv6/ranges",
      R"({"data":[{"range":"2600:3c03:e000:123::","prefix":64,"route_target":"2600:3c03::1"}],"pages":1})");
  const std::string pages = "/v4/linode/instances?page_size=500&page=";
  server_.set(
      pages + "1",
      R"({"data":[{"id":26838044,"label":"prometheus-1","group":"g","image":"linode/arch","region":"us-east","type":"g6-standard-2",
    "status":"running","hypervisor":"kvm","tags":["monitoring","x"],"ipv4":["45.33.82.151","96.126.108.16","192.168.170.51"],"ipv6":"2600:3c03::1/128",
    "specs":{"disk":81920,"memory":4096,"vcpus":2,"gpus":0,"transfer":4000},"backups":{"enabled":true}}],"page":1,"pages":2})");
  server_.set(pages + "2", R"({"data":[{"id":2,"label":"none","ipv4":[]}],"page":2,"pages":2})");
  LinodeOptions options;
  options.api = server_.url();
  options.region = "us-east";
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("45.33.82.151:80", "__meta_linode_"),
            (Texts{{"instance_id", "26838044"},
                   {"instance_label", "prometheus-1"},
                   {"group", "g"},
                   {"image", "linode/arch"},
                   {"region", "us-east"},
                   {"type", "g6-standard-2"},
                   {"status", "running"},
                   {"hypervisor", "kvm"},
                   {"tags", ",monitoring,x,"},
                   {"public_ipv4", "45.33.82.151"},
                   {"public_ipv4_rdns", "li1.example"},
                   {"private_ipv4", "192.168.170.51"},
                   {"public_ipv6", "2600:3c03::1"},
                   {"public_ipv6_rdns", "six.example"},
                   {"extra_ips", ",96.126.108.16,"},
                   {"ipv6_ranges", ",2600:3c03:e000:123::/64,"},
                   {"gpus", "0"},
                   {"specs_disk_bytes", "85899345920"},
                   {"specs_memory_bytes", "4294967296"},
                   {"specs_transfer_bytes", "4194304000"},
                   {"specs_vcpus", "2"},
                   {"backups", "enabled"}}));
  EXPECT_THAT(server_.last(pages), HasSubstr("X-Filter: {\"region\":\"us-east\"}\r\n"));
  expect_failure_keeps_targets("linode", pages + "2");
}

TEST_F(CloudDiscovererTest, MarathonAsksTheServerThatAnswers) {
  server_.set("/v2/apps/", R"({"apps":[
    {"id":"/group/mapped","labels":{"prom.io":"yes"},"container":{"docker":{"image":"repo/image:tag"},"portMappings":[
      {"containerPort":8080,"hostPort":0,"labels":{"metrics":"/m"}},{"containerPort":9090,"hostPort":31001}]},
      "networks":[{"mode":"container","name":"dcos"}],
      "tasks":[{"id":"t1","host":"agent1","ports":[31000,31001],"ipAddresses":[{"ipAddress":"9.0.0.1","protocol":"IPv4"}]}]},
    {"id":"bridged","container":{"docker":{"image":"x","portMappings":[{"containerPort":80,"hostPort":0,"labels":{"a":"b"}}]}},
      "tasks":[{"id":"t2","host":"agent2","ports":[31002]}]},
    {"id":"defined","requirePorts":false,"portDefinitions":[{"port":10000,"labels":{"l":"v"}}],"tasks":[{"id":"t3","host":"agent3","ports":[31003]}]},
    {"id":"fixed","requirePorts":true,"portDefinitions":[{"port":10001}],"tasks":[{"id":"t4","host":"agent4","ports":[10001]}]},
    {"id":"plain","tasks":[{"id":"t5","host":"agent5","ports":[31005,31006]}]},
    {"id":"idle","tasks":[]}]})");
  MarathonOptions options;
  options.servers = {"http://127.0.0.1:1/", server_.url() + "/"};
  options.auth_token.text = "secret";
  ASSERT_TRUE(finds(options, 7));
  EXPECT_THAT(server_.last("/v2/apps/"), HasSubstr("Authorization: token=secret\r\n"));
  EXPECT_THAT(server_.last("/v2/apps/"), HasSubstr("?embed=apps.tasks "));
  EXPECT_THAT(sink_.addresses(),
              UnorderedElementsAre("9.0.0.1:8080", "9.0.0.1:9090", "agent2:31002", "agent3:31003",
                                   "agent4:10001", "agent5:31005", "agent5:31006"));
  EXPECT_EQ(meta("9.0.0.1:8080", "__meta_marathon_"), (Texts{{"app", "/group/mapped"},
                                                             {"image", "repo/image:tag"},
                                                             {"app_label_prom_io", "yes"},
                                                             {"port_mapping_label_metrics", "/m"},
                                                             {"port_index", "0"},
                                                             {"task", "t1"}}));
  EXPECT_EQ(meta("agent3:31003", "__meta_marathon_"), (Texts{{"app", "defined"},
                                                             {"port_definition_label_l", "v"},
                                                             {"port_index", "0"},
                                                             {"task", "t3"}}));
  EXPECT_EQ(meta("agent5:31006", "__meta_marathon_").at("port_index"), "1");
  expect_failure_keeps_targets("marathon", "/v2/apps/");
}

TEST_F(CloudDiscovererTest, NomadServicesAndTheirInstances) {
  server_.set(
      "/v1/services",
      R"([{"Namespace":"default","Services":[{"ServiceName":"hello-world","Tags":["a"]},{"ServiceName":"b/c","Tags":[]}]}])");
  server_.set(
      "/v1/service/hello-world",
      R"([{"Address":"127.0.0.1","AllocID":"x","Datacenter":"dc1","ID":"_nomad-task-1","JobID":"j",
    "Namespace":"default","NodeID":"node1","Port":30456,"ServiceName":"hello-world","Tags":["metrics","v2"]}])");
  server_.set(
      "/v1/service/b%2Fc",
      R"([{"Address":"::1","Datacenter":"dc1","ID":"i2","Namespace":"default","NodeID":"n2","Port":1,
    "ServiceName":"b/c","Tags":[]}])");
  NomadOptions options;
  options.server = server_.url();
  options.tag_separator = ";";
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("127.0.0.1:30456", "__meta_nomad_"), (Texts{{"address", "127.0.0.1:30456"},
                                                             {"dc", "dc1"},
                                                             {"namespace", "default"},
                                                             {"node_id", "node1"},
                                                             {"service", "hello-world"},
                                                             {"service_address", "127.0.0.1"},
                                                             {"service_id", "_nomad-task-1"},
                                                             {"service_port", "30456"},
                                                             {"tags", ";metrics;v2;"}}));
  EXPECT_EQ(meta("[::1]:1", "__meta_nomad_").count("tags"), 0U);
  EXPECT_THAT(server_.last("/v1/services"), HasSubstr("?namespace=default&region=global&stale="));
  expect_failure_keeps_targets("nomad", "/v1/service/hello-world");
}

TEST_F(CloudDiscovererTest, PuppetDbResources) {
  server_.set(
      "/pdb/query/v4",
      R"([{"certname":"edinburgh.example.com","resource":"49af","type":"Class","title":"Prometheus::Node_exporter",
    "exported":false,"tags":["prometheus","class"],"file":"/etc/m.pp","line":384,"environment":"prod",
    "parameters":{"port":9100,"ratio":0.5,"on":true,"labels":{"alias":"edinburgh","deep-er":{"x":1}},"list":["a",2,[3]],"none":null}}])");
  PuppetDbOptions options;
  options.url = server_.url() + "/";
  options.query = "resources { type = \"Class\" }";
  options.include_parameters = true;
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("edinburgh.example.com:80", "__meta_puppetdb_"),
            (Texts{{"query", options.query},
                   {"certname", "edinburgh.example.com"},
                   {"resource", "49af"},
                   {"type", "Class"},
                   {"title", "Prometheus::Node_exporter"},
                   {"exported", "false"},
                   {"tags", ",prometheus,class,"},
                   {"file", "/etc/m.pp"},
                   {"environment", "prod"},
                   {"parameter_port", "9100"},
                   {"parameter_ratio", "0.5"},
                   {"parameter_on", "true"},
                   {"parameter_labels_alias", "edinburgh"},
                   {"parameter_labels_deep_er_x", "1"},
                   {"parameter_list", "a,2"}}));
  const std::string request = server_.last("/pdb/query/v4");
  EXPECT_THAT(request, HasSubstr("POST /pdb/query/v4 "));
  EXPECT_THAT(request, HasSubstr(R"({"query":"resources { type = \"Class\" }"})"));
  expect_failure_keeps_targets("puppetdb", "/pdb/query/v4");
}

TEST_F(CloudDiscovererTest, PuppetDbKeepsParametersToItselfUnlessAsked) {
  server_.set("/pdb/query/v4", R"([{"certname":"a","parameters":{"password":"x"}}])");
  PuppetDbOptions options;
  options.url = server_.url();
  options.query = "q";
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("a:80", "__meta_puppetdb_"),
            (Texts{{"query", "q"}, {"certname", "a"}, {"exported", "false"}}));
}

TEST_F(CloudDiscovererTest, ScalewayInstancesOfAllPages) {
  std::string many;
  for (int i = 0; i < 99; ++i)
    many += R"({"id":"i","private_ip":"10.1.0.)" + std::to_string(i) + R"("},)";
  const std::string pages =
      "/instance/v1/zones/fr-par-1/servers?project=p&name=web&tags=a%2Cb&per_page=100&page=";
  server_.set(pages + "1", R"({"servers":[)" + many +
                               R"({"id":"93c1","name":"scw-1","hostname":"h1","boot_type":"local",
    "commercial_type":"DEV1-S","state":"running","organization":"o1","project":"p1","zone":"fr-par-1","arch":"x86_64",
    "image":{"arch":"x86_64","id":"45a8","name":"Ubuntu 20.04"},"location":{"cluster_id":"40","hypervisor_id":"1601","node_id":"29","zone_id":"par1"},
    "security_group":{"id":"0fe8","name":"Default"},"tags":["a","b"],"private_ip":null,
    "public_ip":{"address":"51.158.183.115"},"ipv6":{"address":"2001:bc8:630:1e1c::1"}}]})");
  server_.set(pages + "2",
              R"({"servers":[{"id":"none","private_ip":null},{"id":"routed","zone":"fr-par-1",
    "public_ips":[{"address":"1.1.1.1","family":"inet"},{"address":"1.1.1.2","family":"inet"},{"address":"2001:db8::1","family":"inet6"}],
    "public_ip":{"address":"1.1.1.1"}}]})");
  ScalewayOptions options;
  options.api_url = server_.url() + "/";
  options.project_id = "p";
  options.name_filter = "web";
  options.tags_filter = {"a", "b"};
  options.secret_key.text = "key";
  ASSERT_TRUE(finds(options, 101));
  EXPECT_EQ(meta("51.158.183.115:80", "__meta_scaleway_instance_"),
            (Texts{{"id", "93c1"},
                   {"name", "scw-1"},
                   {"hostname", "h1"},
                   {"boot_type", "local"},
                   {"type", "DEV1-S"},
                   {"status", "running"},
                   {"organization_id", "o1"},
                   {"project_id", "p1"},
                   {"zone", "fr-par-1"},
                   {"region", "fr-par"},
                   {"image_arch", "x86_64"},
                   {"image_id", "45a8"},
                   {"image_name", "Ubuntu 20.04"},
                   {"location_cluster_id", "40"},
                   {"location_hypervisor_id", "1601"},
                   {"location_node_id", "29"},
                   {"security_group_id", "0fe8"},
                   {"security_group_name", "Default"},
                   {"tags", ",a,b,"},
                   {"public_ipv4", "51.158.183.115"},
                   {"public_ipv4_addresses", ",51.158.183.115,"},
                   {"public_ipv6", "2001:bc8:630:1e1c::1"}}));
  EXPECT_EQ(meta("1.1.1.1:80", "__meta_scaleway_instance_").at("public_ipv4_addresses"),
            ",1.1.1.1,1.1.1.2,");
  EXPECT_THAT(server_.last(pages), HasSubstr("X-Auth-Token: key\r\n"));
  expect_failure_keeps_targets("scaleway", pages + "2");
}

TEST_F(CloudDiscovererTest, ScalewayBareMetal) {
  const std::string base = "/baremetal/v1/zones/fr-par-2/";
  server_.set(base + "offers",
              R"({"offers":[{"id":"of1","name":"EM-A210R-HDD"}],"total_count":1})");
  server_.set(base + "os",
              R"({"os":[{"id":"os1","name":"Ubuntu","version":"20.04"}],"total_count":1})");
  server_.set(
      base + "servers",
      R"({"servers":[{"id":"1e4a","name":"elegant","project_id":"p","status":"ready","offer_id":"of1","tags":["x"],
    "zone":"fr-par-2","install":{"os_id":"os1"},"ips":[{"address":"2001:bc8::5","version":"IPv6"},{"address":"51.159.1.1","version":"IPv4"}]},
    {"id":"no-ip","ips":[]}],"total_count":2})");
  ScalewayOptions options;
  options.api_url = server_.url();
  options.role = ScalewayRole::kBareMetal;
  options.zone = "fr-par-2";
  options.project_id = "p";
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("51.159.1.1:80", "__meta_scaleway_baremetal_"),
            (Texts{{"id", "1e4a"},
                   {"name", "elegant"},
                   {"project_id", "p"},
                   {"status", "ready"},
                   {"type", "EM-A210R-HDD"},
                   {"os_name", "Ubuntu"},
                   {"os_version", "20.04"},
                   {"tags", ",x,"},
                   {"zone", "fr-par-2"},
                   {"public_ipv4", "51.159.1.1"},
                   {"public_ipv6", "2001:bc8::5"}}));
  expect_failure_keeps_targets("scaleway", base + "os");
}

TEST_F(CloudDiscovererTest, TritonContainers) {
  server_.set(
      "/v1/discover?groups=a,b%20c",
      R"({"containers":[{"groups":["a","b c"],"server_uuid":"44454c4c","vm_alias":"server01","vm_brand":"lx",
    "vm_image_uuid":"7b27","vm_uuid":"ad466fbf"},{"vm_uuid":"second"}]})");
  TritonOptions options;
  options.scheme = "http";
  options.endpoint = "127.0.0.1";
  options.port = std::stoi(server_.address().substr(server_.address().find(':') + 1));
  options.dns_suffix = "triton.example.com";
  options.groups = {"a", "b c"};
  ASSERT_TRUE(finds(options, 2));
  const std::string suffix = ".triton.example.com:" + std::to_string(options.port);
  EXPECT_EQ(meta("ad466fbf" + suffix, "__meta_triton_"), (Texts{{"groups", ",a,b c,"},
                                                                {"machine_alias", "server01"},
                                                                {"machine_brand", "lx"},
                                                                {"machine_id", "ad466fbf"},
                                                                {"machine_image", "7b27"},
                                                                {"server_id", "44454c4c"}}));
  EXPECT_EQ(meta("second" + suffix, "__meta_triton_"), (Texts{{"machine_id", "second"}}));
  expect_failure_keeps_targets("triton", "/v1/discover?groups=a,b%20c");
}

TEST_F(CloudDiscovererTest, TritonComputeNodes) {
  server_.set("/v2/gz/discover",
              R"({"cns":[{"server_hostname":"server01","server_uuid":"44454c4c"}]})");
  TritonOptions options;
  options.role = TritonRole::kComputeNode;
  options.scheme = "http";
  options.endpoint = "127.0.0.1";
  options.version = 2;
  options.port = std::stoi(server_.address().substr(server_.address().find(':') + 1));
  options.dns_suffix = "s";
  ASSERT_TRUE(finds(options, 1));
  EXPECT_EQ(meta("44454c4c.s:" + std::to_string(options.port), "__meta_triton_"),
            (Texts{{"machine_alias", "server01"}, {"machine_id", "44454c4c"}}));
}

TEST_F(CloudDiscovererTest, VultrInstancesOfAllPages) {
  server_.set(
      "/v2/instances?per_page=500",
      R"({"instances":[{"id":"dbdb","os":"CentOS","ram":2048,"disk":55,"main_ip":"192.0.2.123","vcpu_count":1,
    "region":"atl","plan":"vc2-1c-2gb","status":"active","allowed_bandwidth":2000,"v6_main_ip":"2001:db8::1","hostname":"my.host","label":"lab",
    "internal_ip":"10.1.0.1","os_id":215,"features":["ipv6","backups"],"tags":["t"],"server_status":"ok"}],
    "meta":{"total":2,"links":{"next":"bmV4dA==","prev":""}}})");
  server_.set("/v2/instances?per_page=500&cursor=bmV4dA%3D%3D",
              R"({"instances":[{"id":"b","main_ip":"192.0.2.124"}],
    "meta":{"total":2,"links":{"next":"","prev":"x"}}})");
  VultrOptions options;
  options.api = server_.url();
  ASSERT_TRUE(finds(options, 2));
  EXPECT_EQ(meta("192.0.2.123:80", "__meta_vultr_instance_"),
            (Texts{{"id", "dbdb"},
                   {"label", "lab"},
                   {"os", "CentOS"},
                   {"os_id", "215"},
                   {"region", "atl"},
                   {"plan", "vc2-1c-2gb"},
                   {"main_ip", "192.0.2.123"},
                   {"internal_ip", "10.1.0.1"},
                   {"main_ipv6", "2001:db8::1"},
                   {"features", ",ipv6,backups,"},
                   {"tags", ",t,"},
                   {"hostname", "my.host"},
                   {"server_status", "ok"},
                   {"vcpu_count", "1"},
                   {"ram_mb", "2048"},
                   {"disk_gb", "55"},
                   {"allowed_bandwidth_gb", "2000"}}));
  expect_failure_keeps_targets("vultr", "/v2/instances?per_page=500");
}

// A server whose pages have no end.
TEST_F(CloudDiscovererTest, PagesWithoutEndAreGivenUp) {
  std::string page = R"({"instances":[)";
  for (int i = 0; i < 2000; ++i) page += "{},";
  page += R"({}],"meta":{"links":{"next":"again"}}})";
  server_.set("/v2/instances", page);
  VultrOptions options;
  options.api = server_.url();
  start(options);
  ASSERT_TRUE(test::eventually(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"vultr\"}") == 1; }));
  EXPECT_THAT(sink_.addresses(), ElementsAre());
}

}  // namespace
}  // namespace narthex::discovery
