#include "narthex/promql/active_queries.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/json_text.h"

namespace narthex::promql {
namespace {

constexpr std::size_t kSlotBytes = 1'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

// What of a query is written: all of it, or as much from its front as surely fits a slot.
std::string entry_of(std::string_view query, util::WallNs now) {
  const std::string tail = fmt::format(",\"timestamp_sec\":{}}},", now / kNsPerSecond);
  constexpr std::string_view kHead = "{\"query\":";
  std::string quoted;
  std::size_t bytes = std::min(query.size(), kSlotBytes);
  for (;;) {
    quoted.clear();
    util::append_json_text(quoted, query.substr(0, bytes));
    const std::size_t total = kHead.size() + quoted.size() + tail.size();
    if (total <= kSlotBytes) break;
    // An escape is at most six bytes for one; a cut character becomes a replacement of three.
    bytes -= std::max<std::size_t>(1, (total - kSlotBytes) / 6);
  }
  return fmt::format("{}{}{}", kHead, quoted, tail);
}

// "[{…},{…}" and zeros between: the list that it stands for.
std::string list_of(std::string content) {
  std::erase(content, '\0');
  while (!content.empty() && (content.back() == ',' || content.back() == '\n')) content.pop_back();
  if (content.size() <= 1 || content.front() != '[') return {};
  return content + "]";
}

}  // namespace

util::Result<std::unique_ptr<ActiveQueries>> ActiveQueries::open(util::Env& env,
                                                                 const std::string& path,
                                                                 std::size_t slots) {
  // Any number of slots that a process before this one may have had.
  constexpr std::uint64_t kBytesMax = std::uint64_t{16} << 20U;
  std::string left_over;
  // An unreadable file of notes says nothing; it must not hinder a start.
  if (auto content = env.read_file(path, kBytesMax)) left_over = list_of(*std::move(content));
  NX_ASSIGN(auto file, util::SlotFile::create(path, "[", slots, kSlotBytes));
  return std::unique_ptr<ActiveQueries>(
      new ActiveQueries(std::move(file), slots, std::move(left_over)));
}

ActiveQueries::ActiveQueries(std::unique_ptr<util::SlotFile> file, std::size_t slots,
                             std::string left_over)
    : file_(std::move(file)), left_over_(std::move(left_over)) {
  for (std::size_t i = slots; i > 0; --i) free_.push_back(i - 1);
}

ActiveQueries::Note ActiveQueries::begin(std::string_view query, util::WallNs now) {
  std::size_t slot = 0;
  {
    const util::MutexLock lock(mutex_);
    if (free_.empty()) return {};
    slot = free_.back();
    free_.pop_back();
  }
  if (!file_->write(slot, entry_of(query, now))) {
    const util::MutexLock lock(mutex_);
    free_.push_back(slot);
    return {};
  }
  return {*this, slot};
}

void ActiveQueries::finish(std::size_t slot) {
  // A note that cannot be wiped names a query too many after a crash; the slot is used again.
  static_cast<void>(file_->write(slot, {}));
  const util::MutexLock lock(mutex_);
  free_.push_back(slot);
}

}  // namespace narthex::promql
