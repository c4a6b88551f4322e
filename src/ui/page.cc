#include "narthex/ui/page.h"

#include <algorithm>

#include <fmt/format.h>

namespace narthex::ui {
namespace {

void append_escaped(std::string_view text, std::string& out) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
}

std::string_view value_of(std::string_view name, const PageValues& values) {
  if (name == "base_href") return values.base_href;
  if (name == "title") return values.title;
  if (name == "version") return values.version;
  if (name == "lookback_delta") return values.lookback_delta;
  if (name == "agent_mode") return values.agent_mode ? "true" : "false";
  if (name == "ready") return values.ready ? "true" : "false";
  if (name == "consoles_link") return values.consoles_link;
  return {};
}

constexpr std::string_view kPlainPage = R"(<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>{{title}}</title>
  </head>
  <body>
    <h1>{{title}}</h1>
    <p>This server was built without its web UI. The HTTP API works: it is below <code>{{base_href}}api/v1</code>.</p>
    <p>To have the UI, build with Node.js 20.19 or newer and the CMake option <code>NARTHEX_UI=ON</code>.</p>
  </body>
</html>
)";

}  // namespace

std::string render_page(std::string_view page_template, const PageValues& values) {
  std::string out;
  out.reserve(page_template.size() + 256);
  while (true) {
    const std::size_t open = page_template.find("{{");
    const std::size_t close =
        open == std::string_view::npos ? open : page_template.find("}}", open);
    if (close == std::string_view::npos) {
      out += page_template;
      return out;
    }
    out += page_template.substr(0, open);
    append_escaped(value_of(page_template.substr(open + 2, close - open - 2), values), out);
    page_template.remove_prefix(close + 2);
  }
}

std::string plain_page(const PageValues& values) {
  return render_page(kPlainPage, values);
}

}  // namespace narthex::ui
