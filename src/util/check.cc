#include "narthex/util/check.h"

#include <cstdio>
#include <cstdlib>

namespace narthex::util {

void check_failed(const char* condition, const char* file, int line,
                  const std::string& message) noexcept {
  // Plain stderr and not the log: the log itself may be what is broken.
  std::fputs(fmt::format("{}:{}: check failed: {}: {}\n", file, line, condition, message).c_str(),
             stderr);
  std::fflush(stderr);
  std::abort();
}

}  // namespace narthex::util
