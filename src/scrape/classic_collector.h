// Gathers the lines of classic histograms in a text body into native histograms with explicit
// bounds (convert_classic_histograms_to_nhcb). One histogram at a time: its lines stand together.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narthex/exposition/exemplar.h"
#include "narthex/exposition/native_histogram.h"
#include "narthex/exposition/text_parser.h"
#include "narthex/model/labels.h"

namespace narthex::scrape {

// Threads: confined.
class ClassicCollector {
 public:
  void clear();
  // Whether the line belongs to the histogram family that `context` names.
  [[nodiscard]] static bool is_part(std::span<const model::LabelView> labels,
                                    exposition::FamilyContext context) noexcept;
  // Whether the line belongs to the histogram that is being gathered. If not, take() it first.
  [[nodiscard]] bool fits(std::span<const model::LabelView> labels,
                          exposition::FamilyContext context);
  // Precondition: is_part() and fits().
  void add(std::span<const model::LabelView> labels, exposition::FamilyContext context,
           const exposition::TextSample& sample);
  void add_exemplar(exposition::ExposedExemplar exemplar);

  // Ends the histogram; nullopt when there is none or its lines make none. Then sample() (its
  // series is an identity and no text), labels() and exemplars() are about it until the next add().
  [[nodiscard]] std::optional<exposition::ExposedHistogram> take();
  [[nodiscard]] const exposition::TextSample& sample() const noexcept { return sample_; }
  [[nodiscard]] std::span<const model::LabelView> labels() const noexcept { return labels_; }
  [[nodiscard]] const std::vector<exposition::ExposedExemplar>& exemplars() const noexcept {
    return exemplars_;
  }

 private:
  void identify(std::span<const model::LabelView> labels, exposition::FamilyContext context);

  exposition::ClassicHistogram histogram_;
  bool open_ = false;
  std::string identity_;   // Of the histogram that is being gathered.
  std::string candidate_;  // Of the line at hand.
  exposition::TextSample sample_;
  model::Labels owned_;
  std::vector<model::LabelView> labels_;  // Into owned_.
  std::vector<exposition::ExposedExemplar> exemplars_;
};

}  // namespace narthex::scrape
