#include "conformance/promql/script.h"

#include <charconv>
#include <expected>

#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/model/regex.h"
#include "narthex/promql/ast.h"
#include "narthex/promql/parser.h"
#include "narthex/util/number.h"

namespace narthex::conformance {
namespace {

template <class T>
using Parsed = std::expected<T, std::string>;  // The string says what is wrong.

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r";
  const std::size_t start = text.find_first_not_of(kBlanks);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kBlanks) - start + 1);
}

// The first word, and what is left behind it, without blanks around.
std::string_view take_word(std::string_view& rest) {
  const std::size_t end = std::min(rest.find_first_of(" \t"), rest.size());
  const std::string_view word = rest.substr(0, end);
  rest = trimmed(rest.substr(end));
  return word;
}

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

Parsed<std::int64_t> milliseconds(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const auto duration = model::parse_duration(text);
  if (!duration) return std::unexpected(duration.error().message());
  return negative ? -duration->count() : duration->count();
}

Parsed<Steps> parse_steps(std::string_view& rest) {
  Steps steps;
  const std::pair<std::string_view, std::int64_t*> parts[] = {
      {"from", &steps.start}, {"to", &steps.end}, {"step", &steps.step_ms}};
  for (const auto& [keyword, value] : parts) {
    if (take_word(rest) != keyword) return std::unexpected(fmt::format("no '{}'", keyword));
    const auto parsed = milliseconds(take_word(rest));
    if (!parsed) return std::unexpected(parsed.error());
    *value = *parsed;
  }
  if (steps.step_ms <= 0) return std::unexpected("the step must be positive");
  return steps;
}

std::optional<double> parse_number(std::string_view text) {
  if (const auto value = util::parse_double(text)) return value;
  std::int64_t integer = 0;
  if (!text.starts_with("0x")) return std::nullopt;
  text.remove_prefix(2);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), integer, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(integer);
}

// A string literal, as PromQL writes them.
Parsed<std::string> parse_string(std::string_view text) {
  const auto expr = promql::parse(text, {});
  if (!expr) return std::unexpected(expr.error().message());
  const auto* literal = promql::as_if<promql::StringLiteral>(expr->get());
  if (literal == nullptr) return std::unexpected("not a string");
  return literal->value;
}

Parsed<Pattern> parse_pattern(std::string_view text) {
  Pattern pattern;
  if (text.empty()) return pattern;
  const bool regex = text.starts_with("regex:");
  if (!regex && !text.starts_with("msg:")) return std::unexpected("neither msg: nor regex:");
  pattern.kind = regex ? Pattern::Kind::kRegex : Pattern::Kind::kExact;
  pattern.text = trimmed(text.substr(text.find(':') + 1));
  return pattern;
}

// Start timestamps: _  _x3  -30s  -30sx2  -1m+30sx2
Parsed<std::vector<std::optional<std::int64_t>>> parse_start_offsets(std::string_view rest) {
  std::vector<std::optional<std::int64_t>> out;
  while (!rest.empty()) {
    std::string_view item = take_word(rest);
    std::size_t times = 0;
    const std::size_t x = item.find('x');
    if (x != std::string_view::npos) {
      const std::string_view digits = item.substr(x + 1);
      if (std::from_chars(digits.data(), digits.data() + digits.size(), times).ec != std::errc{}) {
        return std::unexpected("bad repetition");
      }
      item = item.substr(0, x);
    }
    if (item == "_") {
      out.insert(out.end(), x == std::string_view::npos ? 1 : times, std::nullopt);
      continue;
    }
    const std::size_t sign = item.find_first_of("+-", 1);
    const auto first = milliseconds(item.substr(0, sign));
    if (!first) return std::unexpected(first.error());
    std::int64_t growth = 0;
    if (sign != std::string_view::npos) {
      const auto parsed = milliseconds(item.substr(sign));
      if (!parsed) return std::unexpected(parsed.error());
      growth = *parsed;
    }
    for (std::size_t i = 0; i <= times; ++i) {
      out.emplace_back(*first + static_cast<std::int64_t>(i) * growth);
    }
  }
  return out;
}

