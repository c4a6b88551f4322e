// Our own counters, gauges, summaries and histograms, under the names that Prometheus uses for the
// same things (docs/self-metrics.md). A family is registered once; its members are found once and
// then updated with an atomic add.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

namespace narthex::telemetry {

// Threads: synchronized.
class Counter {
 public:
  // Precondition: by >= 0.
  void add(double by) noexcept {
    value_.fetch_add(by, std::memory_order_relaxed);
  }  // Partner: value(); no ordering needed.
  void increment() noexcept { add(1); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Threads: synchronized.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  void add(double by) noexcept { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

// Buckets that grow exponentially, as native histograms have them: bucket i of schema s covers
// (2^((i-1)·2^-s), 2^(i·2^-s)]. The resolution is halved when there are more than 160 of them.
// Threads: external.
class ExponentialBuckets {
 public:
  static constexpr std::int32_t kSchemaStart = 3;  // Each bucket 9 % wider than the one before.
  static constexpr double kZeroThreshold = 0x1p-128;

  void observe(double value);  // NaN counts into no bucket.

  using Indexed = std::vector<std::pair<std::int32_t, std::uint64_t>>;  // Ascending by index.
  [[nodiscard]] std::int32_t schema() const noexcept { return schema_; }
  [[nodiscard]] std::uint64_t zero_count() const noexcept { return zero_count_; }
  [[nodiscard]] const Indexed& positive() const noexcept { return positive_; }
  [[nodiscard]] const Indexed& negative() const noexcept { return negative_; }

 private:
  void halve_resolution();

  std::int32_t schema_ = kSchemaStart;
  std::uint64_t zero_count_ = 0;
  Indexed positive_;
  Indexed negative_;
};

enum class Buckets : std::uint8_t { kBounds, kBoundsAndExponential };

// Counts of observations by upper bound and, if wanted, in exponential buckets beside them.
// Threads: synchronized.
class Histogram {
 public:
  // Precondition: bounds ascending, without +Inf.
  explicit Histogram(std::span<const double> bounds, Buckets buckets = Buckets::kBounds);
  void observe(double value) noexcept;
  struct Snapshot {
    std::vector<std::pair<double, std::uint64_t>>
        buckets;  // Upper bound, cumulative count; the last bound is +Inf.
    double sum = 0;
    std::uint64_t count = 0;
    std::optional<ExponentialBuckets> exponential;  // Of the same observations.
  };
  [[nodiscard]] Snapshot snapshot() const;

 private:
  void count(double value) noexcept;
  void fill(Snapshot& out) const;

  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // bounds_.size() + 1, not cumulative.
  std::atomic<double> sum_{0};
  const Buckets buckets_;
  // With exponential buckets it is held over every observation, so that all counts agree.
  mutable util::Mutex mutex_;
  ExponentialBuckets exponential_ NX_GUARDED_BY(mutex_);
};

// Sum and count of everything, quantiles over the newest 1024 observations.
// Threads: synchronized.
class Summary {
 public:
  explicit Summary(std::span<const double> quantiles);
  void observe(double value);
  struct Snapshot {
    std::vector<std::pair<double, double>>
        quantiles;  // Quantile, value (NaN when nothing was observed).
    double sum = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] Snapshot snapshot() const;

 private:
  const std::vector<double> quantiles_;
  mutable util::Mutex mutex_;
  std::vector<double> newest_ NX_GUARDED_BY(mutex_);
  std::size_t next_ NX_GUARDED_BY(mutex_) = 0;
  double sum_ NX_GUARDED_BY(mutex_) = 0;
  std::uint64_t count_ NX_GUARDED_BY(mutex_) = 0;
};

enum class FamilyType : std::uint8_t { kCounter, kGauge, kHistogram, kSummary };

using LabelPairs = std::vector<std::pair<std::string, std::string>>;

// What a family says at one moment; sorted by labels.
struct FamilySnapshot {
  struct Member {
    LabelPairs labels;
    util::WallNs created_ns = 0;  // When it began to count; 0: not known, or a gauge.
    double value = 0;             // Of counters and gauges.
    Histogram::Snapshot histogram;
    Summary::Snapshot summary;
  };
  std::string name;
  std::string help;
  FamilyType type = FamilyType::kCounter;
  std::vector<Member> members;
};

// Text exposition format 0.0.4.
void append_text(std::string& out, std::span<const FamilySnapshot> families);

// Holds every family. Members live as long as the registry, so references may be kept. Threads:
// synchronized.
class Registry {
 public:
  // The clock outlives the registry.
  explicit Registry(const util::Clock& clock = util::system_clock());
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The member of the family `name` with these labels; made on first use. Precondition: one name
  // has one type.
  Counter& counter(std::string_view name, std::string_view help, LabelPairs labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, LabelPairs labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                       LabelPairs labels = {}, Buckets buckets = Buckets::kBounds);
  Summary& summary(std::string_view name, std::string_view help, std::span<const double> quantiles,
                   LabelPairs labels = {});

  // A value that is asked for when somebody looks, for numbers that another module keeps anyway.
  // `read` may be called from any thread until the returned handle is destroyed.
  class [[nodiscard]] Callback {
   public:
    Callback() = default;
    explicit Callback(std::move_only_function<void()> forget) : forget_(std::move(forget)) {}
    Callback(Callback&&) = default;
    Callback& operator=(Callback&& other) noexcept {
      if (this != &other) {
        if (forget_) forget_();
        forget_ = std::exchange(other.forget_, nullptr);
      }
      return *this;
    }
    ~Callback() {
      if (forget_) forget_();
    }

   private:
    std::move_only_function<void()> forget_;
  };
  Callback callback(FamilyType type, std::string_view name, std::string_view help,
                    LabelPairs labels, std::function<double()> read);

  // Everything, sorted by name. Callbacks are asked.
  [[nodiscard]] std::vector<FamilySnapshot> snapshot() const;
  // That as text.
  void append_text(std::string& out) const { telemetry::append_text(out, snapshot()); }

 private:
  struct Member;
  struct Family;
  Member& member(FamilyType type, std::string_view name, std::string_view help, LabelPairs labels);
  const util::Clock& clock_;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::telemetry
