#include "narthex/exposition/text_parser.h"

#include <array>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"

#include "exposition/plain_value.h"
#include "exposition/text_grammar.h"
#include "exposition/text_scan.h"

namespace narthex::exposition {
namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

const char* skip_blanks(const char* p, const char* end) noexcept {
  while (p != end && is_blank(*p)) ++p;
  return p;
}

std::string_view view(const char* begin, const char* end) noexcept {
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Splits a line into series, value and timestamp without understanding the series. False: not as
// simple as that.
bool split_line(const char* p, const LineScan& line, TextSample& sample) noexcept {
  const char* const end = line.newline;
  const char* series_end = line.brace != nullptr ? line.brace + 1 : p;
  if (line.brace == nullptr) {
    while (is_name_byte(*series_end)) ++series_end;
  }
  sample.series = view(p, series_end);
  sample.has_timestamp = false;

  const char* const value_begin = skip_blanks(series_end, end);
  const char* value_end = parse_plain_value(value_begin, sample.value);
  if (value_end == nullptr) [[unlikely]] {
    value_end = value_begin;
    while (value_end != end && !is_blank(*value_end)) ++value_end;
    const std::optional<double> value = parse_sample_value(view(value_begin, value_end));
    if (!value) return false;
    sample.value = *value;
  }
  if (value_end == end) return true;

  const char* const timestamp_begin = skip_blanks(value_end, end);
  if (timestamp_begin == end) return true;
  const char* timestamp_end = timestamp_begin;
  while (timestamp_end != end && *timestamp_end >= '0' && *timestamp_end <= '9') ++timestamp_end;
  if (skip_blanks(timestamp_end, end) != end) return false;
  const std::optional<std::int64_t> timestamp =
      parse_timestamp(view(timestamp_begin, timestamp_end));
  if (!timestamp) return false;
  sample.has_timestamp = true;
  sample.timestamp_ms = *timestamp;
  return true;
}

std::optional<model::MetricType> parse_type(std::string_view text) noexcept {
  if (text == "counter") return model::MetricType::kCounter;
  if (text == "gauge") return model::MetricType::kGauge;
  if (text == "histogram") return model::MetricType::kHistogram;
  if (text == "summary") return model::MetricType::kSummary;
  if (text == "untyped") return model::MetricType::kUnknown;
  return std::nullopt;
}

// The end of the metric name at the front of `text`, quoted or plain; 0 when there is none.
std::size_t meta_name_bytes(std::string_view text) noexcept {
  if (text.empty()) return 0;
  std::size_t i = 0;
  if (text[0] == '"') {
    for (i = 1; i < text.size() && text[i] != '"'; ++i) {
      if (text[i] == '\\') ++i;
    }
    return i < text.size() ? i + 1 : 0;
  }
  const auto is_name = [](char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
           (!first && c >= '0' && c <= '9');
  };
  while (i < text.size() && is_name(text[i], i == 0)) ++i;
  return i;
}

}  // namespace

void TextParser::reset() {
  feed({}, false);
  type_family_.clear();
  meta_family_.clear();
  type_ = model::MetricType::kUnknown;
}

void TextParser::feed(std::string_view text, bool last) noexcept {
  text_ = text;
  last_ = last;
  position_ = 0;
  line_begin_ = 0;
}

TextEvent TextParser::fail(std::string message) {
  error_ = util::Error(util::Code::kInvalidArgument, std::move(message));
  return TextEvent::kError;
}

TextEvent TextParser::next() {
  const char* const begin = text_.data();
  const char* const end = begin + text_.size();
  for (;;) {
    const char* p = begin + position_;
    while (p != end && (is_blank(*p) || *p == '\n')) ++p;
    position_ = static_cast<std::size_t>(p - begin);
    if (p == end) return last_ ? TextEvent::kEnd : TextEvent::kNeedMore;
    if (*p != '#') return sample_line(position_);
    const std::size_t before = position_;
    const TextEvent event = hash_line(position_);
    // A comment: nothing to report.
    if (event == TextEvent::kEnd && position_ != before) continue;
    return event;
  }
}

TextEvent TextParser::sample_line(std::size_t begin) {
  const char* const p = text_.data() + begin;
  line_begin_ = begin;
  const LineScan line = scan_line(p, text_.data() + text_.size());
  if (line.newline == nullptr) return last_ ? verify() : TextEvent::kNeedMore;
  if (!split_line(p, line, sample_)) return verify();
  verified_ = false;
  position_ = static_cast<std::size_t>(line.newline + 1 - text_.data());
  return TextEvent::kSample;
}

TextEvent TextParser::verify() {
  TextGrammar grammar(text_, line_begin_, last_);
  switch (grammar.read(sample_)) {
    case TextGrammar::Outcome::kSample:
      position_ = grammar.position();
      verified_ = true;
      return TextEvent::kSample;
    case TextGrammar::Outcome::kNeedMore:
      position_ = line_begin_;
      return TextEvent::kNeedMore;
    case TextGrammar::Outcome::kError:
      break;
  }
  position_ = line_begin_;
  return fail(grammar.take_error());
}

// A comment (reported as kEnd, with the position moved on), or a HELP or TYPE line.
TextEvent TextParser::hash_line(std::size_t begin) {
  const std::size_t newline = text_.find('\n', begin);
  if (newline == std::string_view::npos && !last_) return TextEvent::kNeedMore;
  const std::size_t line_end = std::min(newline, text_.size());
  const std::size_t next_line = std::min(line_end + 1, text_.size());

  std::size_t keyword = begin + 1;
  while (keyword < line_end && is_blank(text_[keyword])) ++keyword;
  const std::string_view rest = text_.substr(keyword, line_end - keyword);
  const bool is_type = rest.starts_with("TYPE");
  const bool is_meta = (is_type || rest.starts_with("HELP")) && keyword > begin + 1 &&
                       rest.size() > 4 && is_blank(rest[4]);
  if (!is_meta) {
    position_ = next_line;
    return TextEvent::kEnd;
  }
  meta_line_ = text_.substr(begin, line_end - begin);
  const TextEvent event = meta_line(begin, keyword + 4, is_type);
  if (event != TextEvent::kError) position_ = next_line;
  return event;
}

TextEvent TextParser::meta_line(std::size_t begin, std::size_t keyword_end, bool is_type) {
  const std::size_t line_end = begin + meta_line_.size();
  std::size_t name_begin = keyword_end;
  while (name_begin < line_end && is_blank(text_[name_begin])) ++name_begin;
  std::string_view name = text_.substr(name_begin, line_end - name_begin);
  const std::size_t name_bytes = meta_name_bytes(name);
  if (name_bytes == 0) {
    const std::size_t shown_end = std::min(text_.size(), name_begin + 1);
    return fail(fmt::format("expected metric name after {}, got {} (\"INVALID\") while parsing: {}",
                            is_type ? "TYPE" : "HELP",
                            quoted_fragment(text_.substr(name_begin, shown_end - name_begin)),
                            quoted_fragment(text_.substr(begin, shown_end - begin))));
  }
  // One byte between name and text belongs to neither.
  std::string_view text = name.substr(std::min(name.size(), name_bytes + 1));
  name = name.substr(0, name_bytes);
  if (name.front() == '"') {
    meta_family_ = unescape_label(name.substr(1, name.size() - 2));
  } else {
    meta_family_.assign(name);
  }
  if (!is_type) {
    if (!util::is_valid_utf8(text)) {
      return fail(fmt::format("help text {} is not a valid utf8 string", quoted_fragment(text)));
    }
    help_raw_ = text;
    return TextEvent::kHelp;
  }
  const std::optional<model::MetricType> type = parse_type(text);
  if (!type) return fail(fmt::format("invalid metric type {}", quoted_fragment(text)));
  type_ = *type;
  type_family_.assign(meta_family_);
  return TextEvent::kType;
}

}  // namespace narthex::exposition