class ScriptParser {
 public:
  explicit ScriptParser(std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      const std::string_view line = trimmed(text.substr(0, end));
      lines_.push_back(line.starts_with('#') ? std::string_view() : line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }

  std::vector<Command> parse() {
    while (next_ < lines_.size()) {
      const std::string_view head = lines_[next_++];
      if (head.empty()) continue;
      Command command;
      command.line = next_;
      std::string_view rest = head;
      const std::string word = lowered(take_word(rest));
      if (word == "clear") {
        command.what = Clear{};
      } else if (word.starts_with("load")) {
        command.problem = parse_load(word, rest, command.what.emplace<Load>());
      } else if (word.starts_with("eval")) {
        command.problem = parse_eval(word, rest, command.what.emplace<Eval>());
      } else {
        command.problem = fmt::format("unknown command '{}'", word);
      }
      if (!command.problem.empty()) skip_block();
      commands_.push_back(std::move(command));
    }
    return std::move(commands_);
  }

 private:
  // The next line of the block, empty at its end.
  std::string_view block_line() { return next_ < lines_.size() ? lines_[next_++] : ""; }
  void skip_block() {
    while (!block_line().empty()) {
    }
  }

  std::string parse_load(std::string_view word, std::string_view rest, Load& load) {
    load.with_nhcb = word == "load_with_nhcb";
    const auto step = milliseconds(rest);
    if (!step) return step.error();
    load.step_ms = *step;
    std::vector<std::optional<std::int64_t>> starts;
    model::Labels starts_labels;
    for (std::string_view line = block_line(); !line.empty(); line = block_line()) {
      const auto labels = promql::parse_series_labels(line);
      if (!labels) return labels.error().message();
      if (labels->rest.starts_with("@st")) {
        auto offsets = parse_start_offsets(trimmed(labels->rest.substr(3)));
        if (!offsets) return offsets.error();
        starts = *std::move(offsets);
        starts_labels = labels->labels;
        continue;
      }
      auto series = promql::parse_series_notation(line);
      if (!series) return series.error().message();
      const bool has_starts = !starts.empty();
      if (has_starts &&
          (starts_labels != series->labels || starts.size() != series->values.size())) {
        return "start timestamps do not belong to the series behind them";
      }
      std::erase_if(load.series,
                    [&](const LoadedSeries& other) { return other.labels == series->labels; });
      load.series.push_back(
          {std::move(series->labels), std::move(series->values), std::exchange(starts, {})});
    }
    return {};
  }

  std::string parse_eval(std::string_view word, std::string_view rest, Eval& eval) {
    const std::string_view kind = take_word(rest);
    if (kind == "instant") {
      if (rest.starts_with("at ")) {
        static_cast<void>(take_word(rest));
        const auto time = milliseconds(take_word(rest));
        if (!time) return time.error();
        eval.steps.start = *time;
      }
    } else if (kind == "range") {
      eval.is_range = true;
      const auto steps = parse_steps(rest);
      if (!steps) return steps.error();
      eval.steps = *steps;
    } else {
      return fmt::format("unknown kind of eval '{}'", kind);
    }
    eval.expr = rest;
    if (word == "eval_fail") eval.fail.emplace();
    if (word == "eval_warn") eval.warn.emplace_back();
    if (word == "eval_info") eval.info.emplace_back();
    eval.ordered = word == "eval_ordered";
    return parse_expectations(eval);
  }

  std::string parse_expectations(Eval& eval) {
    for (std::string_view line = block_line(); !line.empty(); line = block_line()) {
      std::string_view rest = line;
      const std::string_view word = take_word(rest);
      std::string problem;
      if (word == "expect") {
        problem = parse_expect(rest, eval);
      } else if (word == "expected_fail_message" || word == "expected_fail_regexp") {
        const bool regex = word == "expected_fail_regexp";
        eval.fail =
            Pattern{regex ? Pattern::Kind::kRegex : Pattern::Kind::kExact, std::string(rest)};
        return {};
      } else if (const auto scalar = parse_number(line)) {
        eval.scalar = scalar;
        return {};
      } else {
        auto series = promql::parse_series_notation(line);
        if (!series) return series.error().message();
        eval.series.push_back(*std::move(series));
      }
      if (!problem.empty()) return problem;
    }
    return {};
  }

  static std::string parse_expect(std::string_view rest, Eval& eval) {
    const std::string_view what = take_word(rest);
    if (what == "no_warn" || what == "no_info" || what == "ordered") {
      (what == "no_warn" ? eval.no_warn : what == "no_info" ? eval.no_info : eval.ordered) = true;
      return {};
    }
    if (what == "string") {
      auto text = parse_string(rest);
      if (!text) return text.error();
      eval.text = *std::move(text);
      return {};
    }
    if (what == "range") {
      if (take_word(rest) != "vector") return "expect range: no 'vector'";
      const auto steps = parse_steps(rest);
      if (!steps) return steps.error();
      eval.range_vector = *steps;
      return {};
    }
    auto pattern = parse_pattern(rest);
    if (!pattern) return pattern.error();
    if (what == "fail") {
      eval.fail = *std::move(pattern);
    } else if (what == "warn") {
      eval.warn.push_back(*std::move(pattern));
    } else if (what == "info") {
      eval.info.push_back(*std::move(pattern));
    } else {
      return fmt::format("unknown expectation '{}'", what);
    }
    return {};
  }

  std::vector<std::string_view> lines_;
  std::size_t next_ = 0;
  std::vector<Command> commands_;
};

}  // namespace

bool Pattern::matches(std::string_view candidate) const {
  switch (kind) {
    case Kind::kAny:
      return true;
    case Kind::kExact:
      return candidate == text;
    case Kind::kRegex:
      break;
  }
  const auto regex = model::Regex::compile(fmt::format(".*(?:{}).*", text));
  return regex && regex->matches(candidate);
}

std::vector<Command> parse_script(std::string_view text) {
  return ScriptParser(text).parse();
}

}  // namespace narthex::conformance
