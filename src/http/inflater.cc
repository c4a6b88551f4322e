#include "narthex/http/inflater.h"

#include <algorithm>
#include <limits>

#include <zlib.h>

#include "narthex/util/check.h"

namespace narthex::http {

struct Inflater::State {
  z_stream stream{};
  bool at_end = false;
  State() {
    // 15 bits of window; 32 more: gzip or zlib, whichever the header says.
    const int status = ::inflateInit2(&stream, 15 + 32);
    NX_CHECK(status == Z_OK, "inflateInit2: {}", status);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::inflateEnd(&stream); }
};

Inflater::Inflater() : state_(std::make_unique<State>()) {}
Inflater::~Inflater() = default;
Inflater::Inflater(Inflater&&) noexcept = default;
Inflater& Inflater::operator=(Inflater&&) noexcept = default;

bool Inflater::at_end() const noexcept {
  return state_->at_end;
}

util::Result<Inflater::Step> Inflater::step(std::span<const char> in, std::span<char> out) {
  constexpr std::size_t kPieceMax = std::numeric_limits<uInt>::max();
  z_stream& z = state_->stream;
  if (in.empty() || out.empty()) return Step{};
  if (state_->at_end) {
    // Another gzip member follows.
    ::inflateReset(&z);
    state_->at_end = false;
  }
  const auto in_bytes = static_cast<uInt>(std::min(in.size(), kPieceMax));
  const auto out_bytes = static_cast<uInt>(std::min(out.size(), kPieceMax));
  z.next_in = const_cast<Bytef*>(
      reinterpret_cast<const Bytef*>(in.data()));  // zlib's interface; it does not write there.
  z.avail_in = in_bytes;
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = out_bytes;
  const int status = ::inflate(&z, Z_NO_FLUSH);
  if (status == Z_STREAM_END) {
    state_->at_end = true;
  } else if (status != Z_OK && status != Z_BUF_ERROR) {
    return util::fail(util::Code::kInvalidArgument,
                      std::string("gzip: ") + (z.msg != nullptr ? z.msg : "invalid data"));
  }
  return Step{.consumed = in_bytes - z.avail_in, .produced = out_bytes - z.avail_out};
}

}  // namespace narthex::http
