#include "promql/engine/sorting.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace narthex::promql {
namespace {

// The input's series in another order.
class ReorderedOp final : public VectorOp {
 public:
  ReorderedOp(VectorOpPtr input, std::vector<std::uint32_t> order)
      : input_(std::move(input)), order_(std::move(order)) {}
  [[nodiscard]] std::size_t size() const noexcept override { return order_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return input_->labels(order_[index]);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return input_->label_value(order_[index], name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return input_->loses_name(order_[index]);
  }
  [[nodiscard]] bool same_name() const noexcept override { return input_->same_name(); }
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    return input_->fill(order_[index], scratch, out);
  }

 private:
  VectorOpPtr input_;
  std::vector<std::uint32_t> order_;
};

class FloatsOnlyOp final : public DerivedOp {
 public:
  using DerivedOp::DerivedOp;
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    out.histograms().clear();
    return {};
  }
};

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

// Takes the digits at the front of `text`, without leading zeros.
std::string_view take_number(std::string_view& text) noexcept {
  std::size_t end = 0;
  while (end < text.size() && is_digit(text[end])) ++end;
  std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
  return digits;
}

}  // namespace

int compare_natural(std::string_view a, std::string_view b) noexcept {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const std::string_view x = take_number(a);
      const std::string_view y = take_number(b);
      if (x.size() != y.size()) return x.size() < y.size() ? -1 : 1;
      if (const int order = x.compare(y); order != 0) return order;
      continue;
    }
    if (a.front() != b.front()) {
      return static_cast<unsigned char>(a.front()) < static_cast<unsigned char>(b.front()) ? -1 : 1;
    }
    a.remove_prefix(1);
    b.remove_prefix(1);
  }
  return static_cast<int>(!a.empty()) - static_cast<int>(!b.empty());
}

util::Result<VectorOpPtr> sort_by_value(QueryContext& context, VectorOpPtr input, std::size_t steps,
                                        SortOrder order, std::uint64_t mark) {
  if (steps != 1) return std::make_unique<FloatsOnlyOp>(std::move(input));
  NX_ASSIGN(auto kept, materialize(context, FloatsOnlyOp(std::move(input)), steps));
  context.budget.release_samples_to(mark);
  std::vector<std::uint32_t> indices;
  for (std::uint32_t i = 0; i < kept->size(); ++i) {
    if (!kept->row(i).empty()) indices.push_back(i);
  }
  NX_TRY(context.budget.charge_samples(indices.size()));
  std::ranges::sort(indices, [&](std::uint32_t i, std::uint32_t j) {
    const double a = kept->row(i).values()[0];
    const double b = kept->row(j).values()[0];
    if (std::isnan(a) || std::isnan(b)) return !std::isnan(a) && std::isnan(b);
    return order == SortOrder::kAscending ? a < b : a > b;
  });
  return std::make_unique<ReorderedOp>(std::move(kept), std::move(indices));
}

VectorOpPtr sort_by_label(VectorOpPtr input, std::vector<std::string> names, SortOrder order) {
  std::vector<model::Labels> labels(input->size());
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = input->labels(i);
  std::vector<std::uint32_t> indices(input->size());
  std::iota(indices.begin(), indices.end(), 0U);
  const auto before = [&](const model::Labels& a, const model::Labels& b) {
    for (const std::string& name : names) {
      const int compared = compare_natural(a.get(name), b.get(name));
      if (compared != 0) return compared < 0;
    }
    return a < b;
  };
  std::ranges::stable_sort(indices, [&](std::uint32_t i, std::uint32_t j) {
    return order == SortOrder::kAscending ? before(labels[i], labels[j])
                                          : before(labels[j], labels[i]);
  });
  return std::make_unique<ReorderedOp>(std::move(input), std::move(indices));
}

}  // namespace narthex::promql
