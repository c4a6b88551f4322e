// From the text of a series to its labels, with escapes taken out.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/exposition/text_parser.h"
#include "narthex/model/names.h"
#include "narthex/util/check.h"
#include "narthex/util/number.h"

#include "exposition/text_grammar.h"

namespace narthex::exposition {
namespace {

using model::LabelView;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

std::size_t skip_blanks(std::string_view text, std::size_t i) noexcept {
  while (i < text.size() && is_blank(text[i])) ++i;
  return i;
}

// Appends `raw` with \\ and \n, and \" if `quotes`, taken out. Any other backslash stays.
void append_unescaped(std::string& out, std::string_view raw, bool quotes) {
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const char next = i + 1 < raw.size() ? raw[i + 1] : '\0';
    if (raw[i] != '\\' || (next != '\\' && next != 'n' && !(quotes && next == '"'))) {
      out.push_back(raw[i]);
      continue;
    }
    out.push_back(next == 'n' ? '\n' : next);
    ++i;
  }
}

// The closing quote of the string that opens at `open`. Precondition: there is one.
std::size_t closing_quote(std::string_view text, std::size_t open) noexcept {
  std::size_t i = open + 1;
  for (;;) {
    while (i < text.size() && text[i] != '"' && text[i] != '\\') ++i;
    if (i >= text.size()) return text.size();
    if (text[i] == '"') return i;
    i += 2;
  }
}

// Label sets are short and often come sorted: insertion beats a general sort; a hostile long one
// gets the general sort.
void sort_by_name(std::vector<LabelView>& labels) {
  constexpr std::size_t kShort = 32;
  if (labels.size() > kShort) {
    std::ranges::sort(labels, {}, &LabelView::name);
    return;
  }
  for (std::size_t i = 1; i < labels.size(); ++i) {
    const LabelView label = labels[i];
    std::size_t at = i;
    for (; at > 0 && label.name < labels[at - 1].name; --at) labels[at] = labels[at - 1];
    labels[at] = label;
  }
}

// The longest text a number can get: sign, digits, exponent.
constexpr std::size_t kNumberBytesMax = 32;

}  // namespace

std::string unescape_help(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  append_unescaped(out, raw, false);
  return out;
}

std::string unescape_label(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  append_unescaped(out, raw, true);
  return out;
}

std::string_view SeriesLabels::unescape(std::string_view raw) {
  if (raw.find('\\') == std::string_view::npos) return raw;
  const std::size_t begin = scratch_.size();
  append_unescaped(scratch_, raw, true);
  return std::string_view(scratch_).substr(begin);
}

void SeriesLabels::normalize_float(LabelView& label) {
  const std::optional<double> value = parse_sample_value(label.value);
  if (!value) return;
  const std::size_t begin = scratch_.size();
  util::append_openmetrics(scratch_, *value);
  label.value = std::string_view(scratch_).substr(begin);
}

util::Result<void> SeriesLabels::parse(std::string_view series, FamilyContext context) {
  labels_.clear();
  scratch_.clear();
  // Unescaping only shrinks; a rewritten number is short and there are two in a series at most.
  scratch_.reserve(series.size() + 2 * kNumberBytesMax);

  const std::size_t brace = std::min(series.find('{'), series.size());
  std::size_t name_end = brace;
  while (name_end > 0 && is_blank(series[name_end - 1])) --name_end;
  if (name_end > 0) labels_.push_back({model::kMetricName, series.substr(0, name_end)});

  for (std::size_t i = skip_blanks(series, brace + 1); i < series.size() && series[i] != '}';) {
    std::string_view name;
    if (series[i] == '"') {
      const std::size_t close = closing_quote(series, i);
      name = unescape(series.substr(i + 1, close - i - 1));
      i = close + 1;
    } else {
      std::size_t end = i;
      while (end < series.size() && series[end] != '=' && !is_blank(series[end])) ++end;
      name = series.substr(i, end - i);
      i = end;
    }
    i = skip_blanks(series, i);
    if (i < series.size() && series[i] == '=') {
      const std::size_t open = skip_blanks(series, i + 1);
      const std::size_t close = closing_quote(series, open);
      labels_.push_back({name, unescape(series.substr(open + 1, close - open - 1))});
      i = skip_blanks(series, close + 1);
    } else {
      labels_.push_back({model::kMetricName, name});
    }
    if (i < series.size() && series[i] == ',') i = skip_blanks(series, i + 1);
  }

  sort_by_name(labels_);
  const auto twice = std::ranges::adjacent_find(labels_, {}, &LabelView::name);
  if (twice != labels_.end()) {
    return util::fail(
        util::Code::kInvalidArgument,
        fmt::format("label name {} is not unique: invalid sample", quoted_fragment(twice->name)));
  }
  std::string_view metric;
  for (const LabelView& label : labels_) {
    if (label.name.size() > model::kLabelBytesMax || label.value.size() > model::kLabelBytesMax) {
      return util::fail(util::Code::kLimitExceeded,
                        fmt::format("label name or value longer than {} bytes: {}",
                                    model::kLabelBytesMax, quoted_fragment(label.name)));
    }
    if (label.name == model::kMetricName) metric = label.value;
  }
  const bool histogram = context.type == model::MetricType::kHistogram;
  if ((histogram || context.type == model::MetricType::kSummary) &&
      metric.starts_with(context.name)) {
    const std::string_view wanted = histogram ? "le" : "quantile";
    const auto bound = std::ranges::find(labels_, wanted, &LabelView::name);
    if (bound != labels_.end()) normalize_float(*bound);
  }
  return {};
}

}  // namespace narthex::exposition
