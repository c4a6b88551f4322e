// Adversarial series of native histograms, and what a store should hold of them in a form in which
// equal histograms are equal however their buckets are laid out.
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include <fmt/format.h>

#include "narthex/model/histogram.h"
#include "narthex/model/stale.h"
#include "narthex/storage/appender.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/random.h"

namespace narthex::tsdb {

// One side's buckets by index, empty ones left out.
using Buckets = std::map<std::int64_t, double>;

inline Buckets buckets_of(const std::vector<model::Span>& spans,
                          const std::vector<double>& counts) {
  Buckets out;
  std::int64_t index = 0;
  std::size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k, ++i, ++index) {
      if (counts.at(i) != 0) out[index] = counts.at(i);
    }
  }
  return out;
}

inline std::vector<double> absolute_counts(const std::vector<std::int64_t>& deltas) {
  std::vector<double> out;
  std::int64_t count = 0;
  for (const std::int64_t delta : deltas) out.push_back(static_cast<double>(count += delta));
  return out;
}

// What readers must agree on.
struct PlainHistogram {
  bool stale = false;
  bool gauge = false;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;
  Buckets positive;
  Buckets negative;
  std::vector<double> bounds;

  [[nodiscard]] std::string text() const {
    if (stale) return "stale";
    std::string out =
        fmt::format("{} schema {} zero {}:{} count {} sum {:x}", gauge ? "gauge" : "counter",
                    schema, zero_threshold, zero_count, count, std::bit_cast<std::uint64_t>(sum));
    for (const auto& [index, n] : positive) out += fmt::format(" +{}:{}", index, n);
    for (const auto& [index, n] : negative) out += fmt::format(" -{}:{}", index, n);
    for (const double bound : bounds) out += fmt::format(" <{}", bound);
    return out;
  }
  // Whether a counter cannot have gone from `before` to this.
  [[nodiscard]] bool is_reset_after(const PlainHistogram& before) const {
    if (count < before.count || zero_count < before.zero_count) return true;
    return lost_some(before.positive, positive) || lost_some(before.negative, negative);
  }
  static bool lost_some(const Buckets& before, const Buckets& now) {
    for (const auto& [index, n] : before) {
      const auto it = now.find(index);
      if (it == now.end() || it->second < n) return true;
    }
    return false;
  }
};

template <class Histogram>
PlainHistogram plain(const Histogram& h) {
  PlainHistogram out;
  if (model::is_stale(h.sum)) {
    out.stale = true;
    return out;
  }
  out.gauge = h.counter_reset_hint == model::CounterResetHint::kGauge;
  out.schema = h.schema;
  out.zero_threshold = h.zero_threshold;
  out.zero_count = static_cast<double>(h.zero_count);
  out.count = static_cast<double>(h.count);
  out.sum = h.sum;
  out.bounds = h.custom_values;
  if constexpr (std::is_same_v<Histogram, model::IntHistogram>) {
    out.positive = buckets_of(h.positive_spans, absolute_counts(h.positive_deltas));
    out.negative = buckets_of(h.negative_spans, absolute_counts(h.negative_deltas));
  } else {
    out.positive = buckets_of(h.positive_spans, h.positive_buckets);
    out.negative = buckets_of(h.negative_spans, h.negative_buckets);
  }
  return out;
}

// A series that grows, and now and then resets, gets or loses buckets, changes its schema, its zero
// threshold, its bounds or its kind, goes stale, or is a gauge for a while.
class HistogramStory {
 public:
  // Of integers and floats, or of one of the two for good.
  enum class Form : std::uint8_t { kBoth, kIntegers, kFloats };
  explicit HistogramStory(std::uint64_t seed, Form form = Form::kBoth)
      : random_(seed), form_(form) {
    change_kind();
  }

  storage::HistogramSample next(storage::SeriesRef ref, model::TimestampMs timestamp) {
    storage::HistogramSample sample{
        .ref = ref, .timestamp = timestamp, .integer = {}, .floating = {}};
    if (random_.below(60) == 0) change_kind();
    if (random_.below(40) == 0) now_.positive.clear();
    grow();
    const bool stale = random_.below(50) == 0;
    const bool said_reset = !now_.gauge && random_.below(60) == 0;
    if (floating_) {
      model::FloatHistogram h;
      fill(h, stale, said_reset);
      h.positive_spans = lay_out(now_.positive, h.positive_buckets);
      h.negative_spans = lay_out(now_.negative, h.negative_buckets);
      sample.floating = std::make_shared<model::FloatHistogram>(std::move(h));
    } else {
      model::IntHistogram h;
      fill(h, stale, said_reset);
      h.positive_spans = lay_out(now_.positive, h.positive_deltas);
      h.negative_spans = lay_out(now_.negative, h.negative_deltas);
      sample.integer = std::make_shared<model::IntHistogram>(std::move(h));
    }
    return sample;
  }

