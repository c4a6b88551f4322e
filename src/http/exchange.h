// One request and its answer on one connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "narthex/async/alarm.h"
#include "narthex/http/client.h"

#include "http/connection_pool.h"
#include "http/transport.h"

namespace narthex::http {

// Threads: confined.
struct Exchange::State {
  using Parser = boost::beast::http::response_parser<boost::beast::http::buffer_body>;

  std::shared_ptr<ConnectionPool> pool;
  std::string pool_key;
  std::string method;
  Url url;
  std::unique_ptr<Transport> transport;
  std::shared_ptr<Abort> abort;
  async::Alarm alarm;
  std::optional<Parser> parser;
  std::vector<char> buffer;  // Bytes [begin, end) are received and not yet parsed.
  std::size_t begin = 0;
  std::size_t end = 0;
  bool received_any = false;
  int status = 0;
  std::string reason;
  Headers headers;

  // Writes the request and reads up to the end of the answer's head.
  async::Task<void> open(std::string_view request);
  async::Task<std::size_t> read_body(std::span<char> out);
  // Gives the connection back if it can be used again.
  void finish();
  // `error` as the caller sees it: a deadline that has passed is what went wrong, whatever it
  // broke.
  [[nodiscard]] util::Error explain(util::Error error) const;

 private:
  void compact() noexcept;
  async::Task<std::size_t> fill();
  util::Result<void> parse_head();
};

}  // namespace narthex::http
