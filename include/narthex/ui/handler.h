// Serves the web UI: the page, its assets, and the redirects to them.
#pragma once

#include <memory>
#include <string>

#include "narthex/http/router.h"
#include "narthex/ui/assets.h"
#include "narthex/ui/page.h"

namespace narthex::ui {

struct Options {
  // In front of every path: "" or "/prefix", without a slash at the end.
  std::string route_prefix;
  PageValues page;
  // The frame-ancestors of the Content-Security-Policy: who may show the UI in a frame.
  std::string frame_ancestors = "'self'";
};

// Threads: synchronized.
class Handler {
 public:
  // `assets` outlives the handler.
  Handler(Options options, const AssetTable& assets);
  ~Handler();
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;

  // Adds every route. The handler outlives the router.
  void register_routes(http::Router& router);
  // Renders the page anew: when the server becomes ready, after a reload.
  void set_page(const PageValues& values);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::ui
