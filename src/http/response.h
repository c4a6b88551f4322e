// The ResponseWriter that a handler gets: frames, compresses and pushes into the connection's
// channel.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/http/response_writer.h"

#include "http/compression.h"
#include "http/response_channel.h"

namespace narthex::http {

// "Not Found"; "" for an unknown status.
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;
// "Sun, 06 Nov 1994 08:49:37 GMT"
[[nodiscard]] std::string http_date(std::int64_t unix_seconds);
using HeaderFields = std::vector<std::pair<std::string, std::string>>;
// An answer in plain text that no handler gives.
struct WholeAnswer {
  int status = 0;
  std::string text;
  HeaderFields fields;  // Beside those that every such answer has.
  bool is_head = false;
  bool keep_alive = false;
};
[[nodiscard]] std::string whole_answer(const WholeAnswer& answer);

// What of the request decides how its answer is framed.
struct ResponseFraming {
  bool is_http11 = true;
  bool keep_alive = true;
  bool is_head = false;  // No body is sent.
  bool may_compress = false;
  Encoding encoding = Encoding::kIdentity;  // If may_compress.
  // Sent unless the handler sets them; the exchange owns them. Null: none.
  const HeaderFields* extra_headers = nullptr;
};

// Threads: confined to the handler's thread.
class Response final : public ResponseWriter {
 public:
  Response(ResponseChannel& channel, const ResponseFraming& framing)
      : channel_(channel), framing_(framing) {}

  void set_header(std::string_view name, std::string_view value) override;
  void add_header(std::string_view name, std::string_view value) override;
  void send(int status, std::string_view content_type, std::string body) override;
  void start(int status, std::string_view content_type) override;
  util::Result<void> write(std::string_view bytes) override;
  void abort() override;
  util::Result<void> flush() override;
  [[nodiscard]] bool started() const noexcept override { return phase_ != Phase::kFresh; }

  // After the handler has returned: completes the answer (500 if there is none) and ends the
  // channel.
  void finish();

 private:
  enum class Phase : std::uint8_t { kFresh, kStreaming, kSent, kAborted };
  enum class Length : std::uint8_t { kKnown, kUnknown };

  [[nodiscard]] bool has_header(std::string_view name) const noexcept;
  void append_head(std::string& out, Length length, std::uint64_t body_bytes);
  void send_whole(std::string body);
  // Frames what `buffer_` holds and pushes it.
  util::Result<void> drain(StreamCompressor::Flush flush);

  ResponseChannel& channel_;
  ResponseFraming framing_;
  Phase phase_ = Phase::kFresh;
  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> headers_;
  std::string buffer_;  // Streaming: what the handler wrote and was not framed yet.
  bool head_pushed_ = false;
  std::unique_ptr<StreamCompressor> compressor_;
  std::uint64_t body_bytes_ = 0;
};

}  // namespace narthex::http
