// The ResponseWriter that handlers get: frames the answer for HTTP/1.x and feeds it to a ResponsePipe.
// Threads: confined to the handler's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "http/encoder.h"
#include "http/response_pipe.h"
#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"

namespace narthex::http {

// How the request wants to be answered.
struct AnswerForm {
  bool head_only = false;    // HEAD: everything but the body.
  bool chunks = true;        // HTTP/1.1; a 1.0 client is shown the end of an unsized body by closing.
  bool keep_alive = true;
  Encoding encoding = Encoding::kIdentity;
  bool vary_encoding = false;  // The route compresses: caches must know.
};

class PipeWriter final : public ResponseWriter {
 public:
  PipeWriter(std::shared_ptr<ResponsePipe> pipe, AnswerForm form) : pipe_(std::move(pipe)), form_(form) {}

  void set_header(std::string_view name, std::string_view value) override;
  void add_header(std::string_view name, std::string_view value) override;
  void send(int status, std::string_view content_type, std::string body) override;
  void start(int status, std::string_view content_type) override;
  util::Result<void> write(std::string_view bytes) override;
  void abort() override;
  util::Result<void> flush() override;
  [[nodiscard]] bool started() const noexcept override { return state_ != State::kFresh; }

  // After the handler returned: completes what it started, answers 500 if it answered nothing.
  void complete();

  [[nodiscard]] int status() const noexcept { return status_; }
  [[nodiscard]] std::uint64_t body_bytes() const noexcept { return body_bytes_; }
  // Whether the connection can carry another request after this answer.
  [[nodiscard]] bool reusable() const noexcept { return reusable_; }

 private:
  enum class State : std::uint8_t { kFresh, kStreaming, kDone };
  [[nodiscard]] std::string head(int status, std::string_view content_type, std::string_view framing) const;
  void push_streamed_head();
  util::Result<void> push_body(StreamEncoder::Flush flush);

  const std::shared_ptr<ResponsePipe> pipe_;
  const AnswerForm form_;
  Headers headers_;
  State state_ = State::kFresh;
  int status_ = 0;
  std::uint64_t body_bytes_ = 0;
  bool reusable_ = true;
  std::string content_type_;
  std::string pending_;     // Body bytes that have not been framed yet.
  std::string encoded_;
  bool head_pushed_ = false;
  std::unique_ptr<StreamEncoder> encoder_;
};

}  // namespace narthex::http
