// Content encodings of answers: gzip and deflate (zlib), chosen as Prometheus chooses.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace narthex::http {

enum class Encoding : std::uint8_t { kIdentity, kGzip, kDeflate };

// The first of gzip and deflate that the Accept-Encoding field lists; exact tokens, weights are not
// looked at (HA-G15).
[[nodiscard]] Encoding choose_encoding(std::string_view accept_encoding) noexcept;
// "gzip", "deflate", "" for identity.
[[nodiscard]] std::string_view encoding_text(Encoding encoding) noexcept;

// A whole body at once, at a fast level. Precondition: not identity.
[[nodiscard]] std::string compress_whole(Encoding encoding, std::string_view body);

// A body in pieces. Threads: confined.
class StreamCompressor {
 public:
  enum class Flush : std::uint8_t {
    kNone,  // Keep what does not fill a block yet.
    kSync,  // Everything so far comes out, so that the client can read it.
    kEnd,   // And the trailer: no more calls after this.
  };

  // Precondition: not identity.
  explicit StreamCompressor(Encoding encoding);
  ~StreamCompressor();
  StreamCompressor(const StreamCompressor&) = delete;
  StreamCompressor& operator=(const StreamCompressor&) = delete;

  void append(std::string_view bytes, Flush flush, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::http
