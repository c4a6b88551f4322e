#include "discovery/paged_list.h"

#include <fmt/format.h>

namespace narthex::discovery {

using util::Code;
using util::fail;

namespace {

constexpr std::size_t kPagesMax = 20'000;
constexpr std::size_t kItemsMax = 500'000;

// Null: the answer is something else, an error perhaps that says 200.
const json::array* list_in(const json::value& page, const std::string& member) {
  static const json::array empty;
  const json::value* list = &page;
  if (!member.empty()) {
    const json::object* object = page.if_object();
    list = object == nullptr ? nullptr : object->if_contains(member);
    if (list == nullptr) return nullptr;
  }
  // Servers in Go write an empty list so.
  return list->is_null() && !member.empty() ? &empty : list->if_array();
}

}  // namespace

async::Task<void> read_pages(ApiClient* client, PagedList list, util::SteadyNs deadline) {
  std::string url = list.url;
  std::size_t item_count = 0;
  for (std::size_t number = 1; !url.empty(); ++number) {
    if (number > kPagesMax)
      co_return fail(Code::kLimitExceeded, fmt::format("{}: more than {} pages", url, kPagesMax));
    if (!url.starts_with(list.only_under))
      co_return fail(Code::kInvalidArgument,
                     fmt::format("{}: the next page is elsewhere: {}", list.url, excerpt(url)));
    NX_CO_ASSIGN(auto request, get_request(url, deadline));
    for (const auto& [name, value] : list.headers.all()) request.headers.add(name, value);
    NX_CO_ASSIGN(const json::value page, co_await client->fetch_json(std::move(request)));
    const json::array* items = list_in(page, list.items);
    if (items == nullptr)
      co_return fail(Code::kInvalidArgument,
                     fmt::format("{}: no list {} in the answer", url, list.items));
    item_count += items->size();
    if (item_count > kItemsMax)
      co_return fail(Code::kLimitExceeded, fmt::format("{}: more than {} items", url, kItemsMax));
    for (const json::value& item : *items) list.each(item);
    url = list.next ? list.next(page, items->size(), number) : std::string();
  }
  co_return util::Result<void>();
}

std::string with_query(std::string base,
                       const std::vector<std::pair<std::string, std::string>>& params) {
  if (params.empty()) return base;
  base.push_back(base.contains('?') ? '&' : '?');
  return base + query_string(params);
}

std::string without_slash(std::string url) {
  while (url.ends_with('/')) url.pop_back();
  return url;
}

}  // namespace narthex::discovery
