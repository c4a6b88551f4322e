#include "narthex/ui/handler.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"
#include "narthex/util/hash.h"
#include "narthex/util/mutex.h"

namespace narthex::ui {
namespace {

using http::Request;
using http::ResponseWriter;

// The pages there are: each is the one page, whose script reads the address.
constexpr std::array<std::string_view, 9> kPages = {
    "/query",  "/targets", "/service-discovery", "/status",          "/tsdb-status",
    "/config", "/flags",   "/explore/queries",   "/explore/relabel",
};

// Old browsers and Prometheus's manifest ask for these names.
constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kFiles = {{
    {"/favicon.svg", "/favicon.svg"},
    {"/favicon.ico", "/favicon.svg"},
    {"/manifest.webmanifest", "/manifest.webmanifest"},
    {"/manifest.json", "/manifest.webmanifest"},
    {"/robots.txt", "/robots.txt"},
}};

std::string content_security_policy(std::string_view frame_ancestors) {
  return fmt::format(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
      "font-src 'self'; "
      "connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri "
      "'self'; "
      "frame-ancestors {}",
      frame_ancestors);
}

// Whether an If-None-Match value names the tag (quotes included) or is "*". Tags hold no commas
// here.
bool is_matched(std::string_view if_none_match, std::string_view etag) {
  while (!if_none_match.empty()) {
    const std::size_t comma = std::min(if_none_match.find(','), if_none_match.size());
    std::string_view one = if_none_match.substr(0, comma);
    if_none_match.remove_prefix(std::min(comma + 1, if_none_match.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    // A weak tag is what a proxy makes of ours when it compresses; for a 304 they count as equal.
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == "*" || one == etag) return true;
  }
  return false;
}

// The page that the UI's setting names (cookie narthex-home), when it is one of ours.
std::string_view home_page(std::string_view cookies) {
  constexpr std::string_view kName = "narthex-home=";
  while (!cookies.empty()) {
    const std::size_t end = std::min(cookies.find(';'), cookies.size());
    std::string_view one = cookies.substr(0, end);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (!one.starts_with(kName)) continue;
    const auto page = std::ranges::find(kPages, one.substr(kName.size()));
    if (page != kPages.end()) return *page;
  }
  return "/query";
}

struct Page {
  std::string html;
  std::string etag;
};

}  // namespace

struct Handler::State {
  State(Options options_in, const AssetTable& assets_in)
      : options(std::move(options_in)),
        assets(assets_in),
        policy(content_security_policy(options.frame_ancestors)) {}

  void add(http::Router& router, std::string_view path, http::Handler handler) const {
    http::Route route;
    route.methods = {"GET", "HEAD"};
    route.pattern = fmt::format("{}{}", options.route_prefix, path);
    route.handler = std::move(handler);
    // The assets are compressed already, and the page is smaller than a packet.
    route.compress = http::Compress::kNever;
    router.add(std::move(route));
  }

  void set_security_headers(ResponseWriter& writer) const {
    writer.set_header("Content-Security-Policy", policy);
    writer.set_header("X-Content-Type-Options", "nosniff");
    writer.set_header("Referrer-Policy", "same-origin");
    writer.set_header("Cross-Origin-Opener-Policy", "same-origin");
    writer.set_header("Permissions-Policy",
                      "camera=(), display-capture=(), geolocation=(), microphone=(), usb=()");
  }

  void serve_page(const Request& request, ResponseWriter& writer) {
    std::shared_ptr<const Page> current;
    {
      const util::MutexLock lock(mutex);
      current = page;
    }
    set_security_headers(writer);
    writer.set_header("Cache-Control", "no-cache");
    writer.set_header("ETag", current->etag);
    if (is_matched(request.headers.get("If-None-Match"), current->etag)) {
      writer.send(304, "", "");
      return;
    }
    writer.send(200, "text/html; charset=utf-8", current->html);
  }

