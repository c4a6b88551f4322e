// Reads OpenMetrics text 1.0 (0.0.1 shares it) in place, line by line, part by part as a body
// arrives. Where Prometheus is laxer than the specification, so is this: what it scrapes we scrape.
//
// As with TextParser, next() only splits a line where that is simple, and verify() reads its whole
// grammar. A line with an exemplar is never taken by splitting alone to be the series it is about:
// what splitting makes of it is no series that verify() ever accepted. Unlike in the Prometheus
// text format a quoted string never holds a newline, so one newline is all it takes to know a line.
// Threads: confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/exposition/text_parser.h"
#include "narthex/model/metadata.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

// What stands behind the '#' of a sample. Views live as long as the text that was fed.
struct ExemplarText {
  std::string_view labels;  // {name="value",…}: SeriesLabels takes it apart.
  double value = 0;
  std::int64_t timestamp_ms = 0;
  bool has_timestamp = false;
};

class OpenMetricsParser {
 public:
  // Forgets everything: the next text is the start of a body.
  void reset();
  // As TextParser::feed(), but the last newline may be missing.
  void feed(std::string_view text, bool last) noexcept;
  // kEnd: "# EOF" was there and nothing behind it.
  [[nodiscard]] TextEvent next();
  // As TextParser::verify(), but never kNeedMore.
  [[nodiscard]] TextEvent verify();

  // Once verified() the series text is valid; SeriesLabels still has to look for names that stand
  // twice.
  [[nodiscard]] const TextSample& sample() const noexcept { return sample_; }
  [[nodiscard]] bool verified() const noexcept { return verified_; }
  // Known once the sample is verified.
  [[nodiscard]] bool has_exemplar() const noexcept { return has_exemplar_; }
  [[nodiscard]] const ExemplarText& exemplar() const noexcept { return exemplar_; }
  [[nodiscard]] std::size_t consumed() const noexcept { return next_line_; }

  // Of the last TYPE, HELP or UNIT line.
  [[nodiscard]] std::string_view family() const noexcept { return family_; }
  [[nodiscard]] model::MetricType type() const noexcept { return type_; }
  [[nodiscard]] std::string_view help_raw() const noexcept { return meta_text_; }  // Still escaped.
  [[nodiscard]] std::string_view unit() const noexcept { return meta_text_; }
  // The whole line of the last TYPE, HELP or UNIT event, for callers that recognise lines.
  [[nodiscard]] std::string_view meta_line() const noexcept { return meta_line_; }
  [[nodiscard]] FamilyContext context() const noexcept { return {type_family_, type_}; }
  [[nodiscard]] const util::Error& error() const noexcept { return error_; }

 private:
  enum class Token : std::uint8_t;
  [[nodiscard]] static std::string_view token_name(Token token) noexcept;

  // Each reads the token that may come there.
  Token start_token() noexcept;
  Token meta_name_token() noexcept;
  Token label_token() noexcept;
  Token label_value_token() noexcept;
  Token value_token() noexcept;
  Token rest_token(bool in_exemplar) noexcept;
  Token quoted(Token token) noexcept;
  Token word(Token token, bool colon_allowed) noexcept;
  Token single(Token token) noexcept;

  // False: error_ is set.
  [[nodiscard]] bool read_sample(Token first);
  [[nodiscard]] bool read_labels(bool* name_seen);
  [[nodiscard]] bool read_value(std::string_view where, double& value);
  [[nodiscard]] bool read_timestamp(std::string_view what, std::int64_t& timestamp_ms);
  [[nodiscard]] bool read_exemplar();
  [[nodiscard]] bool end_line(Token token);
  [[nodiscard]] TextEvent read_meta(Token keyword);
  [[nodiscard]] TextEvent read_line();
  [[nodiscard]] TextEvent finish();
  bool fail(std::string message);
  bool expected(std::string_view what, Token got);
  [[nodiscard]] std::string_view token_text() const noexcept {
    return text_.substr(token_begin_, position_ - token_begin_);
  }
  [[nodiscard]] std::string here() const;
  [[nodiscard]] bool at(char c) const noexcept {
    return position_ < text_.size() && text_[position_] == c;
  }

  std::string_view text_;
  bool last_ = false;
  std::size_t next_line_ = 0;   // What is before it is done.
  std::size_t line_begin_ = 0;  // Of the line last returned.
  std::size_t token_begin_ = 0;
  std::size_t position_ = 0;
  TextSample sample_;
  ExemplarText exemplar_;
  bool has_exemplar_ = false;
  bool verified_ = false;
  bool in_exemplar_ = false;
  std::string family_;
  std::string type_family_;
  model::MetricType type_ = model::MetricType::kUnknown;
  std::string_view meta_text_;
  std::string_view meta_line_;
  util::Error error_{util::Code::kInvalidArgument, {}};
};

// Takes `\\`, `\n` and `\"` out of an OpenMetrics help text.
[[nodiscard]] std::string unescape_openmetrics_help(std::string_view raw);

}  // namespace narthex::exposition
