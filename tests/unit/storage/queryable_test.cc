#include "narthex/storage/queryable.h"

#include <gtest/gtest.h>

namespace narthex::storage {
namespace {

TEST(Deadline, WithoutClockAndStopNeverEnds) {
  EXPECT_TRUE(Deadline{}.check().has_value());
}

TEST(Deadline, EndsAtItsTimeAndNotBefore) {
  util::FakeClock clock;
  const Deadline deadline{.stop = {}, .clock = &clock, .at_ns = 1000};
  clock.advance(std::chrono::nanoseconds(999));
  EXPECT_TRUE(deadline.check().has_value());
  clock.advance(std::chrono::nanoseconds(1));
  EXPECT_EQ(deadline.check().error().code(), util::Code::kTimeout);
}

TEST(Deadline, AStopComesBeforeTheTime) {
  util::FakeClock clock;
  std::stop_source source;
  const Deadline deadline{.stop = source.get_token(), .clock = &clock, .at_ns = 0};
  EXPECT_EQ(deadline.check().error().code(), util::Code::kTimeout);
  source.request_stop();
  EXPECT_EQ(deadline.check().error().code(), util::Code::kCanceled);
}

}  // namespace
}  // namespace narthex::storage
