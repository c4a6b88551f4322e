// Base64, hexadecimal digits and digests, as signed requests need them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace narthex::discovery {

// nullopt: not base64. Line breaks are read over.
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text);
[[nodiscard]] std::string encode_base64(std::string_view bytes);
// Without padding, and with the two characters that URLs can hold.
[[nodiscard]] std::string encode_base64_url(std::string_view bytes);
[[nodiscard]] std::string to_hex(std::string_view bytes);
// Raw bytes.
[[nodiscard]] std::string sha1(std::string_view bytes);
[[nodiscard]] std::string sha256(std::string_view bytes);
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view bytes);

}  // namespace narthex::discovery
