// What series say about themselves (type, help, unit), as far as writers have sent it: only what
// changes is logged. Equal texts are kept once.
// Threads: confined to the committing thread and replay.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/metadata.h"
#include "narthex/util/hash.h"

#include "tsdb/index/ids.h"

namespace narthex::tsdb {

class SeriesMetadata {
 public:
  // Whether it is news.
  [[nodiscard]] bool changes(SeriesId id, const model::Metadata& metadata) const;
  void set(SeriesId id, const model::Metadata& metadata);
  // Null when nothing is known.
  [[nodiscard]] const model::Metadata* find(SeriesId id) const;
  [[nodiscard]] std::size_t size() const noexcept { return by_series_.size(); }
  // Forgets the series for which `is_there` does not hold.
  template <class IsThere>
  void keep_only(IsThere is_there) {
    boost::unordered::erase_if(by_series_,
                               [&](const auto& entry) { return !is_there(entry.first); });
    boost::unordered::erase_if(texts_,
                               [](const auto& entry) { return entry.second.use_count() == 1; });
  }

 private:
  using Text = std::shared_ptr<const model::Metadata>;
  boost::unordered_flat_map<SeriesId, Text> by_series_;
  boost::unordered_flat_map<util::Hash128, Text, util::Hash128Hasher> texts_;
};

}  // namespace narthex::tsdb
