// Whether a user may come in. bcrypt is slow on purpose, so verdicts are remembered; who tries many
// passwords keeps one thread busy and nobody else waiting.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_set>

#include "narthex/http/access_options.h"
#include "narthex/util/mutex.h"
#include "narthex/util/worker_pool.h"

#include "http/credentials.h"

namespace narthex::http {

// Threads: synchronized.
class Authenticator {
 public:
  Authenticator();

  // The verdict if this user, this password and the hash that he has now were compared before.
  [[nodiscard]] std::optional<bool> remembered(const AccessOptions& access,
                                               const Credentials& credentials);
  // Compares on a thread of its own, which calls `on_verdict`. An unknown user takes as long as a
  // known one. False, and no call, when too many wait already.
  [[nodiscard]] bool submit(const AccessOptions& access, Credentials credentials,
                            std::move_only_function<void(bool)> on_verdict);

 private:
  // Keyed with a secret of this process, so that how long a look-up takes says nothing about the
  // password.
  using Digest = std::array<unsigned char, 32>;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const noexcept;
  };
  using Digests = std::unordered_set<Digest, DigestHash>;

  // The hash of that user, or one that nothing matches.
  struct Expected {
    std::string hash;
    bool is_known = false;
  };
  static Expected expected_of(const AccessOptions& access, const Credentials& credentials);
  [[nodiscard]] Digest digest_of(const Expected& expected, const Credentials& credentials) const;
  void remember(const Digest& digest, bool verdict);

  Digest secret_{};
  util::Mutex mutex_;
  // Apart, so that wrong passwords cannot push out the right ones.
  Digests admitted_ NX_GUARDED_BY(mutex_);
  Digests denied_ NX_GUARDED_BY(mutex_);
  util::WorkerPool worker_;  // Last: its jobs use the rest.
};

}  // namespace narthex::http
