#include "api/notifications.h"

#include <functional>

#include <gtest/gtest.h>

#include "support/recording_writer.h"

namespace narthex::api {
namespace {

constexpr std::string_view kReload =
    R"({"text":"Configuration reload has failed.","date":"2023-11-14T22:13:20Z","active":true})";

TEST(Notifications, ListWhatHolds) {
  util::FakeClock clock;
  Notifications notifications(clock, 1);
  const auto list = [&] {
    std::string out;
    notifications.append_list(out);
    return out;
  };
  EXPECT_EQ(list(), "[]");
  notifications.add(kNotifyReloadFailed);
  notifications.add(kNotifyReloadFailed);
  EXPECT_EQ(list(), "[" + std::string(kReload) + "]");
  notifications.remove(kNotifyStarting);
  notifications.remove(kNotifyReloadFailed);
  EXPECT_EQ(list(), "[]");
}

// Ends its stream after so many events.
class CountingWriter final : public http::ResponseWriter {
 public:
  CountingWriter(std::stop_source& stop, std::size_t events, std::function<void()> on_first)
      : stop_(stop), events_left_(events), on_first_(std::move(on_first)) {}
  std::string body;
  void set_header(std::string_view, std::string_view) override {}
  void add_header(std::string_view, std::string_view) override {}
  void send(int, std::string_view, std::string) override {}
  void start(int, std::string_view) override { started_ = true; }
  util::Result<void> write(std::string_view bytes) override {
    const bool first = body.empty();
    body += bytes;
    for (std::size_t at = bytes.find("\n\n"); at != std::string_view::npos;
         at = bytes.find("\n\n", at + 2)) {
      if (--events_left_ == 0) stop_.request_stop();
    }
    if (first) on_first_();
    return {};
  }
  void abort() override {}
  util::Result<void> flush() override { return {}; }
  [[nodiscard]] bool started() const noexcept override { return started_; }

 private:
  std::stop_source& stop_;
  std::size_t events_left_;
  std::function<void()> on_first_;
  bool started_ = false;
};

TEST(Notifications, StreamWhatHoldsAndThenEachChange) {
  util::FakeClock clock;
  Notifications notifications(clock, 1);
  notifications.add(kNotifyReloadFailed);
  std::stop_source stop;
  CountingWriter writer(stop, 3, [&] {
    // While one streams, no other may.
    test::RecordingWriter other;
    notifications.stream({}, other);
    EXPECT_EQ(other.status, 204);
    notifications.remove(kNotifyReloadFailed);
    notifications.add(kNotifyStopping);
  });
  notifications.stream(stop.get_token(), writer);
  std::string gone(kReload);
  gone.replace(gone.find("true"), 4, "false");
  EXPECT_EQ(writer.body, "data: " + std::string(kReload) + "\n\ndata: " + gone +
                             "\n\ndata: {\"text\":\"" + std::string(kNotifyStopping) +
                             "\",\"date\":\"2023-11-14T22:13:20Z\",\"active\":true}\n\n");
}

TEST(Notifications, CloseEndsStreamsBehindTheLastEvent) {
  util::FakeClock clock;
  Notifications notifications(clock, 2);
  std::stop_source stop;
  notifications.add(kNotifyStarting);
  CountingWriter writer(stop, 99, [&] {
    notifications.add(kNotifyStopping);
    notifications.close();
  });
  notifications.stream(stop.get_token(), writer);
  EXPECT_NE(writer.body.find(kNotifyStopping), std::string::npos);
  test::RecordingWriter late;
  notifications.stream({}, late);
  EXPECT_EQ(late.status, 204);
}

}  // namespace
}  // namespace narthex::api
