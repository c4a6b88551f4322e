#include "http/secret.h"

#include <openssl/evp.h>

#include "narthex/util/env.h"

namespace narthex::http {

util::Result<std::string> read_secret(const Secret& secret) {
  if (secret.file.empty()) return secret.text;
  constexpr std::uint64_t kSecretBytesMax = 1U << 20U;
  NX_ASSIGN(std::string text, util::posix_env().read_file(secret.file, kSecretBytesMax));
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return std::string();
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string basic_credentials(std::string_view user, std::string_view password) {
  std::string plain(user);
  plain.push_back(':');
  plain.append(password);
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int bytes = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                                      reinterpret_cast<const unsigned char*>(plain.data()),
                                      static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(bytes));
  return "Basic " + encoded;
}

}  // namespace narthex::http
