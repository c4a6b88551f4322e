// The recursive-descent parser behind parse(). Grammar: docs/ARCHITECTURE.md; its messages and
// their positions are those of Prometheus, because editors and people know them. Threads: confined.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/promql/ast.h"
#include "narthex/promql/parser.h"
#include "narthex/util/result.h"

#include "promql/lexer/lexer.h"

namespace narthex::promql {

// A function that returns a null pointer or false has met text it cannot read on behind, and has
// reported it. Errors that do not stop the reading are just added to errors().
class Parser {
 public:
  Parser(std::string_view text, const ParserOptions& options);

  // The whole text as an expression, not yet type-checked. Null if it has errors.
  [[nodiscard]] ExprPtr parse_whole_expression();
  // The whole text as a vector selector without modifiers.
  [[nodiscard]] std::unique_ptr<VectorSelector> parse_whole_selector();
  [[nodiscard]] std::vector<ParseError> take_errors() noexcept { return std::move(errors_); }

 private:
  // Where an unexpected token was met.
  struct Context {
    std::string_view where;
    std::string_view expected;
  };
  class Level;

  // parser.cc: expressions.
  [[nodiscard]] ExprPtr parse_expression(int binding_min);
  [[nodiscard]] ExprPtr parse_unary();
  [[nodiscard]] ExprPtr parse_operand();
  [[nodiscard]] ExprPtr parse_primary();
  [[nodiscard]] ExprPtr parse_parenthesised();
  [[nodiscard]] ExprPtr parse_string();
  [[nodiscard]] ExprPtr parse_binary_tail(ExprPtr lhs, int binding);
  [[nodiscard]] bool parse_binary_modifiers(Binary& binary);
  [[nodiscard]] bool parse_group_modifier(VectorMatching& matching);
  [[nodiscard]] bool parse_fill_modifiers(VectorMatching& matching);
  [[nodiscard]] std::optional<double> parse_fill_value();
  // parse_call.cc: calls and aggregations.
  [[nodiscard]] ExprPtr parse_call(const Token& name);
  [[nodiscard]] ExprPtr parse_aggregate(const Token& name);
  [[nodiscard]] bool parse_arguments(std::vector<ExprPtr>& args);
  void check_aggregate_arguments(Aggregate& aggregate, std::vector<ExprPtr>& args);
  [[nodiscard]] bool parse_grouping_modifier(Aggregate& aggregate);
  [[nodiscard]] bool parse_grouping_labels(std::vector<std::string>& labels);
  [[nodiscard]] bool parse_grouping_label(std::vector<std::string>& labels);
  // parse_selector.cc: selectors and what may stand behind an operand.
  [[nodiscard]] std::unique_ptr<VectorSelector> parse_vector_selector(const Token* name);
  [[nodiscard]] bool parse_matchers(VectorSelector& selector);
  [[nodiscard]] bool parse_matcher(VectorSelector& selector);
  [[nodiscard]] util::Result<model::Matcher> make_matcher(model::MatchOp op, std::string name,
                                                          std::string value);
  [[nodiscard]] ExprPtr parse_postfix(ExprPtr operand);
  [[nodiscard]] ExprPtr parse_bracket(ExprPtr operand);
  [[nodiscard]] ExprPtr make_matrix(ExprPtr operand, Position bracket, ExprPtr range);
  [[nodiscard]] ExprPtr make_subquery(ExprPtr operand, ExprPtr range, ExprPtr step);
  [[nodiscard]] bool parse_offset(Expr& target);
  void set_offset(Expr& target, ExprPtr offset);
  [[nodiscard]] bool parse_at(Expr& target);
  void set_at(Expr& target, AtKind kind, double seconds);
  [[nodiscard]] bool parse_extension(Expr& target);
  // parse_duration.cc: durations and their arithmetic.
  [[nodiscard]] ExprPtr parse_duration_expression(int binding_min, bool outermost);
  [[nodiscard]] ExprPtr parse_duration_operand(bool outermost);
  [[nodiscard]] ExprPtr parse_duration_primary();
  [[nodiscard]] ExprPtr parse_duration_parenthesised();
  [[nodiscard]] ExprPtr parse_duration_call();
  [[nodiscard]] ExprPtr parse_offset_value();
  [[nodiscard]] ExprPtr signed_duration(const Token& sign, ExprPtr operand);
  void check_divisor(DurationOp op, const Token& op_token, const Expr& divisor);
  void require_positive(const Expr& duration);
  void require_duration_expressions(const Expr& expr);
  // parse_literal.cc
  [[nodiscard]] std::unique_ptr<NumberLiteral> parse_number_or_duration();
  [[nodiscard]] double number_value(const Token& token);
  [[nodiscard]] double duration_value(const Token& token);
  [[nodiscard]] std::string string_value(const Token& token);

  // Tokens.
  void advance();
  [[nodiscard]] bool at(TokenKind kind) const noexcept { return token_.kind == kind; }
  [[nodiscard]] bool take_if(TokenKind kind);
  [[nodiscard]] bool can_start_expression() const noexcept;
  [[nodiscard]] static Position position_of(const Token& token) noexcept {
    return {token.start, token.end()};
  }
  // The end of the token before the current one.
  [[nodiscard]] std::uint32_t last_end() const noexcept { return last_end_; }

  // Errors.
  void add_error(Position position, std::string message);
  void unexpected(const Context& context);
  // In no particular place, or in an aggregation's parentheses.
  std::nullptr_t unexpected();
  // One more level above what was just parsed. False: too deep, reported.
  [[nodiscard]] bool grow_depth(std::size_t children_depth);

  Lexer lexer_;
  ParserOptions options_;
  Token token_;
  std::uint32_t last_end_ = 0;
  std::vector<ParseError> errors_;
  std::size_t nesting_ = 0;       // Calls of ourselves in progress.
  std::size_t expr_depth_ = 0;    // Levels of the expression parsed last.
  std::size_t regex_bytes_ = 0;   // Of compiled matchers; failed ones count as the largest.
  std::size_t aggregations_ = 0;  // Whose parentheses are open.
  bool duration_begun_ = false;   // In brackets: a complete operand stands in front.
};

// Counts nesting; false: too deep, reported.
class Parser::Level {
 public:
  explicit Level(Parser& parser) noexcept : parser_(parser) { ++parser_.nesting_; }
  ~Level() { --parser_.nesting_; }
  Level(const Level&) = delete;
  Level& operator=(const Level&) = delete;
  [[nodiscard]] bool ok();

 private:
  Parser& parser_;
};

// Types, arities and the other rules that need the whole tree. Appends to `errors`.
// Sets what depends on types (Binary::matching, VectorSelector::may_match_empty).
void check_types(Expr& root, std::string_view text, std::vector<ParseError>& errors);

}  // namespace narthex::promql
