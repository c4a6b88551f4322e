#include "narthex/storage/appender.h"

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
