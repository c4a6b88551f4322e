#include "tsdb/chunk/histogram_chunk.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "narthex/model/stale.h"
#include "narthex/util/check.h"

namespace narthex::tsdb {

using model::CounterResetHint;
using model::FloatHistogram;
using model::IntHistogram;

namespace {

// Decoding copies the layout into every sample: a damaged chunk must not make that large.
constexpr std::uint64_t kLayoutCopiesMax = std::uint64_t{1} << 26U;

// Thresholds that are powers of two in this range of exponents are one byte.
constexpr int kThresholdExponentMin = -242;
constexpr int kThresholdExponentMax = 11;
constexpr int kThresholdBias = 243;
constexpr std::uint8_t kThresholdWhole = 255;
// Bounds of at most this many thousandths are integers.
constexpr double kBoundThousandthsMax = 33554430;

bool same_bits(double a, double b) noexcept {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

std::uint8_t flags_of(CounterResetHint hint) noexcept {
  switch (hint) {
    case CounterResetHint::kReset:
      return 0b1000'0000;
    case CounterResetHint::kNotReset:
      return 0b0100'0000;
    case CounterResetHint::kGauge:
      return 0b1100'0000;
    case CounterResetHint::kUnknown:
      break;
  }
  return 0;
}

CounterResetHint hint_of(std::uint8_t flags) noexcept {
  switch (flags >> 6U) {
    case 0b10:
      return CounterResetHint::kReset;
    case 0b01:
      return CounterResetHint::kNotReset;
    case 0b11:
      return CounterResetHint::kGauge;
    default:
      return CounterResetHint::kUnknown;
  }
}

void put_threshold(BitWriter& out, double threshold) {
  if (threshold == 0) {
    out.put(0, 8);
    return;
  }
  int exponent = 0;
  const double fraction = std::frexp(threshold, &exponent);
  if (fraction == 0.5 && exponent >= kThresholdExponentMin && exponent <= kThresholdExponentMax) {
    out.put(static_cast<std::uint64_t>(exponent + kThresholdBias), 8);
    return;
  }
  out.put(kThresholdWhole, 8);
  out.put_double(threshold);
}

double take_threshold(BitCursor& in) noexcept {
  const auto byte = static_cast<std::uint8_t>(in.take(8));
  if (byte == 0) return 0;
  if (byte == kThresholdWhole) return std::bit_cast<double>(in.take_wide(64));
  return std::ldexp(0.5, byte - kThresholdBias);
}

void put_spans(BitWriter& out, const std::vector<model::Span>& spans) {
  out.put_varbit_uint(spans.size());
  for (const model::Span& span : spans) {
    out.put_varbit_uint(span.length);
    out.put_varbit_int(span.offset);
  }
}

void put_bound(BitWriter& out, double bound) {
  const double thousandths = bound * 1000;
  if (thousandths >= 0 && thousandths <= kBoundThousandthsMax &&
      thousandths == std::floor(thousandths) && same_bits(thousandths / 1000, bound)) {
    out.put_varbit_uint(static_cast<std::uint64_t>(thousandths) + 1);
    return;
  }
  out.put(0, 1);
  out.put_double(bound);
}

double take_bound(BitCursor& in) noexcept {
  const std::uint64_t coded = take_varbit_uint(in);
  if (coded == 0) return std::bit_cast<double>(in.take_wide(64));
  return static_cast<double>(coded - 1) / 1000;
}

void put_layout(BitWriter& out, const HistogramLayout& layout) {
  put_threshold(out, layout.zero_threshold);
  out.put_varbit_int(layout.schema);
  put_spans(out, layout.positive_spans);
  put_spans(out, layout.negative_spans);
  if (layout.schema != model::kCustomBucketsSchema) return;
  out.put_varbit_uint(layout.custom_values.size());
  for (const double bound : layout.custom_values) put_bound(out, bound);
}

std::uint64_t bucket_count(const std::vector<model::Span>& spans) noexcept {
  std::uint64_t count = 0;
  for (const model::Span& span : spans) count += span.length;
  return count;
}

// False when the bits make no sense. Every span takes at least two bits.
bool take_spans(BitCursor& in, std::vector<model::Span>& spans) {
  const std::uint64_t count = take_varbit_uint(in);
  if (count > in.bits_left() / 2) return false;
  spans.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t length = take_varbit_uint(in);
    const std::int64_t offset = take_varbit_int(in);
    if (length > 0xffff'ffffU || offset != static_cast<std::int32_t>(offset)) return false;
    spans.push_back({static_cast<std::int32_t>(offset), static_cast<std::uint32_t>(length)});
  }
  return true;
}

bool take_layout(BitCursor& in, HistogramLayout& layout) {
  layout.zero_threshold = take_threshold(in);
  const std::int64_t schema = take_varbit_int(in);
  if (schema != static_cast<std::int32_t>(schema)) return false;
  layout.schema = static_cast<std::int32_t>(schema);
  if (!take_spans(in, layout.positive_spans) || !take_spans(in, layout.negative_spans))
    return false;
  if (layout.schema == model::kCustomBucketsSchema) {
    const std::uint64_t count = take_varbit_uint(in);
    if (count > in.bits_left()) return false;
    layout.custom_values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) layout.custom_values.push_back(take_bound(in));
  }
  return !in.overrun();
}

template <class Histogram>
void set_layout(Histogram& histogram, const HistogramLayout& layout) {
  histogram.schema = layout.schema;
  histogram.zero_threshold = layout.zero_threshold;
  histogram.positive_spans = layout.positive_spans;
  histogram.negative_spans = layout.negative_spans;
  histogram.custom_values = layout.custom_values;
}

template <class Histogram>
HistogramLayout copy_layout(const Histogram& histogram) {
  return {.schema = histogram.schema,
          .zero_threshold = histogram.zero_threshold,
          .positive_spans = histogram.positive_spans,
          .negative_spans = histogram.negative_spans,
          .custom_values = histogram.custom_values};
}

const std::vector<std::int64_t>& positive_of(const IntHistogram& h) {
  return h.positive_deltas;
}
const std::vector<std::int64_t>& negative_of(const IntHistogram& h) {
  return h.negative_deltas;
}
const std::vector<double>& positive_of(const FloatHistogram& h) {
  return h.positive_buckets;
}
const std::vector<double>& negative_of(const FloatHistogram& h) {
  return h.negative_buckets;
}

// The numbers of a sample in the order in which they are stored: count, zero count, buckets.
std::vector<std::uint64_t> numbers_of(const IntHistogram& histogram) {
  std::vector<std::uint64_t> numbers = {histogram.count, histogram.zero_count};
  for (const std::int64_t n : histogram.positive_deltas)
    numbers.push_back(static_cast<std::uint64_t>(n));
  for (const std::int64_t n : histogram.negative_deltas)
    numbers.push_back(static_cast<std::uint64_t>(n));
  return numbers;
}
std::vector<double> numbers_of(const FloatHistogram& histogram) {
  std::vector<double> numbers = {histogram.count, histogram.zero_count};
  numbers.insert(numbers.end(), histogram.positive_buckets.begin(),
                 histogram.positive_buckets.end());
  numbers.insert(numbers.end(), histogram.negative_buckets.begin(),
                 histogram.negative_buckets.end());
  return numbers;
}

// Reads the numbers of an integer chunk's samples. `sample` is filled by next().
class IntSamples {
 public:
  using Histogram = IntHistogram;
  explicit IntSamples(std::size_t buckets) : values_(2 + buckets), deltas_(2 + buckets) {}

