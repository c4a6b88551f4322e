#include "http/authenticator.h"

#include <cstring>
#include <string>
#include <utility>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "narthex/util/check.h"

namespace narthex::http {
namespace {

constexpr std::size_t kQueueMax = 64;      // A few seconds of comparing.
constexpr std::size_t kVerdictsMax = 512;  // Of each kind; then all are forgotten.

void append_field(std::string& out, std::string_view field) {
  const std::uint64_t bytes = field.size();
  out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
  out.append(field);
}

}  // namespace

Authenticator::Authenticator() : worker_("narthex-auth", 1, kQueueMax) {
  NX_CHECK(::RAND_bytes(secret_.data(), static_cast<int>(secret_.size())) == 1,
           "no random numbers to be had");
}

std::size_t Authenticator::DigestHash::operator()(const Digest& digest) const noexcept {
  std::size_t out = 0;
  std::memcpy(&out, digest.data(), sizeof out);
  return out;
}

Authenticator::Expected Authenticator::expected_of(const AccessOptions& access,
                                                   const Credentials& credentials) {
  for (const auto& [user, hash] : access.users) {
    if (user == credentials.user) return {hash, true};
  }
  return {dummy_bcrypt_hash(access.users.empty() ? "" : access.users.front().second), false};
}

Authenticator::Digest Authenticator::digest_of(const Expected& expected,
                                               const Credentials& credentials) const {
  std::string text;
  append_field(text, credentials.user);
  append_field(text, expected.hash);
  append_field(text, credentials.password);
  Digest out{};
  unsigned bytes = 0;
  const unsigned char* const made =
      ::HMAC(::EVP_sha256(), secret_.data(), static_cast<int>(secret_.size()),
             reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), &bytes);
  NX_CHECK(made != nullptr && bytes == out.size(), "SHA-256 failed");
  return out;
}

void Authenticator::remember(const Digest& digest, bool verdict) {
  const util::MutexLock lock(mutex_);
  Digests& set = verdict ? admitted_ : denied_;
  if (set.size() >= kVerdictsMax) set.clear();
  set.insert(digest);
}

std::optional<bool> Authenticator::remembered(const AccessOptions& access,
                                              const Credentials& credentials) {
  const Digest digest = digest_of(expected_of(access, credentials), credentials);
  const util::MutexLock lock(mutex_);
  if (admitted_.contains(digest)) return true;
  if (denied_.contains(digest)) return false;
  return std::nullopt;
}

bool Authenticator::submit(const AccessOptions& access, Credentials credentials,
                           std::move_only_function<void(bool)> on_verdict) {
  auto job = [this, expected = expected_of(access, credentials),
              credentials = std::move(credentials), on_verdict = std::move(on_verdict)]() mutable {
    const Digest digest = digest_of(expected, credentials);
    bool is_admitted = false;
    {
      // Many connections of one client come at once; only the first has to be compared.
      const util::MutexLock lock(mutex_);
      is_admitted = admitted_.contains(digest);
    }
    if (!is_admitted) {
      const bool matches = matches_bcrypt(credentials.password, expected.hash);
      is_admitted = matches && expected.is_known;
      remember(digest, is_admitted);
    }
    on_verdict(is_admitted);
  };
  return worker_.try_submit(std::move(job));
}

}  // namespace narthex::http
