#include "tsdb/db/disk_guard.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/log.h"

namespace narthex::tsdb {

namespace {

constexpr const char* kComponent = "tsdb";
// A small file system is not spent on the reserve.
constexpr std::uint64_t kShareOfDisk = 16;
// Beside the reserve so much of it must be free before appends go on, lest they stop at once.
constexpr std::uint64_t kMarginShare = 4;
// With less the start itself would fail half-way.
constexpr std::uint64_t kStartBytesMin = std::uint64_t{1} << 20U;

double mebibytes(std::uint64_t bytes) {
  return static_cast<double>(bytes) / (1U << 20U);
}

}  // namespace

DiskGuard::DiskGuard(util::Env& env, std::string directory, std::uint64_t reserve_bytes,
                     std::function<void(bool)> changed)
    : env_(env),
      directory_(std::move(directory)),
      path_(directory_ + "/disk.reserve"),
      changed_(std::move(changed)),
      wanted_(reserve_bytes) {}

bool DiskGuard::ensure_reserve() {
  if (reserved_ != 0) return true;
  const auto space = env_.space(directory_);
  if (space && space->available_bytes < wanted_ + wanted_ / kMarginShare) return false;
  auto taken = env_.allocate(path_, wanted_);
  if (taken) taken = env_.sync_dir(directory_);
  if (!taken) {
    util::log_debug("The disk reserve could not be taken",
                    {{"component", kComponent}, {"err", taken.error()}});
    give_up_reserve();
    return false;
  }
  reserved_ = wanted_;
  return true;
}

void DiskGuard::give_up_reserve() {
  reserved_ = 0;
  if (!env_.exists(path_)) return;
  if (const auto removed = env_.remove_file(path_); !removed) {
    util::log_warn("The disk reserve could not be given up",
                   {{"component", kComponent}, {"err", removed.error()}});
  }
}

void DiskGuard::start() {
  const util::MutexLock lock(mutex_);
  if (wanted_ == 0) return;
  const auto space = env_.space(directory_);
  if (space) wanted_ = std::min(wanted_, space->total_bytes / kShareOfDisk);
  room_wanted_ = wanted_ + wanted_ / kMarginShare;
  const auto size = env_.file_size(path_);
  if (size && *size == wanted_) {
    reserved_ = wanted_;
  } else {
    give_up_reserve();  // Of another size, or cut short by a crash.
  }
  if (space && space->available_bytes < kStartBytesMin) {
    stop_appends("no space left at start");
  } else if (!ensure_reserve()) {
    util::log_warn("There is no room for the disk reserve",
                   {{"component", kComponent},
                    {"directory", directory_},
                    {"needed", fmt::format("{:.1f} MiB", mebibytes(room_wanted_))}});
  }
}

void DiskGuard::note(const util::Error& error) {
  if (error.code() != util::Code::kNoSpace) return;
  const util::MutexLock lock(mutex_);
  if (wanted_ != 0) stop_appends(error.message());
}

void DiskGuard::stop_appends(const std::string& reason) {
  if (read_only_) return;
  read_only_ = true;
  give_up_reserve();
  util::log_error("The disk is full: storage is read-only until there is room again",
                  {{"component", kComponent},
                   {"directory", directory_},
                   {"needed", fmt::format("{:.1f} MiB", mebibytes(room_wanted_))},
                   {"err", reason}});
}

void DiskGuard::resume_appends() {
  if (!read_only_) return;
  read_only_ = false;
  util::log_info("There is room on the disk again: storage takes samples",
                 {{"component", kComponent}, {"directory", directory_}});
}

void DiskGuard::probe() {
  {
    const util::MutexLock lock(mutex_);
    if (wanted_ != 0 && ensure_reserve()) resume_appends();
  }
  const bool read_only = read_only_;
  if (read_only == told_read_only_) return;
  told_read_only_ = read_only;
  if (changed_) changed_(read_only);
}

util::Result<void> DiskGuard::check() const {
  if (!read_only_) [[likely]]
    return {};
  return util::fail(
      util::Code::kNoSpace,
      fmt::format("storage is read-only: the disk is full; it takes samples again when {:.1f} MiB "
                  "are free in {}",
                  mebibytes(room_wanted_), directory_));
}

}  // namespace narthex::tsdb
