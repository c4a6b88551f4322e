#include "http/compression.h"

#include <array>

#include <libdeflate.h>
#include <zlib.h>

#include "narthex/util/check.h"

namespace narthex::http {
namespace {

// JSON of time series shrinks to about a twelfth at level 1; level 6 takes four times the CPU for a
// tenth less.
constexpr int kLevel = 1;
constexpr int kWindowBits = 15;
constexpr int kGzipWindowFlag = 16;
constexpr int kMemoryLevel = 8;

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) noexcept {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

struct FreeCompressor {
  void operator()(libdeflate_compressor* c) const noexcept { libdeflate_free_compressor(c); }
};

// A compressor is some 100 KiB of tables: one a thread, made on first use.
libdeflate_compressor* thread_compressor() {
  thread_local const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(kLevel));
  NX_CHECK(compressor != nullptr, "no memory for a compressor");
  return compressor.get();
}

}  // namespace

Encoding choose_encoding(std::string_view accept_encoding) noexcept {
  while (!accept_encoding.empty()) {
    const std::size_t end = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view token = trimmed(accept_encoding.substr(0, end));
    if (token == "gzip") return Encoding::kGzip;
    if (token == "deflate") return Encoding::kDeflate;
    accept_encoding.remove_prefix(std::min(end + 1, accept_encoding.size()));
  }
  return Encoding::kIdentity;
}

std::string_view encoding_text(Encoding encoding) noexcept {
  switch (encoding) {
    case Encoding::kGzip:
      return "gzip";
    case Encoding::kDeflate:
      return "deflate";
    case Encoding::kIdentity:
      break;
  }
  return {};
}

std::string compress_whole(Encoding encoding, std::string_view body) {
  libdeflate_compressor* compressor = thread_compressor();
  const bool gzip = encoding == Encoding::kGzip;
  std::string out;
  out.resize(gzip ? libdeflate_gzip_compress_bound(compressor, body.size())
                  : libdeflate_zlib_compress_bound(compressor, body.size()));
  const std::size_t size =
      gzip ? libdeflate_gzip_compress(compressor, body.data(), body.size(), out.data(), out.size())
           : libdeflate_zlib_compress(compressor, body.data(), body.size(), out.data(), out.size());
  NX_CHECK(size > 0, "the bound of libdeflate was too small for {} bytes", body.size());
  out.resize(size);
  return out;
}

struct StreamCompressor::State {
  z_stream stream{};
};

StreamCompressor::StreamCompressor(Encoding encoding) : state_(std::make_unique<State>()) {
  const int window = encoding == Encoding::kGzip ? kWindowBits + kGzipWindowFlag : kWindowBits;
  const int rc =
      deflateInit2(&state_->stream, kLevel, Z_DEFLATED, window, kMemoryLevel, Z_DEFAULT_STRATEGY);
  NX_CHECK(rc == Z_OK, "zlib: {}", rc);
}

StreamCompressor::~StreamCompressor() {
  deflateEnd(&state_->stream);
}

void StreamCompressor::append(std::string_view bytes, Flush flush, std::string& out) {
  z_stream& stream = state_->stream;
  std::array<Bytef, 16384> buffer;
  const int mode = flush == Flush::kEnd    ? Z_FINISH
                   : flush == Flush::kSync ? Z_SYNC_FLUSH
                                           : Z_NO_FLUSH;
  // zlib never writes through next_in; its type lacks the const. avail_in is 32 bits wide, and
  // pieces are far smaller.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  do {
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    const int rc = deflate(&stream, mode);
    NX_CHECK(rc != Z_STREAM_ERROR, "zlib stream state");
    out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

}  // namespace narthex::http
