// User names and passwords: as requests carry them, and compared with bcrypt hashes.
// Threads: free functions, safe from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narthex::http {

struct Credentials {
  std::string user;
  std::string password;
};

// Of an Authorization field; nullopt unless it is "Basic" with sound base64 of "user:password".
[[nodiscard]] std::optional<Credentials> parse_basic(std::string_view field);
// The bytes that `text` stands for; nullopt unless it is whole base64, padded, without blanks.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);

// Takes tens of milliseconds, or what the cost in the hash says. Precondition: is_bcrypt_hash.
[[nodiscard]] bool matches_bcrypt(std::string_view password, const std::string& hash);
// A hash that no password is known for, as dear to compare with as `like`.
[[nodiscard]] std::string dummy_bcrypt_hash(std::string_view like);

}  // namespace narthex::http