  void serve_asset(std::string_view path, const Request& request, ResponseWriter& writer) const {
    const Asset* asset = assets.find(path, request.headers.get("Accept-Encoding"));
    if (asset == nullptr) {
      writer.send(404, "text/plain; charset=utf-8", "404 page not found\n");
      return;
    }
    // A strong tag belongs to the bytes that are sent, so each encoding has its own.
    const std::string etag = asset->encoding.empty()
                                 ? fmt::format("\"{}\"", asset->etag)
                                 : fmt::format("\"{}-{}\"", asset->etag, asset->encoding);
    set_security_headers(writer);
    // Names under /assets/ hold a hash of the content (but for the licences).
    const bool hashed = path.starts_with("/assets/") && !path.ends_with(".txt");
    writer.set_header("Cache-Control", hashed ? "public, max-age=31536000, immutable" : "no-cache");
    writer.set_header("ETag", etag);
    writer.set_header("Vary", "Accept-Encoding");
    if (is_matched(request.headers.get("If-None-Match"), etag)) {
      writer.send(304, "", "");
      return;
    }
    if (!asset->encoding.empty()) writer.set_header("Content-Encoding", asset->encoding);
    writer.send(200, asset->content_type, std::string(asset->bytes));
  }

  // To a page below the prefix, with the query string that came.
  void redirect(std::string_view page_path, const Request& request, ResponseWriter& writer) const {
    std::string location = fmt::format("{}{}", options.route_prefix, page_path);
    if (!request.query.empty()) location += fmt::format("?{}", request.query);
    writer.set_header("Location", location);
    writer.send(302, "text/plain; charset=utf-8", "");
  }

  const Options options;
  const AssetTable& assets;
  const std::string policy;
  util::Mutex mutex;
  std::shared_ptr<const Page> page NX_GUARDED_BY(mutex);
};

Handler::Handler(Options options, const AssetTable& assets)
    : state_(std::make_unique<State>(std::move(options), assets)) {
  set_page(state_->options.page);
}

Handler::~Handler() = default;

void Handler::set_page(const PageValues& values) {
  auto next = std::make_shared<Page>();
  const Asset* page_template = state_->assets.find("/index.html", "");
  next->html =
      page_template == nullptr ? plain_page(values) : render_page(page_template->bytes, values);
  next->etag = fmt::format("\"{:016x}\"", util::hash64(next->html));
  const util::MutexLock lock(state_->mutex);
  state_->page = std::move(next);
}

void Handler::register_routes(http::Router& router) {
  State* const state = state_.get();
  for (const std::string_view path : kPages) {
    state->add(router, path, [state](const Request& request, ResponseWriter& writer) {
      state->serve_page(request, writer);
    });
  }
  for (const auto& [path, file] : kFiles) {
    state->add(router, path, [state, file](const Request& request, ResponseWriter& writer) {
      state->serve_asset(file, request, writer);
    });
  }
  state->add(router, "/assets/*file", [state](const Request& request, ResponseWriter& writer) {
    state->serve_asset(fmt::format("/assets/{}", request.path_param("file")), request, writer);
  });

  const auto redirect_to = [state](std::string_view page_path) {
    return [state, page_path](const Request& request, ResponseWriter& writer) {
      state->redirect(page_path, request, writer);
    };
  };
  // Prometheus's links to the root keep leading to the query page: only a browser in which another
  // one was chosen sends the cookie, and a query in the address is the query page's.
  const auto redirect_home = [state](const Request& request, ResponseWriter& writer) {
    const bool asks = !request.query.empty();
    state->redirect(asks ? "/query" : home_page(request.headers.get("Cookie")), request, writer);
  };
  state->add(router, "/", redirect_home);
  for (const std::string_view old : {"/graph", "/classic/graph"})
    state->add(router, old, redirect_to("/query"));
  for (const std::string_view page : kPages) {
    // The pages that old versions of Prometheus had, by their names of that time.
    if (page != "/query" && !page.starts_with("/explore/"))
      state->add(router, fmt::format("/classic{}", page), redirect_to(page));
  }
  // A prefix is reached without its last slash and from the root, too.
  if (!state->options.route_prefix.empty()) {
    state->add(router, "", redirect_home);
    http::Route root;
    root.methods = {"GET", "HEAD"};
    root.pattern = "/";
    root.handler = redirect_home;
    router.add(std::move(root));
  }
}

}  // namespace narthex::ui
