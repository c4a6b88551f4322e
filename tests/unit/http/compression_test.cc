#include "http/compression.h"

#include <zlib.h>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "unit/http/inflate.h"

namespace narthex::http {
namespace {

std::string json_like(std::size_t bytes) {
  util::Random random(7);
  std::string out;
  while (out.size() < bytes) {
    out += "[1700000000,\"";
    out += std::to_string(random.below(1000));
    out += "\"],";
  }
  return out;
}

TEST(ChooseEncoding, TakesTheFirstExactToken) {
  EXPECT_EQ(choose_encoding(""), Encoding::kIdentity);
  EXPECT_EQ(choose_encoding("gzip"), Encoding::kGzip);
  EXPECT_EQ(choose_encoding("br, deflate ,gzip"), Encoding::kDeflate);
  EXPECT_EQ(choose_encoding("zstd,\tgzip"), Encoding::kGzip);
  // No weights, no wildcards, as Prometheus.
  EXPECT_EQ(choose_encoding("gzip;q=1.0, *"), Encoding::kIdentity);
  EXPECT_EQ(choose_encoding("GZIP"), Encoding::kIdentity);
}

TEST(CompressWhole, ReadsBack) {
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{100}, std::size_t{300'000}}) {
    const std::string body = json_like(bytes);
    EXPECT_EQ(test::inflate_all(compress_whole(Encoding::kGzip, body)), body);
    EXPECT_EQ(test::inflate_all(compress_whole(Encoding::kDeflate, body)), body);
  }
}

TEST(StreamCompressor, PiecesReadBackAsOne) {
  for (const Encoding encoding : {Encoding::kGzip, Encoding::kDeflate}) {
    const std::string body = json_like(500'000);
    StreamCompressor compressor(encoding);
    std::string out;
    for (std::size_t at = 0; at < body.size(); at += 65'536) {
      compressor.append(std::string_view(body).substr(at, 65'536), StreamCompressor::Flush::kNone,
                        out);
    }
    compressor.append({}, StreamCompressor::Flush::kEnd, out);
    EXPECT_EQ(test::inflate_all(out), body);
    EXPECT_LT(out.size(), body.size() / 3);
  }
}

TEST(StreamCompressor, SyncMakesEverythingSoFarReadable) {
  StreamCompressor compressor(Encoding::kGzip);
  std::string out;
  compressor.append("event one\n", StreamCompressor::Flush::kSync, out);
  EXPECT_EQ(test::inflate_all(out), "event one\n");
}

}  // namespace
}  // namespace narthex::http
