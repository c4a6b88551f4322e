#include "narthex/promql/printer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/model/names.h"
#include "narthex/util/number.h"

namespace narthex::promql {
namespace {

constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

void append_label_list(std::string& out, const std::vector<std::string>& labels) {
  out += '(';
  bool first = true;
  for (const std::string& label : labels) {
    if (!first) out += ", ";
    first = false;
    if (model::is_valid_label_name(label, model::NameScheme::kLegacy)) {
      out += label;
    } else {
      model::append_quoted(out, label);
    }
  }
  out += ')';
}

void append_fill(std::string& out, std::string_view keyword, double value) {
  out += fmt::format(" {} (", keyword);
  util::append_value(out, value);
  out += ')';
}

void append_matching(std::string& out, const VectorMatching& matching) {
  const bool grouped = matching.cardinality == Cardinality::kManyToOne ||
                       matching.cardinality == Cardinality::kOneToMany;
  if (matching.on || !matching.labels.empty() || grouped) {
    out += matching.on ? " on " : " ignoring ";
    append_label_list(out, matching.labels);
  }
  if (grouped) {
    out += matching.cardinality == Cardinality::kManyToOne ? " group_left " : " group_right ";
    append_label_list(out, matching.include);
  }
  const auto& [left, right] = std::tie(matching.fill_left, matching.fill_right);
  if (left && right && *left == *right) {
    append_fill(out, "fill", *left);
    return;
  }
  if (left) append_fill(out, "fill_left", *left);
  if (right) append_fill(out, "fill_right", *right);
}

// The operator of a binary expression with all that stands between the operands.
void append_operator(std::string& out, const Binary& e) {
  out += binary_op_text(e.op);
  if (e.return_bool) out += " bool";
  if (e.matching) append_matching(out, *e.matching);
}

// "sum by (a) ", "sum".
void append_aggregation(std::string& out, const Aggregate& e) {
  out += aggregate_op_text(e.op);
  if (!e.without && e.grouping.empty()) return;
  out += e.without ? " without " : " by ";
  append_label_list(out, e.grouping);
  out += ' ';
}

std::string_view extension_text(Extension extension) noexcept {
  switch (extension) {
    case Extension::kAnchored:
      return " anchored";
    case Extension::kSmoothed:
      return " smoothed";
    case Extension::kNone:
      break;
  }
  return "";
}

std::string_view duration_op_text(DurationOp op) noexcept {
  switch (op) {
    case DurationOp::kAdd:
      return "+";
    case DurationOp::kSub:
      return "-";
    case DurationOp::kMul:
      return "*";
    case DurationOp::kDiv:
      return "/";
    case DurationOp::kMod:
      return "%";
    case DurationOp::kPow:
      return "^";
    case DurationOp::kStep:
      return "step";
    case DurationOp::kRange:
      return "range";
    case DurationOp::kMinOf:
      return "min_of";
    case DurationOp::kMaxOf:
      return "max_of";
  }
  return "";
}

void append_at(std::string& out, const TimeModifiers& time) {
  switch (time.at) {
    case AtKind::kNone:
      break;
    case AtKind::kTimestamp:
      out += fmt::format(" @ {:.3f}", static_cast<double>(time.at_timestamp) / 1000);
      break;
    case AtKind::kStart:
      out += " @ start()";
      break;
    case AtKind::kEnd:
      out += " @ end()";
      break;
  }
}

// Writes the canonical form; gives up once it is longer than the limit.
class Printer {
 public:
  Printer(std::string& out, std::size_t bytes_max) noexcept : out_(out), bytes_max_(bytes_max) {}

  void print(const Expr& expr) {
    if (out_.size() > bytes_max_) return;
    switch (expr.kind) {
      case ExprKind::kNumber:
        return print_number(as<NumberLiteral>(expr));
      case ExprKind::kString:
        return model::append_quoted(out_, as<StringLiteral>(expr).value);
      case ExprKind::kVectorSelector:
        return print_vector_selector(as<VectorSelector>(expr));
      case ExprKind::kMatrixSelector:
        return print_matrix_selector(as<MatrixSelector>(expr));
      case ExprKind::kSubquery:
        print(*as<Subquery>(expr).expr);
        return print_subquery_suffix(as<Subquery>(expr));
      case ExprKind::kCall:
        return print_call(as<Call>(expr));
      case ExprKind::kAggregate:
        return print_aggregate(as<Aggregate>(expr));
      case ExprKind::kBinary:
        return print_binary(as<Binary>(expr));
      case ExprKind::kUnary:
        out_ += as<Unary>(expr).negative ? '-' : '+';
        return print(*as<Unary>(expr).expr);
      case ExprKind::kParen:
        out_ += '(';
        print(*as<Paren>(expr).expr);
        out_ += ')';
        return;
      case ExprKind::kDuration:
        return print_duration(as<DurationExpr>(expr));
    }
  }

