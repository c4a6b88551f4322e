#include "tsdb/block/querier_source.h"

#include <algorithm>
#include <string>

#include <boost/unordered/unordered_flat_set.hpp>

#include "narthex/model/matcher.h"

#include "tsdb/block/chunk_encode.h"

namespace narthex::tsdb {
namespace {

class QuerierSource final : public SeriesSource {
 public:
  QuerierSource(std::unique_ptr<storage::SeriesSet> set, std::size_t samples_per_chunk)
      : set_(std::move(set)), encoder_(samples_per_chunk) {}

  util::Result<std::vector<std::string_view>> symbols() override {
    symbols_.clear();
    boost::unordered_flat_set<std::string> known;
    for (std::size_t i = 0; i < set_->size(); ++i) {
      const model::Labels labels = set_->labels(i);
      for (const model::LabelView label : labels) {
        known.emplace(label.name);
        known.emplace(label.value);
      }
    }
    symbols_.assign(known.begin(), known.end());
    std::ranges::sort(symbols_);
    return std::vector<std::string_view>(symbols_.begin(), symbols_.end());
  }

  util::Result<bool> next(SourceSeries& out) override {
    out.chunks.clear();
    if (at_ == set_->size()) return false;
    encoder_.clear();
    samples_.clear();
    out.labels = set_->labels(at_);
    NX_TRY(set_->read(at_, {}, samples_));
    encoder_.encode(samples_, out.chunks);
    ++at_;
    return true;
  }

 private:
  std::unique_ptr<storage::SeriesSet> set_;
  std::size_t at_ = 0;
  std::vector<std::string> symbols_;
  storage::SampleColumns samples_;
  ChunkEncoder encoder_;
};

}  // namespace

util::Result<std::unique_ptr<SeriesSource>> querier_source(storage::Querier& querier,
                                                           std::size_t samples_per_chunk) {
  // Holds for every series: no name is a match for an empty one too.
  NX_ASSIGN(const model::Matcher all,
            model::Matcher::make(model::MatchOp::kRegex, std::string(model::kMetricName), ".*"));
  NX_ASSIGN(auto set, querier.select({&all, 1}, storage::SeriesOrder::kByLabels, {}));
  return std::make_unique<QuerierSource>(std::move(set), samples_per_chunk);
}

}  // namespace narthex::tsdb
