#include "http/writer.h"

#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "narthex/util/check.h"
#include "narthex/util/clock.h"

namespace narthex::http {
namespace {

// A streamed body leaves in pieces of at least this size; an answer that ends sooner is sent whole, with its length.
constexpr std::size_t kPieceBytes = 64U << 10U;
// Below this a compressed answer saves nothing worth the work.
constexpr std::size_t kCompressBytesMin = 256;

std::string_view reason_phrase(int status) noexcept {
  switch (status) {
    case 100: return "Continue";
    case 200: return "OK";
    case 204: return "No Content";
    case 301: return "Moved Permanently";
    case 302: return "Found";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 406: return "Not Acceptable";
    case 408: return "Request Timeout";
    case 413: return "Request Entity Too Large";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Entity";
    case 431: return "Request Header Fields Too Large";
    case 499: return "Client Closed Request";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

bool may_have_body(int status) noexcept { return status >= 200 && status != 204 && status != 304; }

// Header injection: a line break in a value would start a new field.
std::string one_line(std::string_view value) {
  std::string out(value);
  for (char& c : out) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return out;
}

std::string date_text() {
  const std::time_t seconds = static_cast<std::time_t>(util::system_clock().wall_ns() / 1'000'000'000);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(seconds));
}

}  // namespace

void PipeWriter::set_header(std::string_view name, std::string_view value) { headers_.set(name, one_line(value)); }

void PipeWriter::add_header(std::string_view name, std::string_view value) {
  headers_.add(std::string(name), one_line(value));
}

std::string PipeWriter::head(int status, std::string_view content_type, std::string_view framing) const {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\nDate: {}\r\n", status, reason_phrase(status), date_text());
  if (!content_type.empty()) out += fmt::format("Content-Type: {}\r\n", one_line(content_type));
  for (const auto& [name, value] : headers_.all()) out += fmt::format("{}: {}\r\n", name, value);
  if (form_.vary_encoding) out += "Vary: Accept-Encoding\r\n";
  out += framing;
  if (!form_.keep_alive || !reusable_) {
    out += "Connection: close\r\n";
  } else if (!form_.chunks) {
    out += "Connection: keep-alive\r\n";  // A 1.0 client has asked for it and expects to be told.
  }
  out += "\r\n";
  return out;
}

void PipeWriter::send(int status, std::string_view content_type, std::string body) {
  NX_CHECK(state_ == State::kFresh, "a second answer to one request");
  state_ = State::kDone;
  status_ = status;
  std::string framing;
  if (may_have_body(status)) {
    if (form_.encoding != Encoding::kIdentity && body.size() >= kCompressBytesMin && !headers_.has("Content-Encoding")) {
      body = compress(body, form_.encoding);
      framing = fmt::format("Content-Encoding: {}\r\n", encoding_name(form_.encoding));
    }
    framing += fmt::format("Content-Length: {}\r\n", body.size());
  } else {
    body.clear();
  }
  std::string bytes = head(status, may_have_body(status) ? content_type : std::string_view(), framing);
  if (!form_.head_only) {
    body_bytes_ = body.size();
    bytes += body;
  }
  pipe_->push_head(std::move(bytes));
}

void PipeWriter::start(int status, std::string_view content_type) {
  NX_CHECK(state_ == State::kFresh, "a second answer to one request");
  state_ = State::kStreaming;
  status_ = status;
  content_type_ = std::string(content_type);
}

util::Result<void> PipeWriter::write(std::string_view bytes) {
  NX_CHECK(state_ == State::kStreaming, "write() without start()");
  if (form_.head_only) return {};
  pending_.append(bytes);
  if (pending_.size() < kPieceBytes) return {};
  return push_body(StreamEncoder::Flush::kNo);
}

util::Result<void> PipeWriter::flush() {
  NX_CHECK(state_ == State::kStreaming, "flush() without start()");
  if (form_.head_only) return {};
  return push_body(StreamEncoder::Flush::kSync);
}

void PipeWriter::push_streamed_head() {
  head_pushed_ = true;
  std::string framing;
  if (form_.encoding != Encoding::kIdentity && !headers_.has("Content-Encoding")) {
    encoder_ = std::make_unique<StreamEncoder>(form_.encoding);
    framing = fmt::format("Content-Encoding: {}\r\n", encoding_name(form_.encoding));
  }
  if (form_.chunks) {
    framing += "Transfer-Encoding: chunked\r\n";
  } else {
    reusable_ = false;  // The end of the body is the end of the connection.
  }
  pipe_->push_head(head(status_, content_type_, framing));
}

util::Result<void> PipeWriter::push_body(StreamEncoder::Flush flush) {
  if (!head_pushed_) push_streamed_head();
  std::string_view out = pending_;
  if (encoder_) {
    encoded_.clear();
    encoder_->encode(pending_, flush, encoded_);
    out = encoded_;
  }
  util::Result<void> pushed;
  if (!out.empty()) {
    body_bytes_ += out.size();
    pushed = form_.chunks ? pipe_->push(fmt::format("{:x}\r\n{}\r\n", out.size(), out)) : pipe_->push(out);
  }
  pending_.clear();
  return pushed;
}

void PipeWriter::abort() {
  if (state_ == State::kDone) return;
  if (state_ == State::kStreaming && !head_pushed_) {
    // Nothing has left yet, so the client can still be told.
    state_ = State::kFresh;
    pending_.clear();
    send(500, "text/plain; charset=utf-8", "Internal Server Error\n");
    return;
  }
  state_ = State::kDone;
  reusable_ = false;
  pipe_->abort();
}

void PipeWriter::complete() {
  if (state_ == State::kFresh) send(500, "text/plain; charset=utf-8", "Internal Server Error\n");
  if (state_ == State::kStreaming) {
    if (!head_pushed_) {
      // It all fits in one piece: an ordinary answer with its length.
      state_ = State::kFresh;
      send(status_, content_type_, std::move(pending_));
    } else {
      state_ = State::kDone;
      bool sent = push_body(StreamEncoder::Flush::kFinish).has_value();
      if (sent && form_.chunks) sent = pipe_->push("0\r\n\r\n").has_value();
      if (!sent) reusable_ = false;
    }
  }
  pipe_->finish();
}

}  // namespace narthex::http
