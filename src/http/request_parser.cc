#include "http/request_parser.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace narthex::http {
namespace {

namespace beast = boost::beast;

// More fields than any client sends; each costs two strings.
constexpr std::size_t kFieldsMax = 256;
constexpr std::size_t kBodyStepBytes = 64U << 10U;

using BeastText = beast::string_view;

std::string_view view(BeastText text) noexcept {
  return {text.data(), text.size()};
}

int status_of(const beast::error_code& ec) {
  using beast::http::error;
  if (ec == error::header_limit) return 431;
  if (ec == error::body_limit) return 413;
  if (ec == error::bad_version) return 505;
  return 400;
}

// Fills a Request from the parser's events.
class EventParser final : public beast::http::basic_parser<true> {
 public:
  Request request;
  std::string raw_path;
  bool is_http11 = false;
  int refusal = 0;  // The status, when we and not Beast refused the header.

  // False: the target is nothing that a server can look up.
  [[nodiscard]] bool split_target() {
    std::string_view target = request.target;
    if (target == "*") {
      raw_path = request.path = "*";
      return true;
    }
    if (const std::size_t scheme = target.find("://");
        !target.starts_with('/') && scheme != std::string_view::npos) {
      const std::size_t path = target.find('/', scheme + 3);
      target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    if (!target.starts_with('/')) return false;
    target = target.substr(0, target.find('#'));
    const std::size_t question = std::min(target.find('?'), target.size());
    raw_path = target.substr(0, question);
    if (question < target.size()) request.query = target.substr(question + 1);
    auto path = percent_decode(raw_path);
    if (!path) return false;
    request.path = std::move(*path);
    return true;
  }

 private:
  // Where one server might see one request and another two, there is none (RFC 9112 §6.3, §11.2).
  // Beast lets some of this pass. 0: sound.
  [[nodiscard]] int check_framing() const {
    std::size_t lengths = 0;
    std::size_t encodings = 0;
    std::size_t hosts = 0;
    for (const auto& [name, value] : request.headers.all()) {
      if (equals_ignoring_case(name, "Content-Length")) {
        ++lengths;
        if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos) return 400;
      } else if (equals_ignoring_case(name, "Transfer-Encoding")) {
        ++encodings;
        if (!equals_ignoring_case(value, "chunked")) return 501;
      } else if (equals_ignoring_case(name, "Host")) {
        ++hosts;
      }
    }
    if (lengths + encodings > 1 || hosts > 1 || (is_http11 && hosts == 0)) return 400;
    // HTTP/1.0 knows no chunks: whoever forwards such a request may not have either.
    return !is_http11 && encodings > 0 ? 400 : 0;
  }

  void on_request_impl(beast::http::verb, BeastText method, BeastText target, int version,
                       beast::error_code& ec) override {
    is_http11 = version >= 11;
    request.method = view(method);
    request.target = view(target);
    if (!split_target()) ec = beast::http::error::bad_target;
  }
  void on_response_impl(int, BeastText, int, beast::error_code&) override {}
  void on_field_impl(beast::http::field, BeastText name, BeastText value,
                     beast::error_code& ec) override {
    if (request.headers.all().size() >= kFieldsMax) {
      ec = beast::http::error::header_limit;
      return;
    }
    request.headers.add(std::string(view(name)), std::string(view(value)));
  }
  void on_header_impl(beast::error_code& ec) override {
    refusal = check_framing();
    if (refusal != 0) ec = beast::http::error::bad_field;
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length,
                         beast::error_code&) override {
    // content_length() counts down while the body arrives; this is the whole.
    if (length) announced_bytes_ = *length;
  }
  std::size_t on_body_impl(BeastText body, beast::error_code&) override {
    append(view(body));
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, BeastText, beast::error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, BeastText body, beast::error_code&) override {
    append(view(body));
    return body.size();
  }
  void on_finish_impl(beast::error_code&) override {}

  // Memory follows the bytes seen; what the client announces only keeps the last step from
  // overshooting.
  void append(std::string_view bytes) {
    std::string& body = request.body;
    const std::size_t needed = body.size() + bytes.size();
    if (needed > body.capacity()) {
      std::size_t wanted = std::max({needed, body.capacity() * 2, kBodyStepBytes});
      if (announced_bytes_ >= needed)
        wanted = std::min(wanted, static_cast<std::size_t>(announced_bytes_));
      body.reserve(wanted);
    }
    body.append(bytes);
  }

  std::uint64_t announced_bytes_ = 0;
};

}  // namespace

struct RequestParser::State {
  EventParser parser;
  std::uint32_t header_bytes_max = 0;
  std::size_t header_bytes = 0;
  bool is_at_line_start = false;
};

namespace {

// Whether a line continues the one before it, which servers read in different ways (RFC 9112 §5.2).
// `at_line_start`: whether the byte before was a line feed; moved on.
bool has_folded_line(std::string_view bytes, bool& at_line_start) {
  for (const char c : bytes) {
    if (at_line_start && (c == ' ' || c == '\t')) return true;
    at_line_start = c == '\n';
  }
  return false;
}

}  // namespace

RequestParser::RequestParser(std::uint32_t header_bytes_max) : state_(std::make_unique<State>()) {
  state_->header_bytes_max = header_bytes_max;
  state_->parser.header_limit(header_bytes_max);
  state_->parser.body_limit(boost::none);
}

RequestParser::~RequestParser() = default;

std::expected<std::size_t, int> RequestParser::put(std::string_view bytes) {
  EventParser& parser = state_->parser;
  const bool in_header = !parser.is_header_done();
  beast::error_code ec;
  std::size_t used = 0;
  // Beast stops behind each part; at most one call more than it has parts to tell.
  while (used < bytes.size() && !parser.is_done()) {
    const std::size_t n =
        parser.put(boost::asio::const_buffer(bytes.data() + used, bytes.size() - used), ec);
    used += n;
    if (ec == beast::http::error::need_more) break;
    if (ec) return std::unexpected(parser.refusal != 0 ? parser.refusal : status_of(ec));
    if (n == 0 || (in_header && parser.is_header_done())) break;
  }
  if (in_header) {
    if (has_folded_line(bytes.substr(0, used), state_->is_at_line_start)) {
      return std::unexpected(400);
    }
    // Beast's own limit is for what it has not consumed yet, which many short fields never reach.
    state_->header_bytes += used;
    if (state_->header_bytes > state_->header_bytes_max) return std::unexpected(431);
    if (!parser.is_header_done() &&
        state_->header_bytes + (bytes.size() - used) > state_->header_bytes_max) {
      return std::unexpected(431);
    }
  }
  return used;
}

bool RequestParser::header_done() const noexcept {
  return state_->parser.is_header_done();
}
bool RequestParser::done() const noexcept {
  return state_->parser.is_done();
}
const Request& RequestParser::request() const noexcept {
  return state_->parser.request;
}
std::string_view RequestParser::raw_path() const noexcept {
  return state_->parser.raw_path;
}
bool RequestParser::is_http11() const noexcept {
  return state_->parser.is_http11;
}
bool RequestParser::keep_alive() const {
  return state_->parser.keep_alive();
}

bool RequestParser::expects_continue() const noexcept {
  return is_http11() && equals_ignoring_case(request().headers.get("Expect"), "100-continue");
}

bool RequestParser::limit_body(std::size_t bytes_max) {
  state_->parser.body_limit(bytes_max);
  const auto length = state_->parser.content_length();
  return !length || *length <= bytes_max;
}

Request RequestParser::take_request() {
  return std::move(state_->parser.request);
}

}  // namespace narthex::http
