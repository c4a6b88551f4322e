// Decompresses a gzip or zlib stream piece by piece. What it costs is bounded by the caller's
// buffers, never by what the stream claims.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "narthex/util/result.h"

namespace narthex::http {

// Threads: confined.
class Inflater {
 public:
  Inflater();
  ~Inflater();
  Inflater(Inflater&&) noexcept;
  Inflater& operator=(Inflater&&) noexcept;

  struct Step {
    std::size_t consumed = 0;
    std::size_t produced = 0;
  };
  // Takes what it can from `in` and fills `out` as far as it can. Both counts 0: it needs more
  // input. kInvalidArgument: the stream is damaged.
  util::Result<Step> step(std::span<const char> in, std::span<char> out);
  // True when what was read so far is a whole number of gzip members: the input may end here.
  [[nodiscard]] bool at_end() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::http
