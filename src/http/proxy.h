// Which proxy a request goes through, if any: proxy_url, no_proxy, or the variables that programs
// go by (HTTP_PROXY, HTTPS_PROXY, NO_PROXY).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/ip/address.hpp>

#include "narthex/http/client_options.h"
#include "narthex/http/message.h"
#include "narthex/http/url.h"
#include "narthex/util/result.h"

namespace narthex::http {

// Threads: immutable.
class ProxyRules {
 public:
  using Environment = std::function<std::optional<std::string>(const char* name)>;

  // Never a proxy.
  ProxyRules() = default;
  // kInvalidArgument: an address of a proxy that is none, or of a kind that we do not speak to.
  static util::Result<ProxyRules> make(const ProxyOptions& options, const Environment& environment);

  // Null: the request goes straight to its host. Lives as long as the rules.
  [[nodiscard]] const Url* proxy_for(const Url& url) const;
  // For CONNECT: proxy_connect_header, and credentials when the proxy's address has them.
  [[nodiscard]] Headers connect_headers(const Url& proxy) const;

 private:
  // One entry of no_proxy.
  struct Exception {
    boost::asio::ip::address address;  // With `prefix_bits`: a network or one address.
    std::optional<unsigned> prefix_bits;
    std::string domain;      // ".example.org": hosts under it,
    bool or_itself = false;  // and it, too.
    std::uint16_t port = 0;  // 0: any.
  };
  void add_exceptions(std::string_view list);
  [[nodiscard]] bool is_excepted(const Url& url) const;

  std::optional<Url> http_;
  std::optional<Url> https_;
  bool has_exceptions_ = false;  // Then this machine itself is never asked through a proxy.
  bool excepts_all_ = false;
  std::vector<Exception> exceptions_;
  std::vector<std::pair<std::string, std::vector<std::string>>> connect_headers_;
};

// "Basic …" for the user and password of the proxy's address; "" when it has none.
[[nodiscard]] std::string proxy_authorization(const Url& proxy);

}  // namespace narthex::http
