#include "http/encoder.h"

#include <array>

#include <libdeflate.h>
#include <zlib.h>

#include "narthex/http/message.h"
#include "narthex/util/check.h"

namespace narthex::http {
namespace {

constexpr int kFastLevel = 1;
constexpr int kWindowBitsGzip = 15 + 16;  // zlib: 16 more asks for gzip framing.
constexpr int kWindowBitsZlib = 15;
constexpr int kMemoryLevel = 8;
constexpr std::size_t kOutputBytes = 32U << 10U;

}  // namespace

Encoding choose_encoding(std::string_view accept_encoding) noexcept {
  while (!accept_encoding.empty()) {
    const std::size_t comma = accept_encoding.find(',');
    std::string_view token = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(comma == std::string_view::npos ? accept_encoding.size() : comma + 1);
    while (token.starts_with(' ') || token.starts_with('\t')) token.remove_prefix(1);
    while (token.ends_with(' ') || token.ends_with('\t')) token.remove_suffix(1);
    if (equals_ignoring_case(token, "gzip")) return Encoding::kGzip;
    if (equals_ignoring_case(token, "deflate")) return Encoding::kDeflate;
  }
  return Encoding::kIdentity;
}

std::string_view encoding_name(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::kIdentity: return "identity";
    case Encoding::kGzip: return "gzip";
    case Encoding::kDeflate: return "deflate";
  }
  return "identity";
}

std::string compress(std::string_view bytes, Encoding encoding) {
  NX_CHECK(encoding != Encoding::kIdentity, "nothing to compress with");
  // One compressor a thread: it is 100 KiB of tables, too much to make for every small answer.
  struct Compressor {
    libdeflate_compressor* handle = libdeflate_alloc_compressor(kFastLevel);
    ~Compressor() { libdeflate_free_compressor(handle); }
  };
  thread_local const Compressor compressor;
  const bool gzip = encoding == Encoding::kGzip;
  std::string out;
  out.resize(gzip ? libdeflate_gzip_compress_bound(compressor.handle, bytes.size())
                  : libdeflate_zlib_compress_bound(compressor.handle, bytes.size()));
  const std::size_t size =
      gzip ? libdeflate_gzip_compress(compressor.handle, bytes.data(), bytes.size(), out.data(), out.size())
           : libdeflate_zlib_compress(compressor.handle, bytes.data(), bytes.size(), out.data(), out.size());
  NX_CHECK(size != 0 && size <= out.size(), "compression bound too small for {} bytes", bytes.size());
  out.resize(size);
  return out;
}

struct StreamEncoder::State {
  z_stream stream{};
};

StreamEncoder::StreamEncoder(Encoding encoding) : state_(std::make_unique<State>()) {
  const int window = encoding == Encoding::kGzip ? kWindowBitsGzip : kWindowBitsZlib;
  const int rc = deflateInit2(&state_->stream, kFastLevel, Z_DEFLATED, window, kMemoryLevel, Z_DEFAULT_STRATEGY);
  NX_CHECK(rc == Z_OK, "deflateInit2: {}", rc);
}

StreamEncoder::~StreamEncoder() { deflateEnd(&state_->stream); }

void StreamEncoder::encode(std::string_view bytes, Flush flush, std::string& out) {
  z_stream& stream = state_->stream;
  const int mode = flush == Flush::kFinish ? Z_FINISH : flush == Flush::kSync ? Z_SYNC_FLUSH : Z_NO_FLUSH;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));  // zlib does not write to it.
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::array<char, kOutputBytes> buffer;
  do {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int rc = deflate(&stream, mode);
    NX_CHECK(rc != Z_STREAM_ERROR, "deflate: {}", rc);
    out.append(buffer.data(), buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace narthex::http