  // [range:step] and what follows it.
  void print_subquery_suffix(const Subquery& e) {
    out_ += '[';
    print_duration_or(e.range_expr, e.range);
    out_ += ':';
    if (e.step_expr != nullptr || e.step.count() != 0) print_duration_or(e.step_expr, e.step);
    out_ += ']';
    append_at(out_, e.time);
    print_offset(e.time);
  }

 private:
  void print_number(const NumberLiteral& e) {
    if (e.is_duration) {
      out_ += model::format_duration(model::DurationMs(std::llround(e.value * 1000)));
    } else {
      util::append_plain(out_, e.value);
    }
  }

  void print_duration_or(const std::unique_ptr<DurationExpr>& expr, model::DurationMs value) {
    if (expr != nullptr) {
      print(*expr);
    } else {
      out_ += model::format_duration(value);
    }
  }

  void print_offset(const TimeModifiers& time) {
    if (time.offset_expr == nullptr && time.offset.count() == 0) return;
    out_ += " offset ";
    print_duration_or(time.offset_expr, time.offset);
  }

  void print_name_and_matchers(const VectorSelector& e) {
    out_ += e.name;
    std::vector<std::string> texts;
    for (const model::Matcher& matcher : e.matchers) {
      const bool is_the_name = !e.name.empty() && matcher.op() == model::MatchOp::kEqual &&
                               matcher.name() == model::kMetricName && matcher.value() == e.name;
      if (!is_the_name) texts.push_back(matcher.to_string());
    }
    // An empty matcher list behind info() must stay readable: {} is all of the selector then.
    if (texts.empty() && (!e.name.empty() || !e.may_match_empty)) return;
    std::ranges::sort(texts);
    out_ += fmt::format("{{{}}}", fmt::join(texts, ","));
  }

  void print_vector_selector(const VectorSelector& e) {
    print_name_and_matchers(e);
    append_at(out_, e.time);
    out_ += extension_text(e.extension);
    print_offset(e.time);
  }

  void print_matrix_selector(const MatrixSelector& e) {
    print_name_and_matchers(*e.selector);
    out_ += '[';
    print_duration_or(e.range_expr, e.range);
    out_ += ']';
    out_ += extension_text(e.selector->extension);
    append_at(out_, e.selector->time);
    print_offset(e.selector->time);
  }

  void print_call(const Call& e) {
    out_ += e.function->name;
    out_ += '(';
    bool first = true;
    for (const ExprPtr& arg : e.args) {
      if (!first) out_ += ", ";
      first = false;
      print(*arg);
      if (out_.size() > bytes_max_) return;
    }
    out_ += ')';
  }

  void print_aggregate(const Aggregate& e) {
    append_aggregation(out_, e);
    out_ += '(';
    if (e.param != nullptr) {
      print(*e.param);
      out_ += ", ";
    }
    print(*e.expr);
    out_ += ')';
  }

  void print_binary(const Binary& e) {
    const auto* base = e.op == BinaryOp::kPow ? as_if<NumberLiteral>(e.lhs.get()) : nullptr;
    if (base != nullptr && std::isinf(base->value)) {
      out_ += "Inf";  // The sign of +Inf would be read as the sign of the power.
    } else {
      print(*e.lhs);
    }
    out_ += ' ';
    append_operator(out_, e);
    out_ += ' ';
    print(*e.rhs);
  }

  void print_duration(const DurationExpr& e) {
    // (+(x)) is (x): a plus sign is not printed, so its parentheses would stand twice.
    const auto* signed_operand =
        e.op == DurationOp::kAdd && e.lhs == nullptr ? as_if<DurationExpr>(e.rhs.get()) : nullptr;
    const bool wrapped = e.wrapped && (signed_operand == nullptr || !signed_operand->wrapped);
    if (wrapped) out_ += '(';
    switch (e.op) {
      case DurationOp::kStep:
      case DurationOp::kRange:
        out_ += duration_op_text(e.op);
        out_ += "()";
        break;
      case DurationOp::kMinOf:
      case DurationOp::kMaxOf:
        out_ += duration_op_text(e.op);
        out_ += '(';
        print(*e.lhs);
        out_ += ", ";
        print(*e.rhs);
        out_ += ')';
        break;
      default:
        print_duration_arithmetic(e);
    }
    if (wrapped) out_ += ')';
  }

  void print_duration_arithmetic(const DurationExpr& e) {
    if (e.lhs != nullptr) {
      print(*e.lhs);
      out_ += fmt::format(" {} ", duration_op_text(e.op));
    } else if (e.op == DurationOp::kSub) {
      out_ += '-';
    }
    print(*e.rhs);
  }