 private:
  void change_kind() {
    now_ = {};
    floating_ = random_.below(3) == 0;
    if (form_ != Form::kBoth) floating_ = form_ == Form::kFloats;
    now_.gauge = random_.below(4) == 0;
    custom_ = random_.below(3) == 0;
    if (custom_) {
      now_.schema = model::kCustomBucketsSchema;
      double bound = 0;
      for (std::uint64_t i = 1 + random_.below(12); i > 0; --i)
        now_.bounds.push_back(bound += 0.25 * static_cast<double>(1 + random_.below(9)));
    } else {
      now_.schema = static_cast<std::int32_t>(random_.below(13)) - 4;
      constexpr double kThresholds[] = {0, 0.001, 0x1p-128, 2.5};
      now_.zero_threshold = kThresholds[random_.below(std::size(kThresholds))];
    }
  }
  void bump(double& n) {
    n += static_cast<double>(random_.below(50));
    if (floating_) n += random_.unit();
    if (now_.gauge && random_.below(3) == 0) n = static_cast<double>(random_.below(5));
  }
  void grow() {
    for (std::uint64_t i = random_.below(3); i > 0; --i) {
      const auto index = static_cast<std::int64_t>(custom_ ? random_.below(now_.bounds.size() + 1)
                                                           : random_.below(90));
      bump(now_.positive[custom_ ? index : index - 45]);
    }
    if (!custom_) {
      if (random_.below(3) == 0)
        bump(now_.negative[static_cast<std::int64_t>(random_.below(20)) - 10]);
      bump(now_.zero_count);
    }
    for (auto* side : {&now_.positive, &now_.negative}) {
      for (auto& [index, n] : *side) {
        if (random_.below(2) == 0) bump(n);
      }
    }
    constexpr double kSums[] = {std::numeric_limits<double>::quiet_NaN(), INFINITY, -0.0, 1e-310};
    now_.sum = random_.below(10) == 0 ? kSums[random_.below(std::size(kSums))]
                                      : random_.unit() * 1000 - 100;
    now_.count = now_.zero_count;
    for (const auto* side : {&now_.positive, &now_.negative}) {
      for (const auto& [index, n] : *side) now_.count += n;
    }
    if (std::isnan(now_.sum)) now_.count += 3;
  }
  template <class Histogram>
  void fill(Histogram& h, bool stale, bool said_reset) {
    h.schema = now_.schema;
    h.zero_threshold = now_.zero_threshold;
    h.zero_count = static_cast<decltype(h.zero_count)>(now_.zero_count);
    h.count = static_cast<decltype(h.count)>(now_.count);
    h.sum = stale ? model::stale_nan() : now_.sum;
    h.custom_values = now_.bounds;
    if (now_.gauge) h.counter_reset_hint = model::CounterResetHint::kGauge;
    if (said_reset) h.counter_reset_hint = model::CounterResetHint::kReset;
  }
  // Sometimes with empty buckets between; in series of both forms with empty spans and spans that
  // touch, too, which no real client writes and behind which Prometheus misplaces buckets.
  template <class Number>
  std::vector<model::Span> lay_out(const Buckets& buckets, std::vector<Number>& numbers) {
    std::vector<model::Span> spans;
    std::int64_t end = 0;
    double before = 0;
    const auto put = [&](double n) {
      numbers.push_back(static_cast<Number>(std::is_same_v<Number, double> ? n : n - before));
      before = n;
      ++spans.back().length;
      ++end;
    };
    for (const auto& [index, n] : buckets) {
      if (n == 0 && random_.below(2) == 0) continue;
      const bool near = !spans.empty() && index - end < 3;
      if (near && (form_ != Form::kBoth || random_.below(4) != 0)) {
        while (end < index) put(0);
      } else {
        spans.push_back({static_cast<std::int32_t>(index - end), 0});
        end = index;
        if (form_ == Form::kBoth && random_.below(10) == 0) spans.push_back({0, 0});
      }
      put(n);
    }
    return spans;
  }

  util::Random random_;
  Form form_;
  PlainHistogram now_;
  bool floating_ = false;
  bool custom_ = false;
};

// Series → time → what is there; floats as "float <bits>".
using MixedContent = std::map<std::string, std::map<model::TimestampMs, std::string>>;

inline std::string plain_text(double value) {
  if (model::is_stale(value)) return "stale";
  return fmt::format("float {:x}", std::bit_cast<std::uint64_t>(value));
}
inline std::string plain_text(const storage::HistogramSample& sample) {
  return sample.integer ? plain(*sample.integer).text() : plain(*sample.floating).text();
}

// What the store has; `broken` counts hints that say "no reset" where there is one.
inline MixedContent read_mixed(storage::Queryable& store, int* broken = nullptr,
                               model::TimeRange range = {}) {
  MixedContent content;
  const auto querier = store.querier(range).value();
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()};
  const auto set = querier->select(all, storage::SeriesOrder::kAny, {}).value();
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    if (!set->read(i, range, samples)) continue;
    auto& one = content[set->labels(i).to_string()];
    for (std::size_t k = 0; k < samples.float_values.size(); ++k)
      one[samples.float_timestamps[k]] = plain_text(samples.float_values[k]);
    for (std::size_t k = 0; k < samples.histograms.size(); ++k) {
      const PlainHistogram here = plain(samples.histograms[k]);
      one[samples.histogram_timestamps[k]] = here.text();
      if (broken == nullptr || k == 0 || here.stale) continue;
      const bool says_none =
          samples.histograms[k].counter_reset_hint == model::CounterResetHint::kNotReset;
      const PlainHistogram before = plain(samples.histograms[k - 1]);
      if (says_none && !before.stale && here.is_reset_after(before)) ++*broken;
    }
    if (one.empty()) content.erase(set->labels(i).to_string());
  }
  return content;
}

}  // namespace narthex::tsdb
