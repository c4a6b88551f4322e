// The file of failed scrapes (scrape_failure_log_file): one JSON object a line.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::scrape {

// Threads: synchronized. A line that cannot be written is reported in the server's own log, once
// until the file is opened again.
class FailureLog {
 public:
  explicit FailureLog(std::string path) : path_(std::move(path)) {}

  // Opens the file, again if it was open: whoever moved it away gets a new one.
  util::Result<void> open();
  struct Entry {
    util::WallNs at = 0;
    std::string_view job_name;
    std::string_view target;
    std::string_view error;
  };
  void write(const Entry& entry);

 private:
  const std::string path_;
  util::Mutex mutex_;
  std::unique_ptr<util::WritableFile> file_ NX_GUARDED_BY(mutex_);
  bool reported_ NX_GUARDED_BY(mutex_) = false;
};

// The logs by path: jobs that name one file share it. Threads: external.
class FailureLogs {
 public:
  // The log of that path, open; null for an empty path.
  util::Result<std::shared_ptr<FailureLog>> get(const std::string& path);
  // Opens all again that somebody still uses and forgets the others.
  util::Result<void> reopen();

 private:
  std::map<std::string, std::shared_ptr<FailureLog>> by_path_;
};

}  // namespace narthex::scrape
