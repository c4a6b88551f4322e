// Compresses an answer while it is written: gzip or deflate (zlib framing), fast level.
// Threads: confined.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace narthex::http {

enum class Encoding : std::uint8_t { kIdentity, kGzip, kDeflate };

// The first of gzip and deflate that the Accept-Encoding value lists as a token of its own (HA-G15: no q values).
[[nodiscard]] Encoding choose_encoding(std::string_view accept_encoding) noexcept;
[[nodiscard]] std::string_view encoding_name(Encoding encoding) noexcept;

// A whole buffer at once. Precondition: not kIdentity.
[[nodiscard]] std::string compress(std::string_view bytes, Encoding encoding);

class StreamEncoder {
 public:
  explicit StreamEncoder(Encoding encoding);
  ~StreamEncoder();
  StreamEncoder(const StreamEncoder&) = delete;
  StreamEncoder& operator=(const StreamEncoder&) = delete;
  enum class Flush : std::uint8_t { kNo, kSync, kFinish };
  // Appends what the encoder gives out to `out`.
  void encode(std::string_view bytes, Flush flush, std::string& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::http
