#include "api/label_json.h"

#include <algorithm>
#include <vector>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "narthex/model/names.h"

namespace narthex::api {

ApiResult<model::Labels> parse_labels(std::string_view text) {
  boost::json::error_code ec;
  const boost::json::value root = boost::json::parse({text.data(), text.size()}, ec);
  if (ec) return bad_data("error parsing labels: " + ec.message());
  if (root.is_null()) return model::Labels();
  if (!root.is_object()) return bad_data("error parsing labels: not an object of strings");
  std::vector<model::LabelView> pairs;
  for (const auto& [name, value] : root.get_object()) {
    if (value.is_null()) continue;
    if (!value.is_string()) {
      return bad_data(fmt::format("error parsing labels: the value of {} is not a string",
                                  model::quoted({name.data(), name.size()})));
    }
    pairs.push_back({{name.data(), name.size()}, value.get_string().subview()});
    if (std::max(pairs.back().name.size(), pairs.back().value.size()) > model::kLabelBytesMax) {
      return bad_data(fmt::format("error parsing labels: a label is longer than {} bytes",
                                  model::kLabelBytesMax));
    }
  }
  // A client may send a hundred thousand in any order; a name that stands twice counts once
  // (json::object).
  std::ranges::sort(pairs, {}, &model::LabelView::name);
  model::LabelsEncoder labels;
  for (const model::LabelView& pair : pairs) labels.add(pair.name, pair.value);
  return std::move(labels).finish();
}

}  // namespace narthex::api
