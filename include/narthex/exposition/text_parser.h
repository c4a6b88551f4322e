// Reads the Prometheus text format (0.0.4; 1.0.0 shares it) in place and in one pass, line by line,
// part by part as a body arrives.
//
// Splitting a line into series, value and timestamp costs a fraction of understanding the series. A
// scraper knows nearly every series from the round before, by a hash of its text, so next() only
// splits; verify() reads the whole grammar of the line and is called for series that are not known.
// A series text that verify() once accepted is valid wherever next() finds it again. Format:
// docs/formats/exposition-text.md. Threads: confined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/metadata.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

enum class TextEvent : std::uint8_t {
  kSample,
  kType,      // A TYPE line: family() and type().
  kHelp,      // A HELP line: family() and help_raw().
  kUnit,      // A UNIT line: family() and unit(). OpenMetrics and protobuf only.
  kNeedMore,  // The rest of the text is the beginning of a line: feed it again, from consumed() on,
              // with more behind it.
  kEnd,       // The body is over.
  kError,     // error() says why; the parser stays where it is.
};

struct TextSample {
  std::string_view series;  // As it stands in the text: name{label="value",…}. Valid as long as the
                            // text that was fed.
  double value = 0;         // Any NaN is the one of model/stale.h.
  std::int64_t timestamp_ms = 0;
  bool has_timestamp = false;
};

// The family that the last TYPE line named: decides how `le` and `quantile` are written.
struct FamilyContext {
  std::string_view name;
  model::MetricType type = model::MetricType::kUnknown;
};

class TextParser {
 public:
  // Forgets everything: the next text is the start of a body.
  void reset();
  // Gives the parser text to read. `last` says that the body ends with it; the text then has to end
  // with a newline (the caller adds one when the target left it out). The text must stay unchanged
  // until it is used up or fed again. After kNeedMore, a caller that at least doubles what it feeds
  // keeps the work linear in the size of the body.
  void feed(std::string_view text, bool last) noexcept;
  [[nodiscard]] TextEvent next();
  // Reads the line of the kSample just returned by its whole grammar: kSample (sample() is then
  // exact), kNeedMore or kError.
  [[nodiscard]] TextEvent verify();

  [[nodiscard]] const TextSample& sample() const noexcept { return sample_; }
  // True when the sample has been read by its whole grammar already.
  [[nodiscard]] bool verified() const noexcept { return verified_; }
  // How many bytes of the fed text are done; after kNeedMore the unfinished line starts there.
  [[nodiscard]] std::size_t consumed() const noexcept { return position_; }

  // Of the last TYPE or HELP line. Names are unescaped and live until the next line of that kind.
  [[nodiscard]] std::string_view family() const noexcept { return meta_family_; }
  [[nodiscard]] model::MetricType type() const noexcept { return type_; }
  // Still escaped; valid as long as the text that was fed. See unescape_help().
  [[nodiscard]] std::string_view help_raw() const noexcept { return help_raw_; }
  // The whole line of the last TYPE or HELP event, for callers that recognise lines.
  [[nodiscard]] std::string_view meta_line() const noexcept { return meta_line_; }
  [[nodiscard]] FamilyContext context() const noexcept { return {type_family_, type_}; }
  [[nodiscard]] const util::Error& error() const noexcept { return error_; }

 private:
  friend class TextGrammar;
  TextEvent sample_line(std::size_t begin);
  TextEvent hash_line(std::size_t begin);
  TextEvent meta_line(std::size_t begin, std::size_t keyword_end, bool is_type);
  TextEvent fail(std::string message);

  std::string_view text_;
  bool last_ = false;
  std::size_t position_ = 0;    // Where the next line starts.
  std::size_t line_begin_ = 0;  // Of the sample last returned.
  TextSample sample_;
  bool verified_ = false;
  std::string meta_family_;
  std::string type_family_;
  model::MetricType type_ = model::MetricType::kUnknown;
  std::string_view help_raw_;
  std::string_view meta_line_;
  util::Error error_{util::Code::kInvalidArgument, {}};
};

// Takes `\\` and `\n` out of a help text.
[[nodiscard]] std::string unescape_help(std::string_view raw);

// The labels of a series text. Reused from series to series, so that a warm one allocates nothing.
// Threads: confined.
class SeriesLabels {
 public:
  // Precondition: the parser accepted the series (TextParser::verify). kInvalidArgument: a label
  // name stands twice, or a name or value is longer than a label may be. Values of `le` and
  // `quantile` get their normal form where `context` asks for it.
  util::Result<void> parse(std::string_view series, FamilyContext context);
  // Sorted by name, unique; "__name__" among them; empty values left in. Valid until the next
  // parse() and as long as the series text.
  [[nodiscard]] const std::vector<model::LabelView>& labels() const noexcept { return labels_; }

 private:
  [[nodiscard]] std::string_view unescape(std::string_view raw);
  void normalize_float(model::LabelView& label);

  std::vector<model::LabelView> labels_;
  std::string
      scratch_;  // Holds what had to be rewritten; reserved up front, so views into it stay valid.
};

}  // namespace narthex::exposition
