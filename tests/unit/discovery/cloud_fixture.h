// What the tests of discoveries over providers' APIs share.
#pragma once

#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/discovery/api_server.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {

class CloudDiscovererTest : public DiscovererTest {
 protected:
  using Texts = std::map<std::string, std::string>;

  ~CloudDiscovererTest() override { tasks_.stop(); }

  // Starts, asking every other second, and waits until so many targets are there.
  template <class Options>
  ::testing::AssertionResult finds(Options options, std::size_t targets) {
    options.refresh_interval = std::chrono::seconds(2);
    start(options);
    if (test::eventually([&] { return sink_.addresses().size() == targets; }))
      return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << sink_.addresses().size() << " targets; last asked for "
                                         << (server_.heads().empty() ? "" : server_.heads().back());
  }
  // The meta labels of the target of that address, without this prefix.
  [[nodiscard]] Texts meta(std::string_view address, std::string_view prefix) const {
    Texts out;
    for (const auto [name, value] : sink_.at(address)) {
      if (name == "__address__" || name == "instance") continue;
      EXPECT_TRUE(name.starts_with(prefix)) << name;
      out.emplace(name.substr(std::min(prefix.size(), name.size())), value);
    }
    return out;
  }
  // A round that fails is counted and changes nothing.
  void expect_failure_keeps_targets(const std::string& mechanism, const std::string& path) {
    const auto before = sink_.targets();
    double failures = 0;
    for (const ApiServer::Reply& fault : std::vector<ApiServer::Reply>{
             {.bytes = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\n{}"},
             {.bytes = "HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"},
             test::FakeTarget::ok(R"({"error":"no"})", "application/json"),
             test::FakeTarget::ok("<html>", "text/html"),
             {.bytes = "", .close = true}}) {
      SCOPED_TRACE(fault.bytes);
      server_.set_reply(path, fault);
      const std::string series =
          "prometheus_sd_refresh_failures_total{mechanism=\"" + mechanism + "\"}";
      ASSERT_TRUE(
          advance_until([&] { return metric(series) > failures; }, std::chrono::minutes(10)));
      failures = metric(series);
      EXPECT_EQ(sink_.targets(), before);
    }
  }

  ApiServer server_;
};

}  // namespace narthex::discovery
