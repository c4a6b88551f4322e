#include "http/jwt.h"

#include <array>
#include <memory>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

namespace narthex::http {
namespace {

namespace json = boost::json;
using util::Code;
using util::fail;

constexpr std::int64_t kGoodForSeconds = 3600;

struct Free {
  void operator()(BIO* bio) const noexcept { ::BIO_free(bio); }
  void operator()(EVP_PKEY* key) const noexcept { ::EVP_PKEY_free(key); }
  void operator()(EVP_MD_CTX* context) const noexcept { ::EVP_MD_CTX_free(context); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::string base64_url(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                     static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  while (out.ends_with('=')) out.pop_back();
  for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return out;
}

const EVP_MD* digest_of(std::string_view algorithm) {
  if (algorithm == "RS384") return ::EVP_sha384();
  return algorithm == "RS512" ? ::EVP_sha512() : ::EVP_sha256();
}

util::Result<std::string> sign(std::string_view text, std::string_view key_pem,
                               const EVP_MD* digest) {
  const Owned<BIO> bio(::BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  // No password is ever asked for at the terminal.
  const auto no_password = [](char*, int, int, void*) { return 0; };
  const Owned<EVP_PKEY> key(
      bio ? ::PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr) : nullptr);
  if (!key || ::EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA)
    return fail(Code::kInvalidArgument, "oauth2: the client certificate key is no RSA key in PEM");
  const Owned<EVP_MD_CTX> context(::EVP_MD_CTX_new());
  std::size_t size = 0;
  const bool is_ready =
      context && ::EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key.get()) == 1 &&
      ::EVP_DigestSign(context.get(), nullptr, &size, bytes_of(text), text.size()) == 1;
  std::string out(size, '\0');
  if (!is_ready || ::EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()),
                                    &size, bytes_of(text), text.size()) != 1) {
    return fail(Code::kInternal, "oauth2: signing failed");
  }
  out.resize(size);
  return out;
}

// Tells this assertion from every other.
std::string random_id() {
  std::array<unsigned char, 16> bytes{};
  if (::RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return {};
  return base64_url({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out;
}

}  // namespace

util::Result<std::string> make_assertion(const OAuth2& options, std::string_view key_pem,
                                         util::WallNs now) {
  const std::string algorithm =
      options.signature_algorithm.empty() ? "RS256" : options.signature_algorithm;
  json::object header = {{"alg", algorithm}, {"typ", "JWT"}};
  if (!options.client_certificate_key_id.empty()) header["kid"] = options.client_certificate_key_id;
  const std::int64_t seconds = now / 1'000'000'000;
  json::object claims = {{"iss", options.issuer.empty() ? options.client_id : options.issuer},
                         {"sub", options.client_id},
                         {"aud", options.audience.empty() ? options.token_url : options.audience},
                         {"jti", random_id()},
                         {"iat", seconds},
                         {"exp", seconds + kGoodForSeconds}};
  if (!options.scopes.empty()) claims["scope"] = joined(options.scopes);
  for (const auto& [name, value] : options.claims) claims[name] = value;
  std::string token =
      base64_url(json::serialize(header)) + "." + base64_url(json::serialize(claims));
  NX_ASSIGN(const std::string signature, sign(token, key_pem, digest_of(algorithm)));
  return token + "." + base64_url(signature);
}

}  // namespace narthex::http
