// A ResponseWriter that keeps what it is given: for tests of handlers without a server.
// Threads: confined.
#pragma once

#include <string>
#include <string_view>

#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"

namespace narthex::test {

class RecordingWriter final : public http::ResponseWriter {
 public:
  int status = 0;
  http::Headers headers;
  std::string body;
  bool streamed = false;
  bool aborted = false;
  // After so many streamed bytes the client is gone.
  std::size_t bytes_until_gone = SIZE_MAX;

  void set_header(std::string_view name, std::string_view value) override {
    headers.set(name, std::string(value));
  }
  void add_header(std::string_view name, std::string_view value) override {
    headers.add(std::string(name), std::string(value));
  }
  void send(int code, std::string_view content_type, std::string text) override {
    start(code, content_type);
    streamed = false;
    body = std::move(text);
  }
  void start(int code, std::string_view content_type) override {
    status = code;
    streamed = true;
    if (!content_type.empty()) headers.set("Content-Type", std::string(content_type));
  }
  util::Result<void> write(std::string_view bytes) override {
    if (body.size() + bytes.size() > bytes_until_gone)
      return util::fail(util::Code::kCanceled, "the client has gone");
    body += bytes;
    return {};
  }
  void abort() override { aborted = true; }
  util::Result<void> flush() override { return {}; }
  [[nodiscard]] bool started() const noexcept override { return status != 0; }
};

}  // namespace narthex::test
