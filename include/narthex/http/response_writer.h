// How a handler answers. Either send() once, or start(), any number of write(), and return.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/util/result.h"

namespace narthex::http {

// Threads: confined to the handler's thread.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // Before send() or start(). Content-Length, Transfer-Encoding, Content-Encoding (unless the
  // handler compresses itself) and Connection are the server's business. CR and LF in a value are
  // replaced by blanks.
  virtual void set_header(std::string_view name, std::string_view value) = 0;
  // Adds a field beside others of the same name.
  virtual void add_header(std::string_view name, std::string_view value) = 0;

  // The whole answer at once.
  virtual void send(int status, std::string_view content_type, std::string body) = 0;

  // A streamed answer. write() copies the bytes and blocks while the client is slow; it fails with
  // kCanceled when the client has gone or made no progress for the time limit: the handler should
  // then return. A handler that cannot complete what it has started calls abort(), so that the
  // client sees a broken answer and not a short one that looks whole.
  virtual void start(int status, std::string_view content_type) = 0;
  virtual util::Result<void> write(std::string_view bytes) = 0;
  virtual void abort() = 0;
  // Pushes what is buffered to the client now (event streams).
  virtual util::Result<void> flush() = 0;

  [[nodiscard]] virtual bool started() const noexcept = 0;
};

}  // namespace narthex::http
