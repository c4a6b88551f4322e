#include "scrape/classic_collector.h"

#include <algorithm>
#include <limits>

#include "narthex/util/number.h"

namespace narthex::scrape {
namespace {

using model::LabelView;

std::string_view value_of(std::span<const LabelView> labels, std::string_view name) noexcept {
  const auto found = std::ranges::find(labels, name, &LabelView::name);
  return found == labels.end() ? std::string_view() : found->value;
}

// "_bucket", "_count" or "_sum"; "" when the name is none of the family's.
std::string_view suffix_of(std::span<const LabelView> labels,
                           exposition::FamilyContext context) noexcept {
  const std::string_view name = value_of(labels, model::kMetricName);
  if (!name.starts_with(context.name)) return {};
  const std::string_view suffix = name.substr(context.name.size());
  const bool is_known = suffix == "_bucket" || suffix == "_count" || suffix == "_sum";
  return is_known ? suffix : std::string_view();
}

}  // namespace

void ClassicCollector::clear() {
  histogram_.clear();
  exemplars_.clear();
  open_ = false;
}

bool ClassicCollector::is_part(std::span<const LabelView> labels,
                               exposition::FamilyContext context) noexcept {
  if (context.type != model::MetricType::kHistogram) return false;
  const std::string_view suffix = suffix_of(labels, context);
  return suffix == "_bucket" ? !value_of(labels, "le").empty() : !suffix.empty();
}

// The family and all labels but the bound: what the lines of one histogram have in common.
void ClassicCollector::identify(std::span<const LabelView> labels,
                                exposition::FamilyContext context) {
  candidate_.assign(1, '\1');  // No text begins like this.
  const auto append = [this](std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    candidate_.append(reinterpret_cast<const char*>(&size), sizeof(size));
    candidate_.append(text);
  };
  append(context.name);
  for (const LabelView& label : labels) {
    if (label.name == "le" || label.name == model::kMetricName) continue;
    append(label.name);
    append(label.value);
  }
}

bool ClassicCollector::fits(std::span<const LabelView> labels, exposition::FamilyContext context) {
  identify(labels, context);
  return !open_ || candidate_ == identity_;
}

void ClassicCollector::add(std::span<const LabelView> labels, exposition::FamilyContext context,
                           const exposition::TextSample& sample) {
  if (!open_) {
    open_ = true;
    histogram_.clear();
    exemplars_.clear();
    identity_ = candidate_;
    std::vector<LabelView> own;
    own.push_back({model::kMetricName, context.name});
    for (const LabelView& label : labels) {
      if (label.name != "le" && label.name != model::kMetricName) own.push_back(label);
    }
    owned_ = model::Labels::from_unsorted(own);
    labels_.assign(owned_.begin(), owned_.end());
    sample_ = {};
  }
  if (sample.has_timestamp) {
    sample_.has_timestamp = true;
    sample_.timestamp_ms = sample.timestamp_ms;
  }
  const std::string_view suffix = suffix_of(labels, context);
  if (suffix == "_count") {
    histogram_.set_count(sample.value);
  } else if (suffix == "_sum") {
    histogram_.set_sum(sample.value);
  } else {
    const auto bound = util::parse_double(value_of(labels, "le"));
    // A bound that is no number spoils the histogram, which converts to nothing then.
    histogram_.add_bucket(bound.value_or(std::numeric_limits<double>::quiet_NaN()), sample.value);
  }
}

void ClassicCollector::add_exemplar(exposition::ExposedExemplar exemplar) {
  // A histogram's exemplar without a time could not be told from the one before.
  if (exemplar.has_timestamp) exemplars_.push_back(std::move(exemplar));
}

std::optional<exposition::ExposedHistogram> ClassicCollector::take() {
  if (!open_) return std::nullopt;
  open_ = false;
  sample_.series = identity_;
  return histogram_.convert();
}

}  // namespace narthex::scrape
