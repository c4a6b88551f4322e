// The Docker API, as containers and Swarm share it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "discovery/api_client.h"
#include "discovery/context.h"
#include "discovery/json.h"

namespace narthex::discovery {

// Labels by the id of what they describe.
using LabelsById = std::map<std::string, model::Labels, std::less<>>;

// Threads: confined.
class DockerClient {
 public:
  // `host` is unix:///path, tcp://…, http://… or https://…. kInvalidArgument: something else.
  static util::Result<std::unique_ptr<DockerClient>> make(const std::string& host,
                                                          const http::ClientOptions& http,
                                                          const Context& context);
  // GET `path` with these filters, if any.
  async::Task<json::value> get(std::string path, std::vector<ListFilter> filters,
                               util::SteadyNs deadline) const;
  // The labels `prefix`network_… of every network.
  async::Task<LabelsById> network_labels(std::string prefix, util::SteadyNs deadline) const;

 private:
  DockerClient(http::Url base, std::shared_ptr<ApiClient> client)
      : base_(std::move(base)), client_(std::move(client)) {}
  const http::Url base_;
  const std::shared_ptr<ApiClient> client_;
};

// Sets all of `labels` on `target`.
void add_labels(MetaLabels& target, const model::Labels& labels);
void add_labels_of(MetaLabels& target, const LabelsById& all, std::string_view id);

}  // namespace narthex::discovery