  [[nodiscard]] bool first(BitCursor& in) {
    values_[0] = take_varbit_uint(in);
    values_[1] = take_varbit_uint(in);
    sum_ = in.take_wide(64);
    for (std::size_t i = 2; i < values_.size() && !stale(); ++i)
      values_[i] = static_cast<std::uint64_t>(take_varbit_int(in));
    return !in.overrun();
  }
  [[nodiscard]] bool next(BitCursor& in) {
    advance(in, 0);
    advance(in, 1);
    if (!take_xor(in, window_, sum_)) return false;
    for (std::size_t i = 2; i < values_.size() && !stale(); ++i) advance(in, i);
    return !in.overrun();
  }
  [[nodiscard]] bool stale() const noexcept { return sum_ == model::kStaleNanBits; }
  void fill(IntHistogram& out, std::size_t positive) const {
    out.count = values_[0];
    out.zero_count = values_[1];
    out.positive_deltas.reserve(positive);
    out.negative_deltas.reserve(values_.size() - 2 - positive);
    for (std::size_t i = 2; i < values_.size(); ++i) {
      auto& side = i - 2 < positive ? out.positive_deltas : out.negative_deltas;
      side.push_back(static_cast<std::int64_t>(values_[i]));
    }
  }
  [[nodiscard]] double sum() const noexcept { return std::bit_cast<double>(sum_); }

