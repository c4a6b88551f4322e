// Reads length-delimited io.prometheus.client.MetricFamily messages in place, message by message,
// part by part as a body arrives.
//
// Gives what the text parsers give: a metric of several parts (a summary, a classic histogram)
// becomes one sample after the other. The identity of a sample's series (sample().series) is a
// string of bytes and no text; like a text's it is the same in every round, so that a scraper that
// knows it asks neither for labels() nor for their checks. Format:
// docs/formats/exposition-protobuf.md. Threads: confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/exposition/exemplar.h"
#include "narthex/exposition/native_histogram.h"
#include "narthex/exposition/text_parser.h"
#include "narthex/model/labels.h"
#include "narthex/model/metadata.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

class ProtobufParser {
 public:
  // A longer message is an error: it has to be in memory whole.
  static constexpr std::size_t kMessageBytesMax = std::size_t{16} << 20U;

  ProtobufParser();
  ~ProtobufParser();
  ProtobufParser(const ProtobufParser&) = delete;
  ProtobufParser& operator=(const ProtobufParser&) = delete;

  // Forgets everything: the next bytes are the start of a body.
  void reset(const HistogramOptions& options);
  // As TextParser::feed().
  void feed(std::string_view bytes, bool last) noexcept;
  [[nodiscard]] TextEvent next();
  [[nodiscard]] std::size_t consumed() const noexcept;

  // Of the sample last returned. The value means nothing when is_histogram().
  [[nodiscard]] const TextSample& sample() const noexcept;
  [[nodiscard]] bool is_histogram() const noexcept;
  // The native histogram, normalized. Precondition: is_histogram().
  util::Result<ExposedHistogram> histogram();
  // Sorted by name, unique; "__name__" among them. Valid until the next call of next() or
  // labels(). kInvalidArgument: a name stands twice, or text that is not valid UTF-8.
  util::Result<std::span<const model::LabelView>> labels();
  [[nodiscard]] bool has_exemplar() const noexcept;
  // Appends the sample's exemplars.
  util::Result<void> read_exemplars(std::vector<ExposedExemplar>& out) const;
  // When the counter, summary or histogram began to count.
  [[nodiscard]] std::optional<std::int64_t> start_timestamp_ms() const noexcept;

  // Of the last kType, kHelp or kUnit. Valid until the next of them.
  [[nodiscard]] std::string_view family() const noexcept;
  [[nodiscard]] model::MetricType type() const noexcept;
  [[nodiscard]] std::string_view help() const noexcept;
  [[nodiscard]] std::string_view unit() const noexcept;
  [[nodiscard]] const util::Error& error() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::exposition
