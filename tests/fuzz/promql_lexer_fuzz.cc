// Any text: tokens lie behind one another inside the text, the lexer ends, and an error says why.
#include <cstdint>
#include <string_view>

#include "narthex/util/check.h"

#include "promql/lexer/lexer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  promql::Lexer lexer(text);
  std::size_t end = 0;
  // Every token but the last takes a byte at least.
  for (std::size_t count = 0; count <= size + 1; ++count) {
    const promql::Token token = lexer.next();
    NX_CHECK(token.start >= end && token.end() <= size, "a token at {} to {} behind {}",
             token.start, token.end(), end);
    if (token.kind == promql::TokenKind::kEof) return 0;
    if (token.kind == promql::TokenKind::kError) {
      NX_CHECK(!lexer.error_message().empty(), "an error without a reason at {}", token.start);
      NX_CHECK(lexer.next().kind == promql::TokenKind::kError, "no error any more");
      return 0;
    }
    NX_CHECK(token.end() > token.start, "an empty token at {}", token.start);
    end = token.end();
  }
  NX_CHECK(false, "no end");
}
