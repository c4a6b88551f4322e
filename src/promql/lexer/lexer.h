// Query text to tokens, one at a time. Comments and blanks are left out.
//
// Three sublanguages: outside of brackets and braces; inside braces, where no word is a keyword;
// inside square brackets, where only durations and their arithmetic stand. The lexer follows the
// brackets by itself, so that the parser just asks for the next token.
// Threads: confined. The text outlives the lexer and its tokens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "promql/lexer/token.h"

namespace narthex::promql {

class Lexer {
 public:
  // Precondition: shorter than 4 GiB.
  explicit Lexer(std::string_view text) noexcept : text_(text) {}

  // After the end and after an error: the same token for ever. An error token starts where the
  // faulty token does and reaches to the end of the text.
  [[nodiscard]] Token next();
  [[nodiscard]] const std::string& error_message() const noexcept { return error_; }

 private:
  enum class Mode : std::uint8_t {
    kStatement,
    kBraces,
    kBracketStart,  // Inside [ ], as long as no number came.
    kBracket,       // Inside [ ] behind the first number.
  };

  // What stands at the position; '\0' at the end. NUL bytes in the text are errors anyway.
  [[nodiscard]] char peek(std::size_t ahead = 0) const noexcept {
    return pos_ + ahead < text_.size() ? text_[pos_ + ahead] : '\0';
  }
  [[nodiscard]] bool at_end() const noexcept { return pos_ >= text_.size(); }
  bool take_if(char c) noexcept;
  bool take_any(std::string_view set) noexcept;
  void take_while(std::string_view set) noexcept;
  // The rune at the position, which moves behind it.
  char32_t take_rune() noexcept;

  [[nodiscard]] Token emit(TokenKind kind) const noexcept;
  [[nodiscard]] Token fail(std::string message);
  void skip_blanks_and_comments() noexcept;

  [[nodiscard]] Token next_in_statement();
  [[nodiscard]] Token next_in_braces();
  [[nodiscard]] Token next_in_bracket_start();
  [[nodiscard]] Token end_of_statement();
  [[nodiscard]] Token symbol_in_statement(char c);
  [[nodiscard]] Token comparison(char c);
  [[nodiscard]] Token left_bracket();
  [[nodiscard]] Token right_bracket();
  [[nodiscard]] Token left_paren();
  [[nodiscard]] Token right_paren();
  [[nodiscard]] Token colon_in_bracket();
  // A word inside [ ]; `complaint` is the message if it is none that may stand there.
  [[nodiscard]] Token duration_word(std::string complaint);
  [[nodiscard]] Token word();
  [[nodiscard]] bool paren_follows() const noexcept;

  [[nodiscard]] Token number_or_duration();
  // Both move the position over what they could read, also when they fail.
  bool take_number() noexcept;
  bool take_exponent() noexcept;
  bool take_duration_units() noexcept;

  [[nodiscard]] Token quoted_string(char quote);
  [[nodiscard]] Token raw_string();
  // Behind a backslash. Empty = fine, else what is wrong.
  [[nodiscard]] std::string take_escape(char quote);
  [[nodiscard]] std::string take_escape_digits(std::size_t count, unsigned base, char32_t limit);

  std::string_view text_;
  std::size_t pos_ = 0;
  std::size_t start_ = 0;  // Of the token being read.
  Mode mode_ = Mode::kStatement;
  std::size_t paren_depth_ = 0;
  bool seen_duration_ = false;  // Inside the current brackets.
  bool seen_colon_ = false;
  bool failed_ = false;
  std::string error_;
};

}  // namespace narthex::promql
