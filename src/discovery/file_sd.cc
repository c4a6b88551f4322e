#include "discovery/file_sd.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "narthex/async/doorbell.h"
#include "narthex/util/glob.h"
#include "narthex/util/log.h"

#include "discovery/directory_watch.h"
#include "discovery/json.h"
#include "discovery/target_list.h"

namespace narthex::discovery {
namespace {

std::string directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  return std::string(path.substr(0, std::max<std::size_t>(slash, 1)));
}

bool is_json_file(std::string_view path) {
  return path.ends_with(".json") || path.ends_with(".JSON");
}

class FileDiscoverer final : public Discoverer {
 public:
  FileDiscoverer(FileOptions options, const Context& context)
      : options_(std::move(options)),
        clock_(context.clock),
        env_(context.env),
        metrics_(context.metrics),
        interval_ns_(
            std::chrono::nanoseconds(std::max(options_.refresh_interval, kIntervalMin)).count()) {}

  async::Task<void> run(GroupSink* sink) override;

 private:
  void watch_directories();
  util::Result<std::vector<TargetGroup>> read(const std::string& path) const;
  void scan(GroupSink* sink);

  const FileOptions options_;
  util::Clock* const clock_;
  util::Env* const env_;
  Metrics* const metrics_;
  const std::int64_t interval_ns_;
  async::Doorbell bell_;
  std::optional<DirectoryWatch> watch_;
  bool is_watch_broken_ = false;
  std::map<std::string, std::vector<TargetGroup>> groups_of_file_;
};

void FileDiscoverer::watch_directories() {
  std::set<std::string> directories;
  for (const std::string& pattern : options_.files) {
    std::string directory = directory_of(pattern);
    // A pattern in the directory's own name: those that there are.
    if (directory.find_first_of("*?[") == std::string::npos) {
      directories.insert(std::move(directory));
    } else {
      for (std::string& found : util::matching_files(*env_, directory))
        directories.insert(std::move(found));
    }
  }
  const bool ok = watch_->set({directories.begin(), directories.end()});
  if (!ok) metrics_->file_watcher_errors.increment();
  if (!ok && !is_watch_broken_) {
    util::log_warn(
        "Some directories of target files cannot be watched; they are looked at every "
        "refresh interval only",
        {{"files", fmt::format("{}", fmt::join(options_.files, ","))}});
  }
  is_watch_broken_ = !ok;
}

util::Result<std::vector<TargetGroup>> FileDiscoverer::read(const std::string& path) const {
  NX_ASSIGN(const std::string text, env_->read_file(path, kBodyBytesMax));
  NX_ASSIGN(auto groups, is_json_file(path) ? parse_json_targets(text) : parse_yaml_targets(text));
  for (std::size_t i = 0; i < groups.size(); ++i) {
    groups[i].source = fmt::format("{}:{}", path, i);
    model::LabelsBuilder labels(groups[i].labels);
    labels.set("__meta_filepath", path);
    groups[i].labels = labels.build();
  }
  return groups;
}

// A file that cannot be understood keeps the groups that it had; one that is gone has none.
void FileDiscoverer::scan(GroupSink* sink) {
  const util::SteadyNs start = clock_->steady_ns();
  std::map<std::string, std::vector<TargetGroup>> next;
  for (const std::string& pattern : options_.files) {
    for (const std::string& path : util::matching_files(*env_, pattern)) {
      auto groups = read(path);
      if (groups) {
        next[path] = *std::move(groups);
        continue;
      }
      metrics_->file_read_errors.increment();
      util::log_error("Error reading file", {{"path", path}, {"err", groups.error()}});
      if (const auto before = groups_of_file_.find(path); before != groups_of_file_.end())
        next[path] = before->second;
    }
  }
  std::vector<TargetGroup> all;
  for (const auto& [path, groups] : next) all.insert(all.end(), groups.begin(), groups.end());
  metrics_->file_scan_seconds.observe(static_cast<double>(clock_->steady_ns() - start) / 1e9);
  if (const auto taken = sink->replace(std::move(all)); !taken) {
    metrics_->file_read_errors.increment();
    util::log_error("Target files are not taken over", {{"err", taken.error()}});
    return;
  }
  groups_of_file_ = std::move(next);
}

async::Task<void> FileDiscoverer::run(GroupSink* sink) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  watch_.emplace(executor, &bell_);
  for (;;) {
    // Watch first: what changes between the two is seen either way.
    watch_directories();
    scan(sink);
    const auto waited = co_await bell_.wait_until(clock_, clock_->steady_ns() + interval_ns_);
    if (!waited) {
      watch_.reset();  // On its own thread.
      co_return std::unexpected(waited.error());
    }
  }
}

}  // namespace

std::unique_ptr<Discoverer> make_file_discoverer(const FileOptions& options,
                                                 const Context& context) {
  return std::make_unique<FileDiscoverer>(options, context);
}

}  // namespace narthex::discovery
