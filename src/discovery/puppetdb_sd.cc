#include <cmath>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kSeparator = ",";

// Whole numbers without a point, whatever they were written as.
std::string number_text(const json::value& value) {
  const double* real = value.if_double();
  if (real != nullptr && std::trunc(*real) == *real && std::fabs(*real) < 1e15)
    return fmt::to_string(static_cast<std::int64_t>(*real));
  return scalar_text(value);
}

// A parameter of a resource as labels: maps become one label for each of their members. The depth
// is bounded by that of the answer.
void add_parameter(const std::string& name, const json::value& value, MetaLabels& labels) {
  if (const json::object* members = value.if_object()) {
    for (const auto& member : *members)
      add_parameter(name + "_" + sanitised({member.key().data(), member.key().size()}),
                    member.value(), labels);
  } else if (const json::array* list = value.if_array()) {
    // Unlike tags, without a separator at both ends.
    std::string words;
    for (const json::value& word : *list) {
      if (!word.is_string() && !word.is_bool() && !word.is_number()) continue;
      if (!words.empty()) words += kSeparator;
      words += number_text(word);
    }
    labels.set(name, words);
  } else {
    labels.set(name, number_text(value));
  }
}

class PuppetDbRefresher final : public GroupRefresher<PuppetDbOptions> {
 public:
  using GroupRefresher::GroupRefresher;

 private:
  async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) override {
    NX_CO_ASSIGN(auto request,
                 get_request(without_slash(options_.url) + "/pdb/query/v4", deadline));
    request.method = "POST";
    request.headers.add("Content-Type", "application/json");
    const json::value body = {{"query", options_.query}};
    request.body = json::serialize(body);
    NX_CO_ASSIGN(const json::value answer, co_await client_->fetch_json(std::move(request)));
    const json::array* resources = answer.if_array();
    if (resources == nullptr)
      co_return util::fail(util::Code::kInvalidArgument,
                           options_.url + ": no list of resources in the answer");
    for (const json::value& resource : *resources) add(resource, *group);
    co_return util::Result<void>();
  }

  void add(const json::value& resource, TargetGroup& group) const {
    MetaLabels labels("__meta_puppetdb_");
    labels.set("query", options_.query);
    for (const char* name : {"certname", "resource", "type", "title", "file", "environment"})
      labels.set(name, text_at(resource, name));
    labels.set("exported", bool_of(at(resource, "exported")));
    labels.set("tags", joined_tags(list_at(resource, "tags"), kSeparator));
    if (options_.include_parameters) {
      for (const auto& member : object_at(resource, "parameters"))
        add_parameter("parameter_" + sanitised({member.key().data(), member.key().size()}),
                      member.value(), labels);
    }
    labels.set_address(text_at(resource, "certname"), options_.port);
    group.targets.push_back(labels.build());
  }
};

}  // namespace

MadeDiscoverer make_puppetdb_discoverer(const PuppetDbOptions& options, const Context& context) {
  return make_api_discoverer<PuppetDbRefresher>(options, context);
}

}  // namespace narthex::discovery
