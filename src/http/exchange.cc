#include "http/exchange.h"

#include <algorithm>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

namespace narthex::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;
using util::Code;
using util::fail;

constexpr std::size_t kReadBytes = 64U << 10U;
constexpr std::uint32_t kHeaderBytesMax = 64U << 10U;

bool is_interim(unsigned status) noexcept {
  return status >= 100 && status < 200 && status != 101;
}

std::unexpected<util::Error> malformed(const error_code& ec) {
  return fail(Code::kInvalidArgument, "malformed HTTP response: " + ec.message());
}

}  // namespace

// Moves what is not parsed yet to the front.
void Exchange::State::compact() noexcept {
  std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(begin),
            buffer.begin() + static_cast<std::ptrdiff_t>(end), buffer.begin());
  end -= begin;
  begin = 0;
}

// Precondition: compact.
async::Task<std::size_t> Exchange::State::fill() {
  if (abort->fired) co_return fail(Code::kTimeout, "timed out");
  NX_CO_ASSIGN(const std::size_t bytes,
               co_await transport->read_some(std::span(buffer).subspan(end)));
  end += bytes;
  received_any = received_any || bytes > 0;
  co_return bytes;
}

util::Result<void> Exchange::State::parse_head() {
  error_code ec;
  begin += parser->put(asio::buffer(buffer.data() + begin, end - begin), ec);
  if (ec && ec != beast_http::error::need_more) return malformed(ec);
  return {};
}

async::Task<void> Exchange::State::open(std::string_view request) {
  buffer.resize(kReadBytes);
  abort->action = [this] { transport->close(); };
  NX_CO_TRY(co_await transport->write_all(request));
  do {
    parser.emplace();
    parser->header_limit(kHeaderBytesMax);
    parser->body_limit(boost::none);
    if (method == "HEAD") parser->skip(true);
    for (;;) {
      if (begin != end) NX_CO_TRY(parse_head());
      if (parser->is_header_done()) break;
      compact();
      if (end == buffer.size())
        co_return fail(Code::kLimitExceeded, "header of the answer is too long");
      NX_CO_ASSIGN(const std::size_t bytes, co_await fill());
      if (bytes == 0) co_return fail(Code::kIo, "EOF");
    }
    // 1xx answers announce; the real one follows.
  } while (is_interim(parser->get().result_int()));

  status = static_cast<int>(parser->get().result_int());
  reason = std::string(parser->get().reason());
  for (const auto& field : parser->get())
    headers.add(std::string(field.name_string()), std::string(field.value()));
  parser->eager(true);
  co_return util::Result<void>();
}

async::Task<std::size_t> Exchange::State::read_body(std::span<char> out) {
  for (;;) {
    if (!transport || parser->is_done()) {
      finish();
      co_return std::size_t{0};
    }
    auto& body = parser->get().body();
    body.data = out.data();
    body.size = out.size();
    body.more = true;
    error_code ec;
    if (begin != end) {
      begin += parser->put(asio::buffer(buffer.data() + begin, end - begin), ec);
      if (ec && ec != beast_http::error::need_more && ec != beast_http::error::need_buffer)
        co_return malformed(ec);
    }
    const std::size_t produced = out.size() - body.size;
    if (produced > 0) co_return produced;
    if (parser->is_done()) continue;
    // What the parser left is the beginning of a chunk header.
    compact();
    if (end == buffer.size())
      co_return fail(Code::kInvalidArgument, "malformed HTTP response: chunk header is too long");
    NX_CO_ASSIGN(const std::size_t bytes, co_await fill());
    if (bytes == 0) {
      parser->put_eof(ec);
      if (ec) co_return fail(Code::kIo, "unexpected EOF");
    }
  }
}

void Exchange::State::finish() {
  alarm = async::Alarm();
  abort->action = nullptr;
  if (!transport) return;
  const bool reusable = parser && parser->is_done() && !parser->need_eof() &&
                        parser->keep_alive() && begin == end && !abort->fired;
  if (reusable) {
    pool->give(pool_key, std::move(transport));
  }
  transport.reset();
  buffer = {};
}

util::Error Exchange::State::explain(util::Error error) const {
  if (abort->fired) return {Code::kTimeout, "context deadline exceeded"};
  return error;
}

Exchange::Exchange(std::unique_ptr<State> state) : state_(std::move(state)) {}
Exchange::~Exchange() = default;

int Exchange::status() const noexcept {
  return state_->status;
}
std::string Exchange::status_line() const {
  return fmt::format("{} {}", state_->status, state_->reason);
}
const Headers& Exchange::headers() const noexcept {
  return state_->headers;
}
const Url& Exchange::url() const noexcept {
  return state_->url;
}

async::Task<std::size_t> Exchange::read(std::span<char> out) {
  auto bytes = co_await state_->read_body(out);
  if (!bytes) {
    state_->transport.reset();
    co_return std::unexpected(state_->explain(std::move(bytes).error()));
  }
  co_return *bytes;
}

}  // namespace narthex::http
