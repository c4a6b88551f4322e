// Lists as providers' APIs give them: page by page.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "discovery/api_client.h"

namespace narthex::discovery {

struct PagedList {
  std::string url;        // Of the first page.
  http::Headers headers;  // Beside those of every request.
  std::string items;      // The member that is the list; empty: the whole answer is.
  // The URL of the next page, from the page at hand, how many items were on it, and its number,
  // counted from 1. Empty: there is none. Null: there is but one page.
  std::function<std::string(const json::value& page, std::size_t item_count, std::size_t number)>
      next;
  std::function<void(const json::value& item)> each;
  // Pages are read from below this URL and nowhere else, since the headers hold a token; empty: it
  // does not matter.
  std::string only_under;
};

// Calls `each` for every item of every page. kInvalidArgument: an answer without the list, or a
// page that is elsewhere; kLimitExceeded: more pages or items than any account has. `client`
// outlives the call.
async::Task<void> read_pages(ApiClient* client, PagedList list, util::SteadyNs deadline);

// `base` with a query: "?" or "&" as it needs.
[[nodiscard]] std::string with_query(
    std::string base, const std::vector<std::pair<std::string, std::string>>& params);
// The URL without slashes at its end.
[[nodiscard]] std::string without_slash(std::string url);

}  // namespace narthex::discovery
