#include "api/remote_write.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <snappy.h>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "narthex/model/zero_histogram.h"
#include "narthex/util/hash.h"
#include "narthex/util/mutex.h"

#include "api/remote_write_v2.h"
#include "api/remote_write_wire.h"

namespace narthex::api {
namespace {

using storage::SeriesRef;
using util::Code;

constexpr std::string_view kMediaType = "application/x-protobuf";
constexpr std::string_view kMessageV1 = "prometheus.WriteRequest";
constexpr std::string_view kMessageV2 = "io.prometheus.write.v2.Request";
// Samples further ahead than this are somebody's broken clock (PR-W14).
constexpr std::chrono::milliseconds kFutureMax{600'000};
constexpr std::string_view kTooFarInTheFuture = "out of bounds: timestamp is too far in the future";
// A snappy copy element of three bytes makes at most 64; nothing that claims to grow more is true.
constexpr std::size_t kSnappyGrowthMax = 24;
constexpr std::size_t kSnappySlackBytes = 64;
// Series that the cache may know; each takes some 40 bytes.
constexpr std::size_t kCachedSeriesMax = 4U << 20U;
// What a worker thread keeps between requests.
constexpr std::size_t kKeptBytesMax = 8U << 20U;

// What went wrong with a request, as the sender is told.
struct Refused {
  int status = 0;
  std::string message;
};
template <class T>
using Outcome = std::expected<T, Refused>;

std::unexpected<Refused> refuse(int status, std::string message) {
  return std::unexpected(Refused{status, std::move(message)});
}

// Label bytes, as senders write them, to series; kNoSeries for labels that are invalid. Different
// bytes may name the same series, never the other way round. Threads: synchronized.
class SeriesCache {
 public:
  // Fills in what is known; false for each series that is not.
  void find(std::vector<WireSeries>& series, std::vector<std::uint8_t>& known) const {
    known.assign(series.size(), 0);
    const util::ReadLock lock(mutex_);
    for (std::size_t i = 0; i < series.size(); ++i) {
      const auto found = refs_.find(series[i].hash);
      if (found == refs_.end()) continue;
      series[i].ref = found->second;
      known[i] = 1;
    }
  }
  void put(const std::vector<WireSeries>& series, const std::vector<std::size_t>& which) {
    const util::WriteLock lock(mutex_);
    // Full: series that have gone are most of it, and those that live are back with their next
    // sample.
    if (refs_.size() + which.size() > kCachedSeriesMax) refs_.clear();
    for (const std::size_t i : which) refs_.insert_or_assign(series[i].hash, series[i].ref);
  }

 private:
  mutable util::SharedMutex mutex_;
  boost::unordered_flat_map<util::Hash128, SeriesRef, util::Hash128Hasher> refs_
      NX_GUARDED_BY(mutex_);
};

// Since when each series counts, as far as senders have said: a start is stored once. Threads:
// synchronized.
class KnownStarts {
 public:
  // False: it is known already.
  bool is_news(SeriesRef ref, model::TimestampMs start) {
    const util::MutexLock lock(mutex_);
    // Full: what lives is back with its next sample, and storage takes an equal zero again.
    if (starts_.size() >= kCachedSeriesMax) starts_.clear();
    const auto [at, added] = starts_.try_emplace(ref, start);
    return added || std::exchange(at->second, start) != start;
  }

 private:
  util::Mutex mutex_;
  boost::unordered_flat_map<SeriesRef, model::TimestampMs> starts_ NX_GUARDED_BY(mutex_);
};

// Which samples of a batch are zeros of our own making; empty: none. Parallel to the batch.
struct MadeUp {
  std::vector<std::uint8_t> floats;
  std::vector<std::uint8_t> histograms;

  void clear() {
    floats.clear();
    histograms.clear();
  }
  // How many floats and histograms of them storage took.
  [[nodiscard]] std::pair<std::size_t, std::size_t> stored(
      const storage::AppendReport& report) const {
    const auto refused = [](const std::vector<storage::Refusal>& refusals,
                            const std::vector<std::uint8_t>& marks) {
      return std::ranges::count_if(refusals, [&marks](const storage::Refusal& refusal) {
        return refusal.index < marks.size() && marks[refusal.index] != 0;
      });
    };
    const auto made = [](const std::vector<std::uint8_t>& marks) {
      return std::ranges::count_if(marks, [](std::uint8_t mark) { return mark != 0; });
    };
    return {static_cast<std::size_t>(made(floats) - refused(report.floats, floats)),
            static_cast<std::size_t>(made(histograms) - refused(report.histograms, histograms))};
  }
  [[nodiscard]] bool is_float(std::size_t i) const { return i < floats.size() && floats[i] != 0; }
  [[nodiscard]] bool is_histogram(std::size_t i) const {
    return i < histograms.size() && histograms[i] != 0;
  }
};

// Bytes that are overwritten as a whole: never filled first.
class RawBuffer {
 public:
  // What it held is gone. Valid until the next call.
  std::span<char> take(std::size_t bytes) {
    if (bytes > capacity_) {
      data_ = std::make_unique_for_overwrite<char[]>(bytes);
      capacity_ = bytes;
    }
    return {data_.get(), bytes};
  }
  void shrink_to(std::size_t bytes_max) {
    if (capacity_ <= bytes_max) return;
    data_.reset();
    capacity_ = 0;
  }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t capacity_ = 0;
};

// Buffers of one request, kept for the thread's next one.
struct Scratch {
  RawBuffer body;
  WireRequest wire;
  std::vector<std::uint8_t> known;
  storage::WriteBatch batch;
  MadeUp made_up;
  storage::AppendReport report;

  void clear() {
    body.shrink_to(kKeptBytesMax);
    if (wire.capacity_bytes() > kKeptBytesMax) wire = {};
    if (batch.refs.capacity() * 3 * sizeof(double) > kKeptBytesMax) batch = {};
    wire.clear();
    batch.clear();
    made_up.clear();
    report.clear();
  }
};

std::string_view trimmed(std::string_view text) noexcept {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::string_view take_until(std::string_view& text, char separator) noexcept {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return trimmed(part);
}

enum class Protocol : std::uint8_t { kV1, kV2 };

Outcome<Protocol> protocol_of(std::string_view content_type) {
  content_type = trimmed(content_type);
  if (content_type.empty()) return Protocol::kV1;
  std::string_view rest = content_type;
  const std::string_view media_type = take_until(rest, ';');
  if (media_type != kMediaType) {
    return refuse(415, fmt::format("expected {} as the first (media) part, got {} content-type",
                                   kMediaType, content_type));
  }
  while (!rest.empty()) {
    std::string_view value = take_until(rest, ';');
    if (take_until(value, '=') != "proto") continue;
    if (value == kMessageV1) return Protocol::kV1;
    if (value == kMessageV2) return Protocol::kV2;
    return refuse(
        415, fmt::format(
                 "got {} content type; unknown remote write protobuf message {}, supported: {}, {}",
                 content_type, value, kMessageV1, kMessageV2));
  }
  return Protocol::kV1;
}

Outcome<void> check_accepted(Protocol protocol, const RemoteWriteMessages& accepted) {
  const bool is_v1 = protocol == Protocol::kV1;
  if (is_v1 ? accepted.v1 : accepted.v2) return {};
  // At least one is taken.
  return refuse(415,
                fmt::format("{} protobuf message is not accepted by this server; accepted [{}]",
                            is_v1 ? kMessageV1 : kMessageV2, is_v1 ? kMessageV2 : kMessageV1));
}

Outcome<Protocol> check_headers(const http::Headers& headers, const RemoteWriteMessages& accepted) {
  auto protocol = protocol_of(headers.get("Content-Type"));
  if (!protocol) return protocol;
  if (auto taken = check_accepted(*protocol, accepted); !taken)
    return std::unexpected(std::move(taken).error());
  const std::string_view encoding = headers.get("Content-Encoding");
  if (!encoding.empty() && encoding != "snappy") {
    return refuse(
        415,
        fmt::format(
            "{} encoding (compression) is not accepted by this server; only snappy is acceptable",
            encoding));
  }
  return protocol;
}

// The decoded bytes lie in `buffer`.
Outcome<std::string_view> decompress(std::string_view body, RawBuffer& buffer) {
  std::size_t size = 0;
  if (!snappy::GetUncompressedLength(body.data(), body.size(), &size))
    return refuse(400, "snappy: corrupt input");
  if (size > RemoteWriteReceiver::kDecodedBytesMax) {
    return refuse(400, fmt::format("snappy: decoded length {} exceeds {} bytes", size,
                                   RemoteWriteReceiver::kDecodedBytesMax));
  }
  if (size > body.size() * kSnappyGrowthMax + kSnappySlackBytes)
    return refuse(400, "snappy: corrupt input");
  const std::span<char> decoded = buffer.take(size);
  if (!snappy::RawUncompress(body.data(), body.size(), decoded.data()))
    return refuse(400, "snappy: corrupt input");
  return std::string_view(decoded.data(), decoded.size());
}

int status_of(Code code) noexcept {
  // What storage cannot hold it never will: a sender must not try for ever.
  if (code == Code::kInvalidArgument || code == Code::kUnsupported) return 400;
  // 5xx: the sender keeps the samples and tries again.
  return code == Code::kUnavailable || code == Code::kCanceled ? 503 : 500;
}

std::unexpected<Refused> refuse(const util::Error& error) {
  return refuse(status_of(error.code()), error.message());
}

// What the sender is told.
struct Answer {
  int status = 204;
  std::string message;
  std::optional<WireCounts> written;
};

Answer refused(const Refused& why) {
  return {why.status, why.message, std::nullopt};
}
Answer refused(const util::Error& why) {
  return {status_of(why.code()), why.message(), std::nullopt};
}
Answer with_counts(Answer answer, WireCounts counts) {
  answer.written = counts;
  return answer;
}

// What is wrong with single series and samples, a line each; senders show the beginning of it.
class Complaints {
 public:
  void add(std::string message) {
    ++count_;
    if (lines_.size() < kLinesMax) lines_.push_back(std::move(message));
  }
  void add_for(std::string_view what, const WireSeries& series) {
    if (lines_.size() >= kLinesMax) {
      ++count_;
      return;
    }
    const auto labels = read_labels(series.labels);
    add(fmt::format("{} for series {}", what, labels ? labels->to_string() : "?"));
  }
  [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
  [[nodiscard]] std::string text() const {
    std::string out = fmt::format("{}", fmt::join(lines_, "\n"));
    if (count_ > lines_.size()) out += fmt::format("\nand {} more", count_ - lines_.size());
    return out;
  }

 private:
  static constexpr std::size_t kLinesMax = 100;
  std::vector<std::string> lines_;
  std::size_t count_ = 0;
};

// Which series of the request have a reference. Taken before they get others.
class RefIndex {
 public:
  explicit RefIndex(const std::vector<WireSeries>& series) : series_(series) {
    for (std::size_t i = 0; i < series.size(); ++i) index_[series[i].ref].push_back(i);
  }
  [[nodiscard]] const WireSeries* find(SeriesRef ref) const {
    const auto found = index_.find(ref);
    return found == index_.end() ? nullptr : &series_[found->second.front()];
  }
  [[nodiscard]] std::vector<std::size_t> indices_of(const storage::WriteBatch& batch) const {
    boost::unordered_flat_set<SeriesRef> refs(batch.refs.begin(), batch.refs.end());
    for (const storage::HistogramSample& sample : batch.histograms) refs.insert(sample.ref);
    std::vector<std::size_t> out;
    for (const SeriesRef ref : refs) {
      const auto found = index_.find(ref);
      if (found != index_.end()) out.insert(out.end(), found->second.begin(), found->second.end());
    }
    return out;
  }
  // Old references become those that the same series have now.
  void rename(storage::WriteBatch& batch, const std::vector<WireSeries>& now) const {
    const auto renamed = [&](SeriesRef ref) { return now[index_.at(ref).front()].ref; };
    for (SeriesRef& ref : batch.refs) ref = renamed(ref);
    for (storage::HistogramSample& sample : batch.histograms) sample.ref = renamed(sample.ref);
  }

 private:
  const std::vector<WireSeries>& series_;
  boost::unordered_flat_map<SeriesRef, std::vector<std::size_t>> index_;
};

}  // namespace

struct RemoteWriteReceiver::Impl {
  Impl(storage::Appender& a, util::Clock& c, telemetry::Registry& registry, Options o)
      : options(o),
        appender(a),
        clock(c),
        invalid_samples(registry.counter(
            "prometheus_api_remote_write_invalid_labels_samples_total",
            "The total number of received remote write samples and histogram samples which "
            "were rejected due to invalid labels.")) {}

  Answer receive(const http::Request& request, Scratch& scratch);
  Answer receive_v1(std::string_view body, Scratch& scratch);
  // Stores what is good and complains about the rest (PR-W13).
  Answer receive_v2(std::string_view body, Scratch& scratch);
  void complain_about_labels(const Scratch& scratch, const std::vector<BadSeries>& bad,
                             Complaints& complaints) const;
  void drop_future_floats(Scratch& scratch, Complaints& complaints) const;
  void drop_future_histograms(Scratch& scratch, Complaints& complaints) const;
  Outcome<WireCounts> append_good(Scratch& scratch, Complaints& complaints);
  // What was refused because its series was dropped; a complaint about all else.
  static storage::WriteBatch complain_and_collect(const Scratch& scratch, const RefIndex& series_of,
                                                  Complaints& complaints);
  Outcome<void> resolve_all(Scratch& scratch);
  // Gives the series at `which` their references: new ones are made.
  Outcome<void> resolve(Scratch& scratch, const std::vector<std::size_t>& which);
  // What was read goes into the batch, but for series without a reference, which are counted.
  Outcome<void> fill_batch(Scratch& scratch);
  void insert_zeros(Scratch& scratch);
  void insert_zero_histogram(Scratch& scratch, model::TimestampMs start);
  [[nodiscard]] model::TimestampMs newest_allowed() const {
    return clock.wall_ms() + kFutureMax.count();
  }
  Outcome<void> check_times(const Scratch& scratch) const;
  Outcome<void> append(Scratch& scratch);
  // After the database said that it no longer knows some: resolves those again.
  Outcome<void> renew_dropped(Scratch& scratch);

  const Options options;
  storage::Appender& appender;
  util::Clock& clock;
  telemetry::Counter& invalid_samples;
  SeriesCache cache;
  KnownStarts known_starts;
};

Outcome<void> RemoteWriteReceiver::Impl::resolve(Scratch& scratch,
                                                 const std::vector<std::size_t>& which) {
  std::vector<model::Labels> labels;
  std::vector<std::size_t> valid;
  for (const std::size_t i : which) {
    scratch.wire.series[i].ref = storage::kNoSeries;
    auto read = read_labels(scratch.wire.series[i].labels);
    if (!read) continue;  // Skipped and counted with every sample (PR-W12).
    labels.push_back(std::move(*read));
    valid.push_back(i);
  }
  std::vector<storage::EnsuredSeries> ensured(labels.size());
  if (const auto done = appender.ensure_series(labels, ensured); !done) return refuse(done.error());
  std::size_t over_limit = 0;
  std::vector<std::size_t> lasting = which;
  for (std::size_t i = 0; i < valid.size(); ++i) {
    scratch.wire.series[valid[i]].ref = ensured[i].ref;
    if (ensured[i].outcome != storage::EnsureOutcome::kRefusedLimit) continue;
    ++over_limit;
    std::erase(lasting, valid[i]);  // There may be room later.
  }
  cache.put(scratch.wire.series, lasting);
  if (over_limit > 0) {
    return refuse(400, fmt::format("{} new series refused: the memory budget for series is spent",
                                   over_limit));
  }
  return {};
}

Outcome<void> RemoteWriteReceiver::Impl::fill_batch(Scratch& scratch) {
  storage::WriteBatch& batch = scratch.batch;
  const WireRequest& wire = scratch.wire;
  batch.clear();
  scratch.made_up.clear();
  batch.refs.reserve(wire.values.size());
  std::uint64_t invalid = 0;
  // Neighbouring series are copied in one piece: all of them, as a rule.
  std::size_t copied_end = 0;
  std::size_t begin = 0;
  const auto copy_until = [&](std::size_t end) {
    const auto from = static_cast<std::ptrdiff_t>(copied_end);
    const auto to = static_cast<std::ptrdiff_t>(end);
    batch.timestamps.insert(batch.timestamps.end(), wire.timestamps.begin() + from,
                            wire.timestamps.begin() + to);
    batch.values.insert(batch.values.end(), wire.values.begin() + from, wire.values.begin() + to);
  };
  for (const WireSeries& series : wire.series) {
    const std::size_t end = begin + series.sample_count;
    if (series.ref == storage::kNoSeries) {
      copy_until(begin);
      copied_end = end;
      invalid += series.sample_count;
    } else {
      batch.refs.insert(batch.refs.end(), series.sample_count, series.ref);
    }
    begin = end;
  }
  copy_until(begin);
  if (!wire.starts.empty()) insert_zeros(scratch);
  for (const WireExtra& extra : wire.extras) {
    const SeriesRef ref = wire.series[extra.series_index].ref;
    if (ref != storage::kNoSeries) {
      if (const auto read = read_extra(extra, ref, batch); !read) return refuse(read.error());
      if (extra.start != 0) insert_zero_histogram(scratch, extra.start);
    } else if (extra.kind == WireExtra::Kind::kHistogram) {
      ++invalid;
    }
  }
  if (invalid > 0) invalid_samples.add(static_cast<double>(invalid));
  return {};
}

// The batch's float samples anew, each behind the zero where it began to count.
void RemoteWriteReceiver::Impl::insert_zeros(Scratch& scratch) {
  const WireRequest& wire = scratch.wire;
  storage::WriteBatch& batch = scratch.batch;
  std::vector<std::uint8_t>& made_up = scratch.made_up.floats;
  batch.clear();
  std::size_t i = 0;
  for (const WireSeries& series : wire.series) {
    for (const std::size_t end = i + series.sample_count; i < end; ++i) {
      if (series.ref == storage::kNoSeries) continue;
      const model::TimestampMs start = wire.starts[i];
      if (start > 0 && start < wire.timestamps[i] && known_starts.is_news(series.ref, start)) {
        batch.add(series.ref, start, 0);
        made_up.push_back(1);
      }
      batch.add(series.ref, wire.timestamps[i], wire.values[i]);
      made_up.push_back(0);
    }
  }
}

// In front of the histogram that was read last.
void RemoteWriteReceiver::Impl::insert_zero_histogram(Scratch& scratch, model::TimestampMs start) {
  std::vector<storage::HistogramSample>& histograms = scratch.batch.histograms;
  const storage::HistogramSample sample = histograms.back();
  const bool is_future = sample.timestamp > newest_allowed();
  if (is_future || start < 0 || start >= sample.timestamp ||
      !known_starts.is_news(sample.ref, start))
    return;
  histograms.back() = {.ref = sample.ref,
                       .timestamp = start,
                       .integer = model::zero_like(sample.integer),
                       .floating = model::zero_like(sample.floating)};
  scratch.made_up.histograms.resize(histograms.size() - 1);
  scratch.made_up.histograms.push_back(1);
  histograms.push_back(sample);
}

Outcome<void> RemoteWriteReceiver::Impl::check_times(const Scratch& scratch) const {
  const model::TimestampMs newest = newest_allowed();
  const auto too_new = [newest](model::TimestampMs t) { return t > newest; };
  const storage::WriteBatch& batch = scratch.batch;
  // The newest of the request may be that of a series that is skipped: only then all are looked at.
  const bool floats_are_fine =
      scratch.wire.timestamp_max <= newest || std::ranges::none_of(batch.timestamps, too_new);
  if (floats_are_fine &&
      std::ranges::none_of(batch.histograms, too_new, &storage::HistogramSample::timestamp)) {
    return {};
  }
  return refuse(400, std::string(kTooFarInTheFuture));
}

Outcome<void> RemoteWriteReceiver::Impl::renew_dropped(Scratch& scratch) {
  boost::unordered_flat_set<SeriesRef> dropped;
  for (const storage::Refusal& refusal : scratch.report.floats)
    dropped.insert(scratch.batch.refs[refusal.index]);
  for (const storage::Refusal& refusal : scratch.report.histograms) {
    dropped.insert(scratch.batch.histograms[refusal.index].ref);
  }
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < scratch.wire.series.size(); ++i) {
    if (dropped.contains(scratch.wire.series[i].ref)) which.push_back(i);
  }
  if (auto resolved = resolve(scratch, which); !resolved) return resolved;
  if (auto filled = fill_batch(scratch); !filled) return filled;
  return check_times(scratch);
}

Outcome<void> RemoteWriteReceiver::Impl::append(Scratch& scratch) {
  constexpr int kAttemptsMax = 3;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    scratch.report.clear();
    const auto done =
        appender.append(scratch.batch, storage::Atomicity::kAllOrNothing, scratch.report);
    if (!done) return refuse(done.error());
    const storage::AppendReport& report = scratch.report;
    if (report.floats.empty() && report.histograms.empty()) return {};
    const auto is_unknown = [](const storage::Refusal& r) {
      return r.outcome == storage::AppendOutcome::kUnknownSeries;
    };
    if (std::ranges::none_of(report.floats, is_unknown) &&
        std::ranges::none_of(report.histograms, is_unknown)) {
      if (report.floats.empty())
        return refuse(400,
                      std::string(storage::append_outcome_text(report.histograms.front().outcome)));
      const storage::Refusal& first = report.floats.front();
      return refuse(400, storage::refusal_text(first, scratch.batch.timestamps[first.index],
                                               scratch.batch.values[first.index]));
    }
    if (auto renewed = renew_dropped(scratch); !renewed) return renewed;
  }
  return refuse(500, "series were dropped while they were being written; try again");
}

Outcome<void> RemoteWriteReceiver::Impl::resolve_all(Scratch& scratch) {
  cache.find(scratch.wire.series, scratch.known);
  std::vector<std::size_t> unknown;
  for (std::size_t i = 0; i < scratch.wire.series.size(); ++i) {
    if (scratch.known[i] == 0) unknown.push_back(i);
  }
  return unknown.empty() ? Outcome<void>() : resolve(scratch, unknown);
}

Answer RemoteWriteReceiver::Impl::receive_v1(std::string_view body, Scratch& scratch) {
  if (const auto read = read_request(body, scratch.wire); !read) return refused(read.error());
  const auto resolved = resolve_all(scratch);
  // Series beyond the memory budget must not keep out the others: those are stored before the
  // sender is told.
  if (!resolved && resolved.error().status != 400) return refused(resolved.error());
  if (auto filled = fill_batch(scratch); !filled) return refused(filled.error());
  if (auto checked = check_times(scratch); !checked) return refused(checked.error());
  if (auto appended = append(scratch); !appended) return refused(appended.error());
  if (!resolved) return refused(resolved.error());
  return {204,
          {},
          WireCounts{scratch.batch.float_count(), scratch.batch.histograms.size(),
                     scratch.batch.exemplars.size()}};
}

Answer RemoteWriteReceiver::Impl::receive_v2(std::string_view body, Scratch& scratch) {
  std::vector<BadSeries> bad;
  if (const auto read = read_request_v2(body, scratch.wire, bad,
                                        {options.start_timestamps, options.type_and_unit_labels});
      !read)
    return with_counts(refused(read.error()), WireCounts());
  Complaints complaints;
  for (const BadSeries& series : bad) complaints.add(series.message);
  const auto resolved = resolve_all(scratch);
  if (!resolved && resolved.error().status != 400)
    return with_counts(refused(resolved.error()), WireCounts());
  if (!resolved) complaints.add(resolved.error().message);
  complain_about_labels(scratch, bad, complaints);
  drop_future_floats(scratch, complaints);
  if (auto filled = fill_batch(scratch); !filled)
    return with_counts(refused(filled.error()), WireCounts());
  drop_future_histograms(scratch, complaints);
  auto counts = append_good(scratch, complaints);
  if (!counts) return with_counts(refused(counts.error()), WireCounts());
  if (complaints.empty()) return {204, {}, *counts};
  return {400, complaints.text(), *counts};
}

void RemoteWriteReceiver::Impl::complain_about_labels(const Scratch& scratch,
                                                      const std::vector<BadSeries>& bad,
                                                      Complaints& complaints) const {
  auto known_bad = bad.begin();
  for (std::size_t i = 0; i < scratch.wire.series.size(); ++i) {
    if (known_bad != bad.end() && known_bad->series_index == i) {
      ++known_bad;
      continue;
    }
    const WireSeries& series = scratch.wire.series[i];
    if (series.ref != storage::kNoSeries) continue;
    // Valid labels without a reference: the memory budget, which was told already.
    if (const auto labels = read_labels(series.labels); !labels)
      complaints.add("invalid metric name or labels: " + labels.error().message());
  }
}

void RemoteWriteReceiver::Impl::drop_future_floats(Scratch& scratch, Complaints& complaints) const {
  WireRequest& wire = scratch.wire;
  const model::TimestampMs newest = newest_allowed();
  if (wire.timestamp_max <= newest) return;
  std::size_t from = 0;
  std::size_t to = 0;
  for (WireSeries& series : wire.series) {
    const std::size_t end = from + series.sample_count;
    for (; from < end; ++from) {
      if (wire.timestamps[from] > newest) {
        --series.sample_count;
        complaints.add_for(kTooFarInTheFuture, series);
        continue;
      }
      wire.timestamps[to] = wire.timestamps[from];
      if (!wire.starts.empty()) wire.starts[to] = wire.starts[from];
      wire.values[to++] = wire.values[from];
    }
  }
  wire.timestamps.resize(to);
  if (!wire.starts.empty()) wire.starts.resize(to);
  wire.values.resize(to);
}

void RemoteWriteReceiver::Impl::drop_future_histograms(Scratch& scratch,
                                                       Complaints& complaints) const {
  const model::TimestampMs newest = newest_allowed();
  std::vector<storage::HistogramSample>& histograms = scratch.batch.histograms;
  std::vector<std::uint8_t>& made_up = scratch.made_up.histograms;
  made_up.resize(histograms.size());
  std::size_t to = 0;
  for (std::size_t from = 0; from < histograms.size(); ++from) {
    if (histograms[from].timestamp > newest) {
      complaints.add(std::string(kTooFarInTheFuture));
      continue;
    }
    if (to != from) histograms[to] = std::move(histograms[from]);
    made_up[to] = made_up[from];
    ++to;
  }
  histograms.resize(to);
  made_up.resize(to);
}

Outcome<WireCounts> RemoteWriteReceiver::Impl::append_good(Scratch& scratch,
                                                           Complaints& complaints) {
  storage::WriteBatch& batch = scratch.batch;
  const storage::AppendReport& report = scratch.report;
  WireCounts counts{0, 0, batch.exemplars.size()};
  constexpr int kAttemptsMax = 3;
  for (int attempt = 0; attempt < kAttemptsMax; ++attempt) {
    scratch.report.clear();
    if (const auto done = appender.append(batch, storage::Atomicity::kKeepGood, scratch.report);
        !done)
      return refuse(done.error());
    const auto [made_up_floats, made_up_histograms] = scratch.made_up.stored(report);
    counts.samples += batch.float_count() - report.floats.size() - made_up_floats;
    counts.histograms += batch.histograms.size() - report.histograms.size() - made_up_histograms;
    if (report.floats.empty() && report.histograms.empty()) return counts;
    const RefIndex series_of(scratch.wire.series);
    storage::WriteBatch again = complain_and_collect(scratch, series_of, complaints);
    if (again.float_count() == 0 && again.histograms.empty()) return counts;
    // Some series were dropped in the meantime: their samples go to the new ones.
    std::vector<std::size_t> which = series_of.indices_of(again);
    if (auto resolved = resolve(scratch, which); !resolved)
      return std::unexpected(resolved.error());
    series_of.rename(again, scratch.wire.series);
    batch = std::move(again);
    scratch.made_up.clear();
  }
  return refuse(500, "series were dropped while they were being written; try again");
}

storage::WriteBatch RemoteWriteReceiver::Impl::complain_and_collect(const Scratch& scratch,
                                                                    const RefIndex& series_of,
                                                                    Complaints& complaints) {
  storage::WriteBatch again;
  const storage::WriteBatch& batch = scratch.batch;
  const auto complain = [&](SeriesRef ref, std::string_view what) {
    if (const WireSeries* series = series_of.find(ref)) complaints.add_for(what, *series);
  };
  for (const storage::Refusal& refusal : scratch.report.floats) {
    const std::size_t i = refusal.index;
    // Storage has newer samples, or lost the series: nobody waits for a zero.
    if (scratch.made_up.is_float(i)) continue;
    if (refusal.outcome == storage::AppendOutcome::kUnknownSeries) {
      again.add(batch.refs[i], batch.timestamps[i], batch.values[i]);
    } else {
      complain(batch.refs[i], storage::refusal_text(refusal, batch.timestamps[i], batch.values[i]));
    }
  }
  for (const storage::Refusal& refusal : scratch.report.histograms) {
    const storage::HistogramSample& sample = batch.histograms[refusal.index];
    if (scratch.made_up.is_histogram(refusal.index)) continue;
    if (refusal.outcome == storage::AppendOutcome::kUnknownSeries) {
      again.histograms.push_back(sample);
    } else {
      complain(sample.ref, storage::append_outcome_text(refusal.outcome));
    }
  }
  return again;
}

Answer RemoteWriteReceiver::Impl::receive(const http::Request& request, Scratch& scratch) {
  const auto protocol = check_headers(request.headers, options.messages);
  if (!protocol) return refused(protocol.error());
  const auto decoded = decompress(request.body, scratch.body);
  if (!decoded) return refused(decoded.error());
  return *protocol == Protocol::kV1 ? receive_v1(*decoded, scratch) : receive_v2(*decoded, scratch);
}

RemoteWriteReceiver::RemoteWriteReceiver(storage::Appender& appender, util::Clock& clock,
                                         telemetry::Registry& registry, Options options)
    : impl_(std::make_unique<Impl>(appender, clock, registry, options)) {}
RemoteWriteReceiver::~RemoteWriteReceiver() = default;

void RemoteWriteReceiver::handle(const http::Request& request, http::ResponseWriter& out) {
  thread_local Scratch scratch;
  scratch.clear();
  const Answer answer = impl_->receive(request, scratch);
  scratch.clear();
  if (answer.written) {
    out.set_header("X-Prometheus-Remote-Write-Samples-Written",
                   fmt::format_int(answer.written->samples).str());
    out.set_header("X-Prometheus-Remote-Write-Histograms-Written",
                   fmt::format_int(answer.written->histograms).str());
    out.set_header("X-Prometheus-Remote-Write-Exemplars-Written",
                   fmt::format_int(answer.written->exemplars).str());
  }
  if (answer.status == 204) {
    out.send(204, "", "");
    return;
  }
  out.set_header("X-Content-Type-Options", "nosniff");
  out.send(answer.status, "text/plain; charset=utf-8", answer.message + "\n");
}

}  // namespace narthex::api
