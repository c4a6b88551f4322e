#include "narthex/model/metadata.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(MetricType, HasTheWordsOfTheMetadataApi) {
  EXPECT_EQ(metric_type_text(MetricType::kUnknown), "unknown");
  EXPECT_EQ(metric_type_text(MetricType::kCounter), "counter");
  EXPECT_EQ(metric_type_text(MetricType::kGauge), "gauge");
  EXPECT_EQ(metric_type_text(MetricType::kHistogram), "histogram");
  EXPECT_EQ(metric_type_text(MetricType::kGaugeHistogram), "gaugehistogram");
  EXPECT_EQ(metric_type_text(MetricType::kSummary), "summary");
  EXPECT_EQ(metric_type_text(MetricType::kInfo), "info");
  EXPECT_EQ(metric_type_text(MetricType::kStateset), "stateset");
}

}  // namespace
}  // namespace narthex::model