 private:
  void advance(BitCursor& in, std::size_t i) noexcept {
    deltas_[i] += static_cast<std::uint64_t>(take_varbit_int(in));
    values_[i] += deltas_[i];
  }
  std::vector<std::uint64_t> values_;  // count, zero count, buckets; modulo 2^64.
  std::vector<std::uint64_t> deltas_;
  std::uint64_t sum_ = 0;
  XorWindow window_;
};

class FloatSamples {
 public:
  using Histogram = FloatHistogram;
  explicit FloatSamples(std::size_t buckets) : values_(2 + buckets), windows_(2 + buckets) {}

  [[nodiscard]] bool first(BitCursor& in) {
    values_[0] = in.take_wide(64);
    values_[1] = in.take_wide(64);
    sum_ = in.take_wide(64);
    for (std::size_t i = 2; i < values_.size() && !stale(); ++i) values_[i] = in.take_wide(64);
    return !in.overrun();
  }
  [[nodiscard]] bool next(BitCursor& in) {
    if (!take_xor(in, windows_[0], values_[0]) || !take_xor(in, windows_[1], values_[1]) ||
        !take_xor(in, sum_window_, sum_)) {
      return false;
    }
    for (std::size_t i = 2; i < values_.size() && !stale(); ++i) {
      if (!take_xor(in, windows_[i], values_[i])) return false;
    }
    return !in.overrun();
  }
  [[nodiscard]] bool stale() const noexcept { return sum_ == model::kStaleNanBits; }
  void fill(FloatHistogram& out, std::size_t positive) const {
    out.count = std::bit_cast<double>(values_[0]);
    out.zero_count = std::bit_cast<double>(values_[1]);
    out.positive_buckets.reserve(positive);
    out.negative_buckets.reserve(values_.size() - 2 - positive);
    for (std::size_t i = 2; i < values_.size(); ++i) {
      auto& side = i - 2 < positive ? out.positive_buckets : out.negative_buckets;
      side.push_back(std::bit_cast<double>(values_[i]));
    }
  }
  [[nodiscard]] double sum() const noexcept { return std::bit_cast<double>(sum_); }

