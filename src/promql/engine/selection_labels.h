// The labels of series straight from storage.
#pragma once

#include "promql/engine/selection.h"
#include "promql/engine/vector_op.h"

namespace narthex::promql {

// Base is SeriesLabels or derived from it. Threads: immutable once made.
template <class Base>
class SelectionLabels : public Base {
 public:
  SelectionLabels(QueryContext& context, const Selection& selection, bool same_name)
      : context_(context), selection_(selection), same_name_(same_name) {}
  [[nodiscard]] std::size_t size() const noexcept override { return selection_.set().size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return selection_.set().labels(index);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return selection_.set().label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t) const noexcept override { return false; }
  [[nodiscard]] bool same_name() const noexcept override { return same_name_; }

 protected:
  QueryContext& context_;
  const Selection& selection_;

 private:
  const bool same_name_;
};

}  // namespace narthex::promql
