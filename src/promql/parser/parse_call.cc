// Function calls and aggregations.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "promql/parser/parser_state.h"

namespace narthex::promql {

bool Parser::parse_arguments(std::vector<ExprPtr>& args) {
  advance();  // The left parenthesis.
  std::size_t deepest = 0;
  if (!at(TokenKind::kRightParen)) {
    for (;;) {
      ExprPtr arg = parse_expression(0);
      if (arg == nullptr) return false;
      args.push_back(std::move(arg));
      deepest = std::max(deepest, expr_depth_);
      if (!at(TokenKind::kComma)) break;
      const Token comma = token_;
      advance();
      if (can_start_expression()) continue;
      add_error(position_of(comma), "trailing commas not allowed in function call args");
      break;
    }
  }
  if (!take_if(TokenKind::kRightParen)) {
    unexpected();
    return false;
  }
  return grow_depth(deepest);
}

ExprPtr Parser::parse_call(const Token& name) {
  auto call = std::make_unique<Call>();
  call->function = find_function(name.text);
  if (!parse_arguments(call->args)) return nullptr;
  call->position = {name.start, last_end()};
  if (call->function == nullptr) {
    add_error(position_of(name), "unknown function with name " + model::quoted(name.text));
    // Some function, so that reading can go on: the expression is refused anyway.
    call->function = &function_signature(FunctionId::kTime);
  } else if (call->function->experimental && !options_.experimental_functions) {
    add_error(position_of(name),
              fmt::format("function {} is not enabled", model::quoted(name.text)));
  }
  return call;
}

ExprPtr Parser::parse_aggregate(const Token& name) {
  auto aggregate = std::make_unique<Aggregate>();
  aggregate->op =
      static_cast<AggregateOp>(static_cast<int>(name.kind) - static_cast<int>(TokenKind::kSum));
  ++aggregations_;
  std::vector<ExprPtr> args;
  const bool modifier_first = !at(TokenKind::kLeftParen);
  if (modifier_first && !parse_grouping_modifier(*aggregate)) return nullptr;
  if (!at(TokenKind::kLeftParen)) return unexpected();
  if (!parse_arguments(args)) return nullptr;
  --aggregations_;
  const bool modifier_last = at(TokenKind::kBy) || at(TokenKind::kWithout);
  if (!modifier_first && modifier_last && !parse_grouping_modifier(*aggregate)) return nullptr;
  aggregate->position = {name.start, last_end()};
  check_aggregate_arguments(*aggregate, args);
  return aggregate;
}

void Parser::check_aggregate_arguments(Aggregate& aggregate, std::vector<ExprPtr>& args) {
  if (args.empty()) {
    add_error(aggregate.position, "no arguments for aggregate expression provided");
    return;
  }
  const bool experimental =
      aggregate.op == AggregateOp::kLimitk || aggregate.op == AggregateOp::kLimitRatio;
  if (experimental && !options_.experimental_functions) {
    add_error(aggregate.position, fmt::format("{}() is experimental and must be enabled with "
                                              "--enable-feature=promql-experimental-functions",
                                              aggregate_op_text(aggregate.op)));
    return;
  }
  const std::size_t wanted = has_param(aggregate.op) ? 2 : 1;
  if (args.size() != wanted) {
    add_error(aggregate.position,
              fmt::format("wrong number of arguments for aggregate expression provided, expected "
                          "{}, got {}",
                          wanted, args.size()));
    return;
  }
  if (wanted == 2) aggregate.param = std::move(args.front());
  aggregate.expr = std::move(args.back());
}

bool Parser::parse_grouping_modifier(Aggregate& aggregate) {
  aggregate.without = at(TokenKind::kWithout);
  advance();
  return parse_grouping_labels(aggregate.grouping);
}

bool Parser::parse_grouping_labels(std::vector<std::string>& labels) {
  constexpr std::string_view kWhere = "grouping opts";
  if (!take_if(TokenKind::kLeftParen)) {
    unexpected({kWhere, "\"(\""});
    return false;
  }
  while (!at(TokenKind::kRightParen)) {
    if (!parse_grouping_label(labels)) return false;
    if (!take_if(TokenKind::kComma) && !at(TokenKind::kRightParen)) {
      unexpected({kWhere, "\",\" or \")\""});
      return false;
    }
  }
  advance();
  return true;
}

bool Parser::parse_grouping_label(std::vector<std::string>& labels) {
  if (at(TokenKind::kString)) {
    std::string label = string_value(token_);
    if (!model::is_valid_label_name(label, model::NameScheme::kUtf8)) {
      add_error(position_of(token_), "invalid label name for grouping: " + model::quoted(label));
    }
    labels.push_back(std::move(label));
    advance();
    return true;
  }
  const TokenKind kind = token_.kind;
  const bool is_word = kind == TokenKind::kIdentifier || kind == TokenKind::kMetricIdentifier ||
                       kind == TokenKind::kAtan2 || kind == TokenKind::kAnd ||
                       kind == TokenKind::kOr || kind == TokenKind::kUnless ||
                       is_aggregator(kind) || is_preprocessor(kind) ||
                       (is_modifier(kind) && kind != TokenKind::kWithout);
  if (!is_word) {
    unexpected({"grouping opts", "label"});
    return false;
  }
  labels.emplace_back(token_.text);
  advance();
  return true;
}

}  // namespace narthex::promql
