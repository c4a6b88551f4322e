// The receiver of Prometheus remote write 1.0 and 2.0 (PR-W10 … PR-W14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "narthex/api/api.h"
#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"
#include "narthex/storage/appender.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"

namespace narthex::api {

// Threads: synchronized.
class RemoteWriteReceiver {
 public:
  static constexpr std::size_t kBodyBytesMax = 32U << 20U;  // Compressed.
  static constexpr std::size_t kDecodedBytesMax = 32U << 20U;

  // What only 2.0 says, and is wanted behind feature flags (PR-W15).
  struct Options {
    bool start_timestamps = false;      // A zero sample where something began to count.
    bool type_and_unit_labels = false;  // __type__ and __unit__ from metadata.
    RemoteWriteMessages messages{};
  };

  // All outlive the receiver.
  RemoteWriteReceiver(storage::Appender& appender, util::Clock& clock,
                      telemetry::Registry& registry, Options options);
  ~RemoteWriteReceiver();
  RemoteWriteReceiver(const RemoteWriteReceiver&) = delete;
  RemoteWriteReceiver& operator=(const RemoteWriteReceiver&) = delete;

  void handle(const http::Request& request, http::ResponseWriter& out);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::api