  std::string& out_;
  std::size_t bytes_max_;
};

class PrettyPrinter {
 public:
  PrettyPrinter(std::string& out, std::size_t line_chars_max) noexcept
      : out_(out), line_chars_max_(line_chars_max) {}

  void print(const Expr& expr, std::size_t level) {
    indent(level);
    print_here(expr, level);
  }

 private:
  void indent(std::size_t level) { out_.append(2 * level, ' '); }

  [[nodiscard]] bool fits(const Expr& expr) const {
    std::string line;
    Printer(line, line_chars_max_).print(expr);
    return line.size() <= line_chars_max_;
  }

  // Without the indentation of the first line.
  void print_here(const Expr& expr, std::size_t level) {
    if (expr.kind == ExprKind::kUnary) {
      out_ += as<Unary>(expr).negative ? '-' : '+';
      return print_here(*as<Unary>(expr).expr, level);
    }
    if (fits(expr)) return append_to(out_, expr);
    switch (expr.kind) {
      case ExprKind::kAggregate:
        return split_aggregate(as<Aggregate>(expr), level);
      case ExprKind::kBinary:
        return split_binary(as<Binary>(expr), level);
      case ExprKind::kCall:
        return split_call(as<Call>(expr), level);
      case ExprKind::kParen:
        out_ += "(\n";
        print(*as<Paren>(expr).expr, level + 1);
        return close(level);
      case ExprKind::kSubquery:
        print_here(*as<Subquery>(expr).expr, level);
        return Printer(out_, kNoLimit).print_subquery_suffix(as<Subquery>(expr));
      default:
        return append_to(out_, expr);
    }
  }

  void close(std::size_t level) {
    out_ += '\n';
    indent(level);
    out_ += ')';
  }

  void split_aggregate(const Aggregate& e, std::size_t level) {
    append_aggregation(out_, e);
    out_ += "(\n";
    if (e.param != nullptr) {
      print(*e.param, level + 1);
      out_ += ",\n";
    }
    print(*e.expr, level + 1);
    close(level);
  }

  void split_call(const Call& e, std::size_t level) {
    out_ += e.function->name;
    out_ += "(\n";
    bool first = true;
    for (const ExprPtr& arg : e.args) {
      if (!first) out_ += ",\n";
      first = false;
      print(*arg, level + 1);
    }
    close(level);
  }

  // The operator stands one level left of its operands, on the level of the whole.
  void split_binary(const Binary& e, std::size_t level) {
    out_.append(2, ' ');
    print_here(*e.lhs, level + 1);
    out_ += '\n';
    indent(level);
    append_operator(out_, e);
    out_ += '\n';
    print(*e.rhs, level + 1);
  }

  std::string& out_;
  std::size_t line_chars_max_;
};

void collect_selectors(const Expr& expr, std::vector<model::Matchers>& out) {
  switch (expr.kind) {
    case ExprKind::kVectorSelector:
      out.push_back(as<VectorSelector>(expr).matchers);
      break;
    case ExprKind::kMatrixSelector:
      out.push_back(as<MatrixSelector>(expr).selector->matchers);
      break;
    case ExprKind::kSubquery:
      return collect_selectors(*as<Subquery>(expr).expr, out);
    case ExprKind::kCall:
      for (const ExprPtr& arg : as<Call>(expr).args) collect_selectors(*arg, out);
      break;
    case ExprKind::kAggregate:
      if (as<Aggregate>(expr).param != nullptr) collect_selectors(*as<Aggregate>(expr).param, out);
      return collect_selectors(*as<Aggregate>(expr).expr, out);
    case ExprKind::kBinary:
      collect_selectors(*as<Binary>(expr).lhs, out);
      return collect_selectors(*as<Binary>(expr).rhs, out);
    case ExprKind::kUnary:
      return collect_selectors(*as<Unary>(expr).expr, out);
    case ExprKind::kParen:
      return collect_selectors(*as<Paren>(expr).expr, out);
    case ExprKind::kNumber:
    case ExprKind::kString:
    case ExprKind::kDuration:
      break;
  }
}

}  // namespace

void append_to(std::string& out, const Expr& expr) {
  Printer(out, kNoLimit).print(expr);
}

std::string to_string(const Expr& expr) {
  std::string out;
  append_to(out, expr);
  return out;
}

std::string pretty(const Expr& expr, std::size_t line_chars_max) {
  std::string out;
  PrettyPrinter(out, line_chars_max).print(expr, 0);
  return out;
}

std::vector<model::Matchers> selectors_of(const Expr& expr) {
  std::vector<model::Matchers> out;
  collect_selectors(expr, out);
  return out;
}

}  // namespace narthex::promql
