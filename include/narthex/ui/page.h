// The one page of the UI: a template whose placeholders are filled at start and at each reload.
#pragma once

#include <string>
#include <string_view>

namespace narthex::ui {

// web/README.md says what each is for.
struct PageValues {
  std::string base_href = "/";  // Route prefix with a slash at its end.
  std::string title = "Narthex";
  std::string version{};
  std::string lookback_delta = "5m";
  bool agent_mode = false;
  bool ready = true;
  std::string consoles_link{};
};

// Replaces {{name}} by the value, HTML-escaped. Unknown names become empty.
[[nodiscard]] std::string render_page(std::string_view page_template, const PageValues& values);

// What a binary without the UI shows instead.
[[nodiscard]] std::string plain_page(const PageValues& values);

}  // namespace narthex::ui