 private:
  std::vector<std::uint64_t> values_;  // Bits of count, zero count, buckets.
  std::vector<XorWindow> windows_;
  std::uint64_t sum_ = 0;
  XorWindow sum_window_;
};

std::unexpected<util::Error> damaged(std::string_view what, std::string_view chunk) {
  return util::fail(util::Code::kCorruption,
                    fmt::format("histogram chunk of {} bytes: {}", chunk.size(), what));
}

// Calls emit(timestamp, histogram) for every sample.
template <class Samples, class Emit>
util::Result<void> decode_samples(std::string_view chunk, Emit emit) {
  if (chunk.size() < kHistogramHeaderBytes) return damaged("no header", chunk);
  const std::size_t count = util::load_be<std::uint16_t>(chunk.data());
  if (count == 0) return {};
  const CounterResetHint hint = hint_of(static_cast<std::uint8_t>(chunk[2]));
  BitCursor in(chunk.substr(kHistogramHeaderBytes));
  HistogramLayout layout;
  if (!take_layout(in, layout)) return damaged("layout is damaged or cut off", chunk);
  const std::uint64_t positive = bucket_count(layout.positive_spans);
  const std::uint64_t buckets = positive + bucket_count(layout.negative_spans);
  // A bucket takes at least one bit of a sample, and only chunks of stale markers have none. A
  // damaged length cannot make us allocate much.
  const std::uint64_t shared =
      layout.positive_spans.size() + layout.negative_spans.size() + layout.custom_values.size();
  if (buckets > in.bits_left() || count > in.bits_left() || shared * count > kLayoutCopiesMax)
    return damaged("counts are larger than the chunk", chunk);

  Samples samples(buckets);
  std::uint64_t time = 0;
  std::uint64_t delta = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto step = static_cast<std::uint64_t>(take_varbit_int(in));
    if (i == 0) {
      time = step;
    } else {
      delta += step;
      time += delta;
    }
    if (!(i == 0 ? samples.first(in) : samples.next(in)))
      return damaged(fmt::format("sample {} of {} is damaged or cut off", i, count), chunk);
    typename Samples::Histogram histogram;
    histogram.sum = samples.sum();
    if (!samples.stale()) {
      set_layout(histogram, layout);
      histogram.counter_reset_hint =
          i == 0 || hint == CounterResetHint::kGauge ? hint : CounterResetHint::kNotReset;
      samples.fill(histogram, positive);
    }
    emit(static_cast<model::TimestampMs>(time), std::move(histogram));
  }
  return {};
}

template <class Samples, class Histogram, class Convert>
util::Result<void> decode_into(std::string_view chunk, HistogramColumns<Histogram> out,
                               Convert convert) {
  const std::size_t before = out.timestamps.size();
  const std::size_t histograms_before = out.histograms.size();
  auto decoded = decode_samples<Samples>(chunk, [&](model::TimestampMs t, auto&& histogram) {
    out.timestamps.push_back(t);
    out.histograms.push_back(convert(std::forward<decltype(histogram)>(histogram)));
  });
  if (!decoded) {
    out.timestamps.resize(before);
    out.histograms.resize(histograms_before);
  }
  return decoded;
}

std::vector<double> absolute(const std::vector<std::int64_t>& deltas) {
  std::vector<double> out;
  out.reserve(deltas.size());
  std::uint64_t value = 0;
  for (const std::int64_t delta : deltas) {
    value += static_cast<std::uint64_t>(delta);
    out.push_back(static_cast<double>(static_cast<std::int64_t>(value)));
  }
  return out;
}

bool exact_count(double value, std::int64_t& out) noexcept {
  constexpr double kMax = 9007199254740992;  // 2^53
  if (!(value >= 0 && value <= kMax) || value != std::floor(value) || std::signbit(value))
    return false;
  out = static_cast<std::int64_t>(value);
  return true;
}

bool exact_deltas(const std::vector<double>& counts, std::vector<std::int64_t>& deltas) {
  std::int64_t before = 0;
  for (const double value : counts) {
    std::int64_t count = 0;
    if (!exact_count(value, count)) return false;
    deltas.push_back(count - before);
    before = count;
  }
  return true;
}

}  // namespace

bool operator==(const HistogramLayout& a, const HistogramLayout& b) noexcept {
  return a.schema == b.schema && same_bits(a.zero_threshold, b.zero_threshold) &&
         a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
         std::ranges::equal(a.custom_values, b.custom_values, same_bits);
}

HistogramLayout layout_of(const IntHistogram& histogram) {
  return copy_layout(histogram);
}
HistogramLayout layout_of(const FloatHistogram& histogram) {
  return copy_layout(histogram);
}

template <class Histogram>
bool HistogramChunkBuilder<Histogram>::accepts(const Histogram& histogram) const {
  if (sample_count_ >= kChunkSamplesMax) return false;
  if (model::is_stale(histogram.sum)) return true;
  if (bucket_count(histogram.positive_spans) != positive_of(histogram).size() ||
      bucket_count(histogram.negative_spans) != negative_of(histogram).size()) {
    return false;
  }
  return sample_count_ == 0 || (!stale_ && layout_of(histogram) == layout_);
}

template <class Histogram>
void HistogramChunkBuilder<Histogram>::begin(const Histogram& histogram) {
  out_.put(0, 16);
  out_.put(flags_of(histogram.counter_reset_hint), 8);
  if (!model::is_stale(histogram.sum)) layout_ = layout_of(histogram);
  put_layout(out_, layout_);
}

