// Our own counters, gauges, summaries and histograms, under the names that Prometheus uses for the
// same things (docs/self-metrics.md). A family is registered once; its members are found once and
// then updated with an atomic add.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

// Counts of observations by upper bound. Threads: synchronized.
class Histogram {
 public:
  // Precondition: bounds ascending, without +Inf.
  explicit Histogram(std::span<const double> bounds);
  void observe(double value) noexcept;
  struct Snapshot {
    std::vector<std::pair<double, std::uint64_t>>
        buckets;  // Upper bound, cumulative count; the last bound is +Inf.
    double sum = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] Snapshot snapshot() const;

 private:
  std::vector<double> bounds_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // bounds_.size() + 1, not cumulative.
  std::atomic<double> sum_{0};
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

// Holds every family. Members live as long as the registry, so references may be kept. Threads:
// synchronized.
class Registry {
 public:
  Registry();
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The member of the family `name` with these labels; made on first use. Precondition: one name
  // has one type.
  Counter& counter(std::string_view name, std::string_view help, LabelPairs labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, LabelPairs labels = {});
  Histogram& histogram(std::string_view name, std::string_view help, std::span<const double> bounds,
                       LabelPairs labels = {});
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

  // Text exposition format 0.0.4 of everything, families and members sorted.
  void append_text(std::string& out) const;

 private:
  struct Member;
  struct Family;
  Member& member(FamilyType type, std::string_view name, std::string_view help, LabelPairs labels);
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::telemetry
