// OAuth 2: fetches the token that requests carry (the client-credentials grant), keeps it, and
// fetches another one before it expires. However many requests wait for it, one fetch is under way.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "narthex/async/doorbell.h"
#include "narthex/async/task.h"
#include "narthex/http/client.h"
#include "narthex/http/client_options.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::http {

// Threads: synchronized. Outlives the coroutines that ask it.
class TokenSource {
 public:
  // `clock` outlives the object. The errors of Client::make(); a token_url that is no URL.
  static util::Result<std::unique_ptr<TokenSource>> make(OAuth2 options, util::Clock* clock);

  // The value of the Authorization header. `deadline` as in ClientRequest.
  async::Task<std::string> authorization(util::SteadyNs deadline);

 private:
  struct Waiter {
    async::Doorbell bell;
    std::optional<util::Error> error;  // Written before the bell rings.
  };
  struct Token {
    std::string authorization;
    util::SteadyNs refresh_at = 0;
  };
  // How the server wants to know who asks: it is tried out once.
  enum class Style : std::uint8_t { kUnknown, kHeader, kBody };

  TokenSource(OAuth2 options, Url url, util::Clock* clock, std::shared_ptr<Client> client);
  async::Task<Token> fetch(util::SteadyNs deadline);
  async::Task<Token> fetch_by_assertion(util::SteadyNs deadline);
  [[nodiscard]] std::string joined_scopes() const;
  async::Task<ClientResponse> ask(Style style, std::string secret, util::SteadyNs deadline);
  [[nodiscard]] std::string form(Style style, const std::string& secret) const;
  util::Result<Token> parse(const ClientResponse& response) const;
  void settle(const util::Result<Token>& outcome);

  const OAuth2 options_;
  const Url url_;
  util::Clock* const clock_;
  const std::shared_ptr<Client> client_;
  util::Mutex mutex_;
  Token token_ NX_GUARDED_BY(mutex_);
  Style style_ NX_GUARDED_BY(mutex_) = Style::kUnknown;
  bool fetching_ NX_GUARDED_BY(mutex_) = false;
  std::vector<std::shared_ptr<Waiter>> waiting_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::http
