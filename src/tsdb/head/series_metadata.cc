#include "tsdb/head/series_metadata.h"

namespace narthex::tsdb {

bool SeriesMetadata::changes(SeriesId id, const model::Metadata& metadata) const {
  const model::Metadata* known = find(id);
  return known == nullptr || *known != metadata;
}

void SeriesMetadata::set(SeriesId id, const model::Metadata& metadata) {
  std::string key(1, static_cast<char>(metadata.type));
  key.append(metadata.unit).push_back('\0');
  key += metadata.help;
  Text& text = texts_[util::hash128(key)];
  if (!text || *text != metadata) text = std::make_shared<const model::Metadata>(metadata);
  by_series_[id] = text;
}

const model::Metadata* SeriesMetadata::find(SeriesId id) const {
  const auto it = by_series_.find(id);
  return it == by_series_.end() ? nullptr : it->second.get();
}

}  // namespace narthex::tsdb
