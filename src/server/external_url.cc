#include "server/external_url.h"

#include <boost/url/parse.hpp>
#include <fmt/format.h>

namespace narthex::server {
namespace {

std::string trim_slashes(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  while (path.starts_with('/')) path.remove_prefix(1);
  return path.empty() ? std::string() : "/" + std::string(path);
}

}  // namespace

util::Result<ExternalUrl> resolve_external_url(std::string_view flag,
                                               const std::optional<std::string>& prefix_flag,
                                               std::string_view host_name, std::uint16_t port) {
  const std::string text =
      flag.empty() ? fmt::format("http://{}:{}", host_name, port) : std::string(flag);
  const auto parsed = boost::urls::parse_uri(boost::core::string_view(text.data(), text.size()));
  const auto bad = [&](std::string_view why) {
    return util::fail(util::Code::kInvalidArgument,
                      fmt::format("external URL \"{}\": {}", text, why));
  };
  if (parsed.has_error()) return bad(parsed.error().message());
  const boost::urls::url_view& url = *parsed;
  if (url.scheme() != "http" && url.scheme() != "https")
    return bad("the scheme must be http or https");
  if (url.host().empty()) return bad("no host");
  if (url.has_query() || url.has_fragment()) return bad("query and fragment are not allowed");
  const std::string path = trim_slashes(std::string(url.encoded_path()));
  ExternalUrl out;
  out.url = fmt::format("{}://{}{}", std::string(url.scheme()),
                        std::string(url.encoded_authority()), path);
  out.route_prefix = prefix_flag ? trim_slashes(*prefix_flag) : path;
  return out;
}

}  // namespace narthex::server
