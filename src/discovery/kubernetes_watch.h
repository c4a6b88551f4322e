// Follows one collection of a Kubernetes API server: lists it page by page, then watches what
// changes, and resumes at the last known version when a watch ends. A version that the server has
// forgotten (410 Gone) means listing again.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "discovery/api_client.h"
#include "discovery/context.h"

namespace narthex::discovery {

using KubernetesObject = std::shared_ptr<const json::value>;

struct KubernetesCollection {
  std::string path;  // "/api/v1/namespaces/a/pods"
  std::string label_selector;
  std::string field_selector;
};

// What a follower tells; on its own thread. Threads: confined.
class KubernetesListener {
 public:
  virtual ~KubernetesListener() = default;
  virtual void on_list(std::vector<KubernetesObject> all) = 0;
  virtual void on_change(KubernetesObject object) = 0;
  virtual void on_delete(KubernetesObject object) = 0;
  virtual void on_failure(const util::Error& error) = 0;
};

// Ends only when it is cancelled. `client`, `clock` and `listener` outlive the coroutine.
async::Task<void> follow_collection(KubernetesCollection collection, std::string server,
                                    ApiClient* client, util::Clock* clock,
                                    KubernetesListener* listener);

}  // namespace narthex::discovery