template <class Histogram>
void HistogramChunkBuilder<Histogram>::append(model::TimestampMs timestamp,
                                              const Histogram& histogram) {
  constexpr bool kIntegers = std::is_same_v<Histogram, IntHistogram>;
  NX_DCHECK(accepts(histogram), "histogram does not fit into its chunk");
  const bool first = sample_count_ == 0;
  if (first) begin(histogram);
  stale_ = model::is_stale(histogram.sum);

  const auto time = static_cast<std::uint64_t>(timestamp);
  if (first) {
    out_.put_varbit_int(timestamp);
  } else {
    const std::uint64_t delta = time - static_cast<std::uint64_t>(timestamp_);
    out_.put_varbit_int(static_cast<std::int64_t>(delta - timestamp_delta_));
    timestamp_delta_ = delta;
  }
  timestamp_ = timestamp;

  auto numbers = numbers_of(histogram);
  if (stale_) numbers.assign(2, 0);  // Nothing of it is read but the sum.
  const auto put_number = [&](std::size_t i) {
    if constexpr (kIntegers) {
      if (first) {
        if (i < 2) {
          out_.put_varbit_uint(numbers[i]);
        } else {
          out_.put_varbit_int(static_cast<std::int64_t>(numbers[i]));
        }
        integers_.push_back(numbers[i]);
        integer_deltas_.push_back(0);
        return;
      }
      if (stale_) {
        out_.put_varbit_int(0);
        return;
      }
      const std::uint64_t delta = numbers[i] - integers_[i];
      out_.put_varbit_int(static_cast<std::int64_t>(delta - integer_deltas_[i]));
      integers_[i] = numbers[i];
      integer_deltas_[i] = delta;
    } else {
      if (first) {
        out_.put_double(numbers[i]);
        floats_.push_back({.value_bits = std::bit_cast<std::uint64_t>(numbers[i])});
      } else {
        out_.put_xor(floats_[i], numbers[i]);
      }
    }
  };
  put_number(0);
  put_number(1);
  if (first) {
    out_.put_double(histogram.sum);
    sum_.value_bits = std::bit_cast<std::uint64_t>(histogram.sum);
  } else {
    out_.put_xor(sum_, histogram.sum);
  }
  for (std::size_t i = 2; i < numbers.size(); ++i) put_number(i);
  ++sample_count_;
  util::store_be(out_.bytes().data(), static_cast<std::uint16_t>(sample_count_));
}

template class HistogramChunkBuilder<IntHistogram>;
template class HistogramChunkBuilder<FloatHistogram>;

FloatHistogram to_float_histogram(const IntHistogram& histogram) {
  FloatHistogram out;
  out.counter_reset_hint = histogram.counter_reset_hint;
  set_layout(out, copy_layout(histogram));
  out.zero_count = static_cast<double>(histogram.zero_count);
  out.count = static_cast<double>(histogram.count);
  out.sum = histogram.sum;
  out.positive_buckets = absolute(histogram.positive_deltas);
  out.negative_buckets = absolute(histogram.negative_deltas);
  return out;
}

std::optional<IntHistogram> to_int_histogram(const FloatHistogram& histogram) {
  IntHistogram out;
  out.counter_reset_hint = histogram.counter_reset_hint;
  out.sum = histogram.sum;
  if (model::is_stale(histogram.sum)) return out;
  set_layout(out, copy_layout(histogram));
  std::int64_t count = 0;
  if (!exact_count(histogram.count, count)) return std::nullopt;
  out.count = static_cast<std::uint64_t>(count);
  if (!exact_count(histogram.zero_count, count)) return std::nullopt;
  out.zero_count = static_cast<std::uint64_t>(count);
  if (!exact_deltas(histogram.positive_buckets, out.positive_deltas) ||
      !exact_deltas(histogram.negative_buckets, out.negative_deltas)) {
    return std::nullopt;
  }
  return out;
}

util::Result<void> decode_histogram_chunk(std::string_view chunk,
                                          HistogramColumns<IntHistogram> out) {
  return decode_into<IntSamples>(chunk, out, [](IntHistogram&& h) { return std::move(h); });
}

util::Result<void> decode_histogram_chunk_as_floats(std::string_view chunk,
                                                    HistogramColumns<FloatHistogram> out) {
  return decode_into<IntSamples>(chunk, out,
                                 [](IntHistogram&& h) { return to_float_histogram(h); });
}

util::Result<void> decode_float_histogram_chunk(std::string_view chunk,
                                                HistogramColumns<FloatHistogram> out) {
  return decode_into<FloatSamples>(chunk, out, [](FloatHistogram&& h) { return std::move(h); });
}

}  // namespace narthex::tsdb
