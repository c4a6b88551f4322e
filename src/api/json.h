// JSON, written forwards into a buffer: no tree, no copies. The forms are those of Prometheus's API
// (HA-J1 … HA-J7). Threads: free functions; JsonStream is confined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/http/response_writer.h"
#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/clock.h"

namespace narthex::api {

// "text", with <, >, & and U+2028/9 escaped, too; bytes that are not UTF-8 become U+FFFD.
void append_json_string(std::string& out, std::string_view text);
// {"a":"1","b":"2"}: only what JSON itself demands is escaped.
void append_json_labels(std::string& out, const model::Labels& labels);
void append_json_int(std::string& out, std::int64_t value);
void append_json_uint(std::string& out, std::uint64_t value);
// A number, not a string, in Go's form: shortest digits that read back, without an exponent from
// 1e-6 up to 1e21. Precondition: finite.
void append_json_double(std::string& out, double value);
// 1700000000 or 1700000000.500
void append_json_timestamp(std::string& out, model::TimestampMs timestamp);
// "1.5": a sample's value, in quotes.
void append_json_value(std::string& out, double value);
// [1700000000,"1.5"]: a sample.
void append_json_point(std::string& out, model::TimestampMs timestamp, double value);
// "2024-01-02T03:04:05.678Z" in quotes; 0 is the zero time of year 1.
void append_json_time(std::string& out, util::WallNs wall_ns);

// Commas of an array or object: the first call appends nothing, later ones a comma.
class JsonCommas {
 public:
  void next(std::string& out) {
    if (!first_) out.push_back(',');
    first_ = false;
  }

 private:
  bool first_ = true;
};

// A body that goes out while it is being written. Start: out.start() on first use, status 200,
// application/json.
class JsonStream {
 public:
  explicit JsonStream(http::ResponseWriter& out) : out_(out) {}
  [[nodiscard]] std::string& buffer() noexcept { return buffer_; }
  // To be called now and then, at least every few kilobytes. False once the client has gone: stop
  // writing.
  [[nodiscard]] bool relieve() { return buffer_.size() < kRelieveBytes || push(); }
  // The rest; the last call.
  void finish();

 private:
  static constexpr std::size_t kRelieveBytes = 32U << 10U;
  [[nodiscard]] bool push();

  http::ResponseWriter& out_;
  std::string buffer_;
};

}  // namespace narthex::api
