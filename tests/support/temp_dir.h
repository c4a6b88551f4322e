// A directory of its own for one test, removed with everything in it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "narthex/util/check.h"

namespace narthex::test {

class TempDir {
 public:
  TempDir() : path_((std::filesystem::temp_directory_path() / "narthex-test-XXXXXX").string()) {
    NX_CHECK(::mkdtemp(path_.data()) != nullptr, "cannot make {}", path_);
  }
  ~TempDir() {
    std::error_code ignored;  // A leftover directory is no reason to fail a test.
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace narthex::test
