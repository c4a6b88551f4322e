#include "api/result_json.h"

#include <gtest/gtest.h>

#include "support/recording_writer.h"

namespace narthex::api {
namespace {

using promql::ColumnBlock;
using promql::QueryResult;
using promql::ResultSeries;
using promql::StepGrid;
using promql::ValueType;

std::string written(const QueryResult& result) {
  test::RecordingWriter writer;
  JsonStream json(writer);
  EXPECT_TRUE(write_result(json, result));
  json.finish();
  return writer.body;
}

// Two series on a grid of four steps: floats at 0, 1 and 3; a histogram at 2.
QueryResult matrix() {
  QueryResult result;
  result.type = ValueType::kMatrix;
  result.grid = StepGrid{1'000, 500, 4};
  ColumnBlock block(2, 4);
  for (const std::size_t row : {std::size_t{0}, std::size_t{1}}) block.row(row).clear();
  block.row(0).set(0, 1);
  block.row(0).set(1, 0.5);
  block.row(0).set(3, 1e22);
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->count = 3;
  histogram->sum = 1.5;
  block.row(1).add(2, std::move(histogram));
  result.series = ResultSeries(result.grid, {model::Labels{{"a", "1"}}, model::Labels{}}, {0, 1},
                               std::move(block));
  return result;
}

TEST(WriteResult, Matrix) {
  EXPECT_EQ(written(matrix()),
            R"([{"metric":{"a":"1"},"values":[[1,"1"],[1.500,"0.5"],[2.500,"1e+22"]]},)"
            R"({"metric":{},"histograms":[[2,{"count":"3","sum":"1.5"}]]}])");
}

TEST(WriteResult, VectorAndEmptyResults) {
  QueryResult result;
  result.type = ValueType::kVector;
  EXPECT_EQ(written(result), "[]");
  result.grid = StepGrid{2'000, 1, 1};
  ColumnBlock block(1, 1);
  block.row(0).clear();
  block.row(0).set(0, -1);
  result.series =
      ResultSeries(result.grid, {model::Labels{{"__name__", "up"}}}, {0}, std::move(block));
  EXPECT_EQ(written(result), R"([{"metric":{"__name__":"up"},"value":[2,"-1"]}])");
}

TEST(WriteResult, ScalarsAndStrings) {
  QueryResult result;
  result.grid = StepGrid{1'500, 1, 1};
  result.type = ValueType::kScalar;
  result.scalar = 1e21;
  EXPECT_EQ(written(result), R"([1.5,"1000000000000000000000"])");
  result.type = ValueType::kString;
  result.text = "<x>";
  EXPECT_EQ(written(result), R"([1.5,"\u003cx\u003e"])");
}

TEST(WriteResult, RawSamplesOfARangeVector) {
  QueryResult result;
  result.type = ValueType::kMatrix;
  storage::SampleColumns samples;
  samples.float_timestamps = {1, 1'001};
  samples.float_values = {7, 8};
  result.series = ResultSeries({model::Labels{{"a", "1"}}}, {samples});
  EXPECT_EQ(written(result), R"([{"metric":{"a":"1"},"values":[[0.001,"7"],[1.001,"8"]]}])");
}

TEST(Histogram, BucketsAscendWithTheirRules) {
  model::FloatHistogram h;
  h.schema = 0;
  h.count = 10;
  h.sum = -2;
  h.zero_threshold = 0.001;
  h.zero_count = 2;
  h.negative_spans = {{0, 2}};
  h.negative_buckets = {1, 3};
  h.positive_spans = {{0, 1}, {1, 1}};
  h.positive_buckets = {4, 0};
  std::string out;
  append_json_histogram(out, h);
  EXPECT_EQ(
      out,
      R"({"count":"10","sum":"-2","buckets":[[1,"-2","-1","3"],[1,"-1","-0.5","1"],[3,"-0.001","0.001","2"],)"
      R"([0,"0.5","1","4"]]})");
}

TEST(Histogram, CustomBucketsShowTheirBounds) {
  model::FloatHistogram h;
  h.schema = model::kCustomBucketsSchema;
  h.count = 6;
  h.sum = 9;
  h.positive_spans = {{0, 3}};
  h.positive_buckets = {1, 2, 3};
  h.custom_values = {1, 2.5};
  std::string out;
  append_json_histogram(out, h);
  EXPECT_EQ(
      out,
      R"({"count":"6","sum":"9","buckets":[[3,"-Inf","1","1"],[0,"1","2.5","2"],[0,"2.5","+Inf","3"]]})");
}

TEST(Annotations, AreAbsentWhenEmptyAndCutAfterTen) {
  promql::Annotations annotations;
  std::string out;
  append_annotations(out, annotations);
  EXPECT_EQ(out, "");
  for (int i = 0; i < 12; ++i) annotations.warnings.push_back("w" + std::to_string(i));
  annotations.infos = {"i<"};
  append_annotations(out, annotations);
  EXPECT_EQ(out, R"(,"warnings":["w0","w1","w2","w3","w4","w5","w6","w7","w8","w9",)"
                 R"("2 more warning annotations omitted"],"infos":["i\u003c"])");
}

TEST(WriteResult, StopsWhenTheClientHasGone) {
  QueryResult result;
  result.type = ValueType::kMatrix;
  result.grid = StepGrid{0, 1'000, 100'000};
  ColumnBlock block(1, result.grid.count);
  block.row(0).clear();
  for (std::size_t i = 0; i < result.grid.count; ++i) block.row(0).set(i, 0.1);
  result.series = ResultSeries(result.grid, {model::Labels{}}, {0}, std::move(block));
  test::RecordingWriter writer;
  writer.bytes_until_gone = 100'000;
  JsonStream json(writer);
  EXPECT_FALSE(write_result(json, result));
  EXPECT_LE(writer.body.size(), 100'000U);
}

}  // namespace
}  // namespace narthex::api
