// zlib's word on whether what we compressed can be read.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <zlib.h>

namespace narthex::test {

// What can be read of a gzip or zlib stream; a broken one gives what came before the damage.
inline std::string inflate_all(std::string_view compressed) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 32) != Z_OK) return {};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  std::string out;
  std::array<Bytef, 16384> buffer;
  int rc = Z_OK;
  do {
    stream.next_out = buffer.data();
    stream.avail_out = static_cast<uInt>(buffer.size());
    rc = inflate(&stream, Z_SYNC_FLUSH);
    out.append(reinterpret_cast<const char*>(buffer.data()), buffer.size() - stream.avail_out);
  } while (rc == Z_OK && (stream.avail_in > 0 || stream.avail_out == 0));
  inflateEnd(&stream);
  return out;
}

}  // namespace narthex::test
