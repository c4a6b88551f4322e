#include "api/ast_json.h"

#include <string_view>
#include <vector>

#include "narthex/util/number.h"

#include "api/json.h"

namespace narthex::api {
namespace {

using promql::Expr;

// An object whose fields are given in order.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_.push_back('{'); }
  ~Object() { out_.push_back('}'); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string& key(std::string_view name) {
    commas_.next(out_);
    out_.push_back('"');
    out_ += name;
    out_ += "\":";
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void flag(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void number(std::string_view name, std::int64_t value) { append_json_int(key(name), value); }
  void expr(std::string_view name, const Expr* value) {
    key(name);
    if (value == nullptr) {
      out_ += "null";
    } else {
      append_ast(out_, *value);
    }
  }
  // Left out when there is none.
  void optional_expr(std::string_view name, const Expr* value) {
    if (value != nullptr) expr(name, value);
  }
  void texts(std::string_view name, const std::vector<std::string>& values) {
    key(name).push_back('[');
    JsonCommas commas;
    for (const std::string& value : values) {
      commas.next(out_);
      append_json_string(out_, value);
    }
    out_.push_back(']');
  }

 private:
  std::string& out_;
  JsonCommas commas_;
};

void add_matchers(Object& object, std::string& out, const model::Matchers& matchers) {
  object.key("matchers").push_back('[');
  JsonCommas commas;
  for (const model::Matcher& matcher : matchers) {
    commas.next(out);
    Object entry(out);
    entry.text("name", matcher.name());
    entry.text("type", model::match_op_text(matcher.op()));
    entry.text("value", matcher.value());
  }
  out.push_back(']');
}

void add_start_or_end(Object& object, const promql::TimeModifiers& time) {
  std::string& out = object.key("startOrEnd");
  switch (time.at) {
    case promql::AtKind::kStart:
      out += "\"start\"";
      return;
    case promql::AtKind::kEnd:
      out += "\"end\"";
      return;
    case promql::AtKind::kNone:
    case promql::AtKind::kTimestamp:
      out += "null";
      return;
  }
}

void add_timestamp(Object& object, const promql::TimeModifiers& time) {
  std::string& out = object.key("timestamp");
  if (time.at == promql::AtKind::kTimestamp) {
    append_json_int(out, time.at_timestamp);
  } else {
    out += "null";
  }
}

// Both kinds of selectors; `matrix` is null for an instant one.
void append_selector(std::string& out, const promql::VectorSelector& selector,
                     const promql::MatrixSelector* matrix) {
  Object object(out);
  if (selector.extension == promql::Extension::kAnchored) object.flag("anchored", true);
  add_matchers(object, out, selector.matchers);
  object.text("name", selector.name);
  object.number("offset", selector.time.offset.count());
  object.optional_expr("offsetExpr", selector.time.offset_expr.get());
  if (matrix != nullptr) {
    object.number("range", matrix->range.count());
    object.optional_expr("rangeExpr", matrix->range_expr.get());
  }
  if (selector.extension == promql::Extension::kSmoothed) object.flag("smoothed", true);
  add_start_or_end(object, selector.time);
  add_timestamp(object, selector.time);
  object.text("type", matrix != nullptr ? "matrixSelector" : "vectorSelector");
}

void append_subquery(std::string& out, const promql::Subquery& subquery) {
  Object object(out);
  object.expr("expr", subquery.expr.get());
  object.number("offset", subquery.time.offset.count());
  object.optional_expr("offsetExpr", subquery.time.offset_expr.get());
  object.number("range", subquery.range.count());
  object.optional_expr("rangeExpr", subquery.range_expr.get());
  add_start_or_end(object, subquery.time);
  object.number("step", subquery.step.count());
  object.optional_expr("stepExpr", subquery.step_expr.get());
  add_timestamp(object, subquery.time);
  object.text("type", "subquery");
}

void append_call(std::string& out, const promql::Call& call) {
  Object object(out);
  object.key("args").push_back('[');
  JsonCommas commas;
  for (const promql::ExprPtr& arg : call.args) {
    commas.next(out);
    append_ast(out, *arg);
  }
  out.push_back(']');
  object.key("func");
  {
    const promql::FunctionSignature& function = *call.function;
    Object func(out);
    func.key("argTypes").push_back('[');
    JsonCommas type_commas;
    for (const promql::ValueType type : function.argument_types()) {
      type_commas.next(out);
      append_json_string(out, promql::value_type_text(type));
    }
    out.push_back(']');
    func.text("name", function.name);
    func.text("returnType", promql::value_type_text(function.returns));
    const bool unlimited = function.arity.max == promql::Arity::kUnlimited;
    func.number("variadic", unlimited ? -1 : function.arity.max - function.arity.min);
  }
  object.text("type", "call");
}

void append_aggregate(std::string& out, const promql::Aggregate& aggregate) {
  Object object(out);
  object.expr("expr", aggregate.expr.get());
  object.texts("grouping", aggregate.grouping);
  object.text("op", promql::aggregate_op_text(aggregate.op));
  object.expr("param", aggregate.param.get());
  object.text("type", "aggregation");
  object.flag("without", aggregate.without);
}

std::string_view cardinality_text(promql::Cardinality cardinality) noexcept {
  switch (cardinality) {
    case promql::Cardinality::kOneToOne:
      return "one-to-one";
    case promql::Cardinality::kManyToOne:
      return "many-to-one";
    case promql::Cardinality::kOneToMany:
      return "one-to-many";
    case promql::Cardinality::kManyToMany:
      break;
  }
  return "many-to-many";
}

void add_fill(Object& object, std::string_view name, const std::optional<double>& value) {
  std::string& out = object.key(name);
  if (value) {
    append_json_double(out, *value);
  } else {
    out += "null";
  }
}

void append_binary(std::string& out, const promql::Binary& binary) {
  Object object(out);
  object.flag("bool", binary.return_bool);
  object.expr("lhs", binary.lhs.get());
  object.key("matching");
  if (!binary.matching) {
    out += "null";
  } else {
    const promql::VectorMatching& matching = *binary.matching;
    Object entry(out);
    entry.text("card", cardinality_text(matching.cardinality));
    if (matching.fill_left || matching.fill_right) {
      entry.key("fillValues");
      Object fill(out);
      add_fill(fill, "lhs", matching.fill_left);
      add_fill(fill, "rhs", matching.fill_right);
    }
    entry.texts("include", matching.include);
    entry.texts("labels", matching.labels);
    entry.flag("on", matching.on);
  }
  object.text("op", promql::binary_op_text(binary.op));
  object.expr("rhs", binary.rhs.get());
  object.text("type", "binaryExpr");
}

void append_number(std::string& out, const promql::NumberLiteral& number) {
  Object object(out);
  object.text("type", "numberLiteral");
  std::string text;
  util::append_plain(text, number.value);
  object.text("val", text);
}

std::string_view duration_op_text(promql::DurationOp op) noexcept {
  switch (op) {
    case promql::DurationOp::kAdd:
      return "+";
    case promql::DurationOp::kSub:
      return "-";
    case promql::DurationOp::kMul:
      return "*";
    case promql::DurationOp::kDiv:
      return "/";
    case promql::DurationOp::kMod:
      return "%";
    case promql::DurationOp::kPow:
      return "^";
    case promql::DurationOp::kStep:
      return "step";
    case promql::DurationOp::kRange:
      return "range";
    case promql::DurationOp::kMinOf:
      return "min_of";
    case promql::DurationOp::kMaxOf:
      break;
  }
  return "max_of";
}

void append_duration(std::string& out, const promql::DurationExpr& duration) {
  Object object(out);
  object.expr("lhs", duration.lhs.get());
  object.text("op", duration_op_text(duration.op));
  object.expr("rhs", duration.rhs.get());
  object.text("type", "durationExpr");
  object.flag("wrapped", duration.wrapped);
}

}  // namespace

void append_ast(std::string& out, const Expr& expr) {
  switch (expr.kind) {
    case promql::ExprKind::kNumber:
      append_number(out, promql::as<promql::NumberLiteral>(expr));
      return;
    case promql::ExprKind::kString: {
      Object object(out);
      object.text("type", "stringLiteral");
      object.text("val", promql::as<promql::StringLiteral>(expr).value);
      return;
    }
    case promql::ExprKind::kVectorSelector:
      append_selector(out, promql::as<promql::VectorSelector>(expr), nullptr);
      return;
    case promql::ExprKind::kMatrixSelector: {
      const auto& matrix = promql::as<promql::MatrixSelector>(expr);
      append_selector(out, *matrix.selector, &matrix);
      return;
    }
    case promql::ExprKind::kSubquery:
      append_subquery(out, promql::as<promql::Subquery>(expr));
      return;
    case promql::ExprKind::kCall:
      append_call(out, promql::as<promql::Call>(expr));
      return;
    case promql::ExprKind::kAggregate:
      append_aggregate(out, promql::as<promql::Aggregate>(expr));
      return;
    case promql::ExprKind::kBinary:
      append_binary(out, promql::as<promql::Binary>(expr));
      return;
    case promql::ExprKind::kUnary: {
      const auto& unary = promql::as<promql::Unary>(expr);
      Object object(out);
      object.expr("expr", unary.expr.get());
      object.text("op", unary.negative ? "-" : "+");
      object.text("type", "unaryExpr");
      return;
    }
    case promql::ExprKind::kParen: {
      Object object(out);
      object.expr("expr", promql::as<promql::Paren>(expr).expr.get());
      object.text("type", "parenExpr");
      return;
    }
    case promql::ExprKind::kDuration:
      append_duration(out, promql::as<promql::DurationExpr>(expr));
      return;
  }
}

}  // namespace narthex::api
