// Errors as values: Code, Error, Result<T> and the macros that pass them on.
// Threads: values; no shared state.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace narthex::util {

// The closed list of what can go wrong. One place (api) maps it to Prometheus' errorType and HTTP
// status.
enum class Code : std::uint8_t {
  kInvalidArgument,   // Bad input: parameter, expression, configuration, body.
  kNotFound,          // The named thing does not exist.
  kAlreadyExists,     // Somebody else has it: lock, port, name.
  kPermissionDenied,  // The operating system or our own rules forbid it.
  kUnauthenticated,   // Credentials are missing or wrong.
  kUnsupported,       // Understood, but not something this build or setting can do.
  kExecution,         // A query failed while it was evaluated.
  kLimitExceeded,     // A configured bound was hit: samples, bytes, series, depth.
  kTimeout,           // A deadline passed.
  kCanceled,          // The caller went away or asked to stop.
  kUnavailable,       // Not ready yet, or shutting down.
  kCorruption,        // Damaged data on disk; the message names file and byte offset.
  kTruncated,         // Data ends inside a record.
  kNoSpace,           // The disk is full.
  kIo,                // Any other failure of the operating system.
  kInternal,          // Our own fault, short of a broken invariant.
};

// Name for logs and tests, for example "invalid_argument".
[[nodiscard]] std::string_view code_name(Code code) noexcept;

// What went wrong. The message says what, where and what to do: lower case, no full stop.
class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message) : message_(std::move(message)), code_(code) {}

  [[nodiscard]] Code code() const noexcept { return code_; }
  [[nodiscard]] const std::string& message() const noexcept { return message_; }

  // The same error with "context: " in front. Add it once a layer.
  [[nodiscard]] Error with_context(std::string_view context) &&;

 private:
  std::string message_;
  Code code_;
};

// The error of the last failed system call, with errno's text: "open /x/y: No space left on
// device". ENOSPC and EDQUOT map to kNoSpace, ENOENT to kNotFound, EACCES/EPERM/EROFS to
// kPermissionDenied, the rest to kIo.
[[nodiscard]] Error errno_error(std::string_view what, int errno_value);

// A value or an Error. A class of its own rather than an alias, so that a dropped one is a warning.
template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

// Shorthand for `return std::unexpected(Error{code, message})`.
[[nodiscard]] inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected<Error>(std::in_place, code, std::move(message));
}

}  // namespace narthex::util

#define NX_INTERNAL_CONCAT2(a, b) a##b
#define NX_INTERNAL_CONCAT(a, b) NX_INTERNAL_CONCAT2(a, b)
#define NX_INTERNAL_ASSIGN(tmp, ret, decl, ...)  \
  auto tmp = (__VA_ARGS__);                      \
  if (!tmp) {                                    \
    ret std::unexpected(std::move(tmp).error()); \
  }                                              \
  decl = *std::move(tmp)

// NX_ASSIGN(auto x, f()): x takes the value of f(), or the enclosing function returns f()'s error.
#define NX_ASSIGN(decl, ...) \
  NX_INTERNAL_ASSIGN(NX_INTERNAL_CONCAT(nx_result_, __LINE__), return, decl, __VA_ARGS__)
// NX_TRY(f()): for a Result<void>.
#define NX_TRY(...)                                           \
  if (auto nx_try_result = (__VA_ARGS__); !nx_try_result) {   \
    return std::unexpected(std::move(nx_try_result).error()); \
  }
// The same inside coroutines.
#define NX_CO_ASSIGN(decl, ...) \
  NX_INTERNAL_ASSIGN(NX_INTERNAL_CONCAT(nx_result_, __LINE__), co_return, decl, __VA_ARGS__)
#define NX_CO_TRY(...)                                           \
  if (auto nx_try_result = (__VA_ARGS__); !nx_try_result) {      \
    co_return std::unexpected(std::move(nx_try_result).error()); \
  }
