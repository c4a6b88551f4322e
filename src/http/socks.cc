#include "http/socks.h"

#include <array>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

namespace narthex::http {
namespace {

using util::Code;
using util::fail;

constexpr char kVersion = 5;
constexpr char kLoginVersion = 1;
constexpr std::size_t kTextBytesMax = 255;

char low_byte(std::size_t number) {
  return static_cast<char>(static_cast<unsigned char>(number & 0xFFU));
}

std::string with_length(std::string_view text) {
  return low_byte(text.size()) + std::string(text);
}

// 1 + four bytes, 4 + sixteen, or 3 + a name.
std::string address_of(const std::string& host) {
  boost::system::error_code ec;
  const auto address = boost::asio::ip::make_address(host, ec);
  if (ec) return '\x03' + with_length(host);
  std::string out(1, address.is_v4() ? '\x01' : '\x04');
  const auto append = [&out](const auto& bytes) {
    for (const unsigned char byte : bytes) out.push_back(static_cast<char>(byte));
  };
  if (address.is_v4()) {
    append(address.to_v4().to_bytes());
  } else {
    append(address.to_v6().to_bytes());
  }
  return out;
}

}  // namespace

util::Result<SocksMessages> socks_messages(const Url& target, const Url& proxy) {
  for (const std::string* text : {&target.host, &proxy.user, &proxy.password}) {
    if (text->size() > kTextBytesMax)
      return fail(Code::kInvalidArgument, "socks connect: a name is longer than 255 bytes");
  }
  SocksMessages out;
  const bool has_credentials = !proxy.user.empty();
  out.greeting =
      has_credentials ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
  if (has_credentials)
    out.credentials = kLoginVersion + with_length(proxy.user) + with_length(proxy.password);
  const std::uint16_t port = target.effective_port();
  out.request = std::string("\x05\x01\x00", 3) + address_of(target.host);
  out.request.push_back(low_byte(port >> 8U));
  out.request.push_back(low_byte(port));
  return out;
}

util::Result<bool> socks_wants_credentials(std::string_view choice) {
  if (choice.size() != 2 || choice[0] != kVersion)
    return fail(Code::kInvalidArgument, "socks connect: no SOCKS version 5 proxy");
  if (choice[1] != 0 && choice[1] != 2)
    return fail(Code::kUnsupported, "socks connect: no acceptable authentication methods");
  return choice[1] == 2;
}

util::Result<void> check_socks_login(std::string_view answer) {
  if (answer.size() != 2 || answer[0] != kLoginVersion)
    return fail(Code::kInvalidArgument, "socks connect: invalid username/password version");
  if (answer[1] != 0)
    return fail(Code::kIo, "socks connect: username/password authentication failed");
  return {};
}

util::Result<std::size_t> socks_rest_bytes(std::string_view first_five) {
  static constexpr std::array<std::string_view, 9> kReasons = {"succeeded",
                                                               "general SOCKS server failure",
                                                               "connection not allowed by ruleset",
                                                               "network unreachable",
                                                               "host unreachable",
                                                               "connection refused",
                                                               "TTL expired",
                                                               "command not supported",
                                                               "address type not supported"};
  if (first_five.size() != 5 || first_five[0] != kVersion)
    return fail(Code::kInvalidArgument, "socks connect: no SOCKS version 5 proxy");
  const auto reply = static_cast<unsigned char>(first_five[1]);
  if (reply != 0) {
    return fail(Code::kIo,
                fmt::format("socks connect: {}", reply < kReasons.size()
                                                     ? std::string(kReasons[reply])
                                                     : fmt::format("unknown code: {}", reply)));
  }
  constexpr std::size_t kPortBytes = 2;
  // One byte of the address has come already.
  switch (first_five[3]) {
    case 1:
      return 3 + kPortBytes;
    case 3:
      return static_cast<unsigned char>(first_five[4]) + kPortBytes;
    case 4:
      return 15 + kPortBytes;
    default:
      return fail(Code::kInvalidArgument, "socks connect: unknown address type");
  }
}

}  // namespace narthex::http
