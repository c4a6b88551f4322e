#include "scrape/start_times.h"

namespace narthex::scrape {
namespace {

// A metric of more lines than these is none: what came first is forgotten.
constexpr std::size_t kLinesMax = 4096;
constexpr std::size_t kTextBytesMax = std::size_t{1} << 20U;

// What the lines of one metric have in common. Neither separator is in valid UTF-8.
std::string identity_of(std::span<const model::LabelView> labels) {
  std::string out;
  for (const model::LabelView& label : labels) {
    if (label.name == model::kMetricName || label.name == "le" || label.name == "quantile")
      continue;
    if (label.value.empty()) continue;
    out += label.name;
    out.push_back('\xfe');
    out += label.value;
    out.push_back('\xff');
  }
  return out;
}

}  // namespace

bool is_cumulative(model::MetricType type) noexcept {
  return type == model::MetricType::kCounter || type == model::MetricType::kHistogram ||
         type == model::MetricType::kSummary;
}

void StartTimes::begin_round(model::TimestampMs last_round) {
  last_round_ = last_round;
  zeros_.clear();
  created_identity_.clear();
  created_ = 0;
  forget();
}

void StartTimes::add(const CountedSample& sample, model::TimestampMs start) {
  if (start <= 0 || start >= sample.timestamp) return;
  if (sample.continued && start <= last_round_) return;
  zeros_.push_back({sample.entry, start, sample.integer, sample.floating});
}

void StartTimes::remember(const CountedSample& sample, std::string_view series,
                          exposition::FamilyContext context) {
  if (lines_.size() >= kLinesMax || text_.size() + series.size() > kTextBytesMax) forget();
  if (lines_.empty()) {
    family_ = context.name;
    type_ = context.type;
  }
  lines_.push_back({sample, text_.size(), series.size()});
  text_ += series;
  has_new_ = has_new_ || !sample.continued;
}

void StartTimes::forget() noexcept {
  lines_.clear();
  text_.clear();
  has_new_ = false;
}

util::Result<void> StartTimes::on_created(std::span<const model::LabelView> labels,
                                          model::TimestampMs start) {
  created_identity_ = identity_of(labels);
  created_ = start;
  // In nearly every round, nothing is new.
  if (has_new_ || start > last_round_) {
    for (auto line = lines_.rbegin(); line != lines_.rend(); ++line) {
      const std::string_view series(text_.data() + line->text_begin, line->text_bytes);
      NX_TRY(scratch_.parse(series, {family_, type_}));
      // The lines of one metric stand together.
      if (identity_of(scratch_.labels()) != created_identity_) break;
      add(line->sample, start);
    }
  }
  forget();
  return {};
}

void StartTimes::on_gathered(std::span<const model::LabelView> labels,
                             const CountedSample& sample) {
  if (created_ != 0 && identity_of(labels) == created_identity_) add(sample, created_);
  created_ = 0;
}

std::size_t StartTimes::memory_bytes() const noexcept {
  return zeros_.capacity() * sizeof(ZeroSample) + lines_.capacity() * sizeof(Remembered) +
         text_.capacity();
}

void StartTimes::release() {
  zeros_ = {};
  lines_ = {};
  text_ = {};
}

}  // namespace narthex::scrape
