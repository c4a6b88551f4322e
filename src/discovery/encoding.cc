#include "discovery/encoding.h"

#include <array>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "narthex/util/check.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string digest(const EVP_MD* kind, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  const int ok = ::EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, kind, nullptr);
  NX_CHECK(ok == 1, "OpenSSL has no digest");
  return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  bool is_padded = false;
  for (const char c : text) {
    if (c == '\n' || c == '\r' || c == ' ') continue;
    if (c == '=') {
      is_padded = true;
      continue;
    }
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos || is_padded) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xFFU));
    }
  }
  return count >= 6 ? std::nullopt : std::optional<std::string>(std::move(out));
}

std::string encode_base64(std::string_view bytes) {
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i) {
      const bool is_there = at + i < bytes.size();
      bits = (bits << 8U) | (is_there ? static_cast<unsigned char>(bytes[at + i]) : 0U);
    }
    const std::size_t digits = std::min<std::size_t>(bytes.size() - at, 3) + 1;
    for (std::size_t i = 0; i < 4; ++i)
      out.push_back(i < digits ? kDigits[(bits >> (18U - 6U * i)) & 63U] : '=');
  }
  return out;
}

std::string encode_base64_url(std::string_view bytes) {
  std::string out = encode_base64(bytes);
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kHex[byte >> 4U]);
    out.push_back(kHex[byte & 15U]);
  }
  return out;
}

std::string sha1(std::string_view bytes) {
  return digest(::EVP_sha1(), bytes);
}
std::string sha256(std::string_view bytes) {
  return digest(::EVP_sha256(), bytes);
}

std::string hmac_sha256(std::string_view key, std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  const auto* made = ::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            bytes_of(bytes), bytes.size(), out.data(), &size);
  NX_CHECK(made != nullptr, "OpenSSL has no HMAC");
  return {reinterpret_cast<const char*>(out.data()), size};
}

}  // namespace narthex::discovery
