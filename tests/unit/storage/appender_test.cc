#include "narthex/storage/appender.h"

#include <limits>

#include <gtest/gtest.h>

namespace narthex::storage {
namespace {

// Clients and alerts read these words: they are Prometheus's.
TEST(AppendOutcome, HasPrometheusWords) {
  EXPECT_EQ(append_outcome_text(AppendOutcome::kOk), "");
  EXPECT_EQ(append_outcome_text(AppendOutcome::kDuplicate), "duplicate sample for timestamp");
  EXPECT_EQ(append_outcome_text(AppendOutcome::kOutOfOrder), "out of order sample");
  EXPECT_EQ(append_outcome_text(AppendOutcome::kOutOfBounds), "out of bounds");
  EXPECT_EQ(append_outcome_text(AppendOutcome::kTooOld), "too old sample");
}

TEST(Refusal, OfADuplicateTellsBothValues) {
  EXPECT_EQ(refusal_text({.index = 0, .outcome = AppendOutcome::kDuplicate, .existing = 5},
                         1795370405000, 1234567),
            "duplicate sample for timestamp 1795370405000; overrides not allowed: existing 5, new "
            "value 1.234567e+06");
  EXPECT_EQ(refusal_text({.index = 0,
                          .outcome = AppendOutcome::kDuplicate,
                          .existing_is_histogram = true,
                          .existing = 5},
                         -1, std::numeric_limits<double>::infinity()),
            "duplicate sample for timestamp -1; overrides not allowed: existing is a histogram, "
            "new value +Inf");
  EXPECT_EQ(refusal_text({.index = 0, .outcome = AppendOutcome::kOutOfOrder}, 1, 2),
            "out of order sample");
}

TEST(WriteBatch, ClearKeepsItsCapacity) {
  WriteBatch batch;
  for (int i = 0; i < 100; ++i) batch.add(1, i, 0.5);
  const std::size_t capacity = batch.values.capacity();
  EXPECT_EQ(batch.float_count(), 100U);
  batch.clear();
  EXPECT_EQ(batch.float_count(), 0U);
  EXPECT_EQ(batch.values.capacity(), capacity);
}

}  // namespace
}  // namespace narthex::storage
