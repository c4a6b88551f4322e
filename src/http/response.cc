#include "http/response.h"

#include <algorithm>
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/util/check.h"
#include "narthex/util/clock.h"

namespace narthex::http {
namespace {

// A streamed answer is framed in blocks of this size; a shorter one goes out whole, with its
// length.
constexpr std::size_t kBlockBytes = 64U << 10U;
// Up to here head and body go into one block, and so into one system call.
constexpr std::size_t kJoinBytesMax = 64U << 10U;

std::string without_line_breaks(std::string_view value) {
  std::string out(value);
  std::ranges::replace_if(out, [](char c) { return c == '\r' || c == '\n'; }, ' ');
  return out;
}

bool forbids_body(int status) noexcept {
  return status / 100 == 1 || status == 204 || status == 304;
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

void append_status_line(std::string& out, int status) {
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", status, reason_phrase(status));
}

void append_date(std::string& out) {
  thread_local std::int64_t cached_second = -1;
  thread_local std::string cached;
  const std::int64_t second = util::system_clock().wall_ns() / 1'000'000'000;
  if (second != cached_second) {
    cached = http_date(second);
    cached_second = second;
  }
  append_field(out, "Date", cached);
}

}  // namespace

std::string_view reason_phrase(int status) noexcept {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr std::array kPhrases = std::to_array<Phrase>({
      {100, "Continue"},
      {200, "OK"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {412, "Precondition Failed"},
      {413, "Request Entity Too Large"},
      {415, "Unsupported Media Type"},
      {422, "Unprocessable Entity"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {499, "Client Closed Request"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {503, "Service Unavailable"},
      {505, "HTTP Version Not Supported"},
      {507, "Insufficient Storage"},
  });
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return {};
}

std::string http_date(std::int64_t unix_seconds) {
  static constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                            "Thu", "Fri", "Sat"};
  static constexpr std::array<std::string_view, 12> kMonths = {
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds at{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(at - day);
  return fmt::format(
      "{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kDays[std::chrono::weekday(day).c_encoding()],
      static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
      static_cast<int>(date.year()), time.hours().count(), time.minutes().count(),
      time.seconds().count());
}

std::string whole_answer(const WholeAnswer& answer) {
  std::string out;
  append_status_line(out, answer.status);
  append_field(out, "Content-Type", "text/plain; charset=utf-8");
  append_field(out, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.fields) {
    if (!equals_ignoring_case(name, "X-Content-Type-Options")) append_field(out, name, value);
  }
  append_date(out);
  append_field(out, "Content-Length", fmt::format_int(answer.text.size()).c_str());
  if (!answer.keep_alive) append_field(out, "Connection", "close");
  out += "\r\n";
  if (!answer.is_head) out += answer.text;
  return out;
}

bool Response::has_header(std::string_view name) const noexcept {
  return std::ranges::any_of(
      headers_, [name](const auto& field) { return equals_ignoring_case(field.first, name); });
}

void Response::set_header(std::string_view name, std::string_view value) {
  std::erase_if(headers_,
                [name](const auto& field) { return equals_ignoring_case(field.first, name); });
  add_header(name, value);
}

void Response::add_header(std::string_view name, std::string_view value) {
  headers_.emplace_back(without_line_breaks(name), without_line_breaks(value));
}

void Response::append_head(std::string& out, Length length, std::uint64_t body_bytes) {
  append_status_line(out, status_);
  for (const auto& [name, value] : headers_) append_field(out, name, value);
  if (framing_.extra_headers != nullptr) {
    for (const auto& [name, value] : *framing_.extra_headers) {
      if (!has_header(name)) append_field(out, name, value);
    }
  }
  append_date(out);
  if (framing_.may_compress) append_field(out, "Vary", "Accept-Encoding");
  if (framing_.encoding != Encoding::kIdentity) {
    append_field(out, "Content-Encoding", encoding_text(framing_.encoding));
  }
  if (length == Length::kKnown) {
    if (!forbids_body(status_))
      append_field(out, "Content-Length", fmt::format_int(body_bytes).c_str());
  } else if (framing_.is_http11) {
    append_field(out, "Transfer-Encoding", "chunked");
  } else {
    framing_.keep_alive = false;  // The end of the connection ends the body.
  }
  if (!framing_.keep_alive) {
    append_field(out, "Connection", "close");
  } else if (!framing_.is_http11) {
    append_field(out, "Connection", "keep-alive");
  }
  out += "\r\n";
}

void Response::send(int status, std::string_view content_type, std::string body) {
  start(status, content_type);
  if (phase_ == Phase::kAborted) return;
  send_whole(std::move(body));
}

void Response::send_whole(std::string body) {
  phase_ = Phase::kSent;
  if (body.empty() || forbids_body(status_)) framing_.encoding = Encoding::kIdentity;
  if (framing_.encoding != Encoding::kIdentity) body = compress_whole(framing_.encoding, body);
  std::string head;
  append_head(head, Length::kKnown, body.size());
  const bool with_body = !framing_.is_head && !forbids_body(status_);
  if (with_body) body_bytes_ = body.size();
  const bool joined = with_body && body.size() <= kJoinBytesMax;
  if (joined) head += body;
  // A failed push means that the client has gone, and there is nobody to tell.
  if (!channel_.push(std::move(head))) phase_ = Phase::kAborted;
  if (with_body && !joined && phase_ == Phase::kSent && !channel_.push(std::move(body)))
    phase_ = Phase::kAborted;
}

void Response::start(int status, std::string_view content_type) {
  NX_CHECK(phase_ == Phase::kFresh, "a second answer to one request (status {})", status);
  phase_ = Phase::kStreaming;
  status_ = status;
  if (has_header("Content-Encoding")) {
    framing_.may_compress = false;
    framing_.encoding = Encoding::kIdentity;
  }
  if (!content_type.empty() && !has_header("Content-Type"))
    add_header("Content-Type", content_type);
}

util::Result<void> Response::write(std::string_view bytes) {
  if (phase_ == Phase::kAborted) return util::fail(util::Code::kCanceled, "the client has gone");
  NX_CHECK(phase_ == Phase::kStreaming, "write() without start()");
  while (buffer_.size() + bytes.size() >= kBlockBytes) {
    const std::size_t part = kBlockBytes - buffer_.size();
    buffer_.append(bytes.substr(0, part));
    bytes.remove_prefix(part);
    NX_TRY(drain(StreamCompressor::Flush::kNone));
  }
  buffer_.append(bytes);
  return {};
}

util::Result<void> Response::flush() {
  if (phase_ == Phase::kAborted) return util::fail(util::Code::kCanceled, "the client has gone");
  NX_CHECK(phase_ == Phase::kStreaming, "flush() without start()");
  return drain(StreamCompressor::Flush::kSync);
}

util::Result<void> Response::drain(StreamCompressor::Flush flush) {
  std::string block;
  if (!head_pushed_) {
    append_head(block, Length::kUnknown, 0);
    head_pushed_ = true;
  }
  std::string compressed;
  std::string* body = &buffer_;
  if (framing_.encoding != Encoding::kIdentity) {
    if (!compressor_) compressor_ = std::make_unique<StreamCompressor>(framing_.encoding);
    compressor_->append(buffer_, flush, compressed);
    body = &compressed;
  }
  if (!framing_.is_head) {
    // An empty chunk would end the body.
    if (!body->empty()) {
      if (framing_.is_http11) fmt::format_to(std::back_inserter(block), "{:x}\r\n", body->size());
      block += *body;
      if (framing_.is_http11) block += "\r\n";
      body_bytes_ += body->size();
    }
    if (flush == StreamCompressor::Flush::kEnd && framing_.is_http11) block += "0\r\n\r\n";
  }
  buffer_.clear();
  if (block.empty()) return {};
  auto pushed = channel_.push(std::move(block));
  if (!pushed) phase_ = Phase::kAborted;
  return pushed;
}

void Response::abort() {
  phase_ = Phase::kAborted;
}

void Response::finish() {
  if (phase_ == Phase::kFresh) {
    send(500, "text/plain; charset=utf-8", "Internal Server Error\n");
  } else if (phase_ == Phase::kStreaming) {
    if (!head_pushed_) {
      send_whole(std::move(buffer_));
    } else if (drain(StreamCompressor::Flush::kEnd)) {
      phase_ = Phase::kSent;
    }
  }
  ResponseEnding ending;
  ending.status = status_;
  ending.body_bytes = body_bytes_;
  ending.keep_alive = framing_.keep_alive && phase_ == Phase::kSent;
  channel_.finish(ending);
}

}  // namespace narthex::http
