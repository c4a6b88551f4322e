#include "narthex/exposition/exemplar.h"

namespace narthex::exposition {

util::Result<ExposedExemplar> read_exemplar(const ExemplarText& text, SeriesLabels& scratch) {
  NX_TRY(scratch.parse(text.labels, {}));
  return ExposedExemplar{.labels = model::Labels::from_unsorted(scratch.labels()),
                         .value = text.value,
                         .timestamp_ms = text.timestamp_ms,
                         .has_timestamp = text.has_timestamp};
}

}  // namespace narthex::exposition
