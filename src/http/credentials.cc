#include "http/credentials.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>

#include <crypt.h>

#include <openssl/crypto.h>

#include "narthex/http/access_options.h"
#include "narthex/http/message.h"

namespace narthex::http {
namespace {

constexpr std::size_t kHashBytes = 60;   // "$2y$10$", 22 of salt, 31 of hash.
constexpr std::size_t kPrefixBytes = 7;  // "$2y$10$"

// -1: not a digit of base64.
constexpr std::array<std::int8_t, 256> base64_values() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<std::int8_t, 256> out{};
  out.fill(-1);
  for (std::size_t i = 0; i < kDigits.size(); ++i)
    out[static_cast<unsigned char>(kDigits[i])] = static_cast<std::int8_t>(i);
  return out;
}

constexpr bool is_bcrypt_digit(char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
         c == '/';
}

}  // namespace

bool is_bcrypt_hash(std::string_view text) noexcept {
  if (text.size() != kHashBytes || !text.starts_with("$2") || text[3] != '$' || text[6] != '$')
    return false;
  if (text[2] != 'a' && text[2] != 'b' && text[2] != 'y') return false;
  const int tens = text[4] - '0';
  const int ones = text[5] - '0';
  if (tens < 0 || tens > 3 || ones < 0 || ones > 9) return false;
  const int cost = tens * 10 + ones;
  return cost >= 4 && cost <= 31 && std::ranges::all_of(text.substr(kPrefixBytes), is_bcrypt_digit);
}

std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr auto kValues = base64_values();
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  out.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  std::uint32_t bit_count = 0;
  for (const char c : text) {
    const std::int8_t value = kValues[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      out.push_back(static_cast<char>(bits >> bit_count & 0xFFU));
    }
  }
  return out;
}

std::optional<Credentials> parse_basic(std::string_view field) {
  constexpr std::string_view kScheme = "Basic ";
  if (field.size() < kScheme.size() ||
      !equals_ignoring_case(field.substr(0, kScheme.size()), kScheme))
    return std::nullopt;
  const auto plain = decode_base64(field.substr(kScheme.size()));
  if (!plain) return std::nullopt;
  const std::size_t colon = plain->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return Credentials{plain->substr(0, colon), plain->substr(colon + 1)};
}

bool matches_bcrypt(std::string_view password, const std::string& hash) {
  // For crypt() a password ends at a NUL: what stands behind it would not be compared.
  if (password.find('\0') != std::string_view::npos) return false;
  const std::string phrase(password);
  const auto data = std::make_unique<crypt_data>();
  const char* const computed = ::crypt_r(phrase.c_str(), hash.c_str(), data.get());
  if (computed == nullptr) return false;
  const std::string_view text(computed);
  return text.size() == hash.size() && ::CRYPTO_memcmp(text.data(), hash.data(), hash.size()) == 0;
}

std::string dummy_bcrypt_hash(std::string_view like) {
  constexpr std::string_view kDefaultPrefix = "$2y$10$";
  std::string out(is_bcrypt_hash(like) ? like.substr(0, kPrefixBytes) : kDefaultPrefix);
  out += "abcdefghijklmnopqrstuu";           // The last digit of a salt holds four bits only.
  out += "abcdefghijklmnopqrstuvwxyzABCDE";  // Of no password that anybody has found.
  return out;
}

}  // namespace narthex::http
