// Invariants. A failed check is our bug: it prints the condition, the place and the values, and
// aborts.
#pragma once

#include <string>

#include <fmt/format.h>

namespace narthex::util {

// Prints to stderr and aborts. Not for bad input: that is a Result.
[[noreturn]] void check_failed(const char* condition, const char* file, int line,
                               const std::string& message) noexcept;

}  // namespace narthex::util

// NX_CHECK(index < count, "index {} of {}", index, count): always on.
#define NX_CHECK(condition, ...)                                                                 \
  do {                                                                                           \
    if (!(condition)) [[unlikely]] {                                                             \
      ::narthex::util::check_failed(#condition, __FILE__, __LINE__, ::fmt::format(__VA_ARGS__)); \
    }                                                                                            \
  } while (false)

// The same for hot loops: compiled out of release builds.
#ifdef NARTHEX_DCHECKS
#define NX_DCHECK(condition, ...) NX_CHECK(condition, __VA_ARGS__)
#else
#define NX_DCHECK(condition, ...) \
  do {                            \
  } while (false)
#endif
