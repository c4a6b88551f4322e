#include "api/federation.h"

#include <gtest/gtest.h>

#include "narthex/util/bytes.h"

namespace narthex::api {
namespace {

TEST(NegotiateExposition, TakesTheBestThatIsServed) {
  const auto check = [](std::string_view accept, ExpositionFormat format, NameEscaping escaping) {
    const Exposition got = negotiate_exposition(accept);
    EXPECT_EQ(got.format, format) << accept;
    EXPECT_EQ(got.escaping, escaping) << accept;
  };
  const auto text = ExpositionFormat::kText;
  const auto protobuf = ExpositionFormat::kProtobuf;
  const auto underscores = NameEscaping::kUnderscores;
  check("", text, underscores);
  check("*/*", text, underscores);
  check("application/openmetrics-text;version=1.0.0", text, underscores);
  const std::string delimited =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  check(delimited, protobuf, underscores);
  check(delimited + ";q=0.3, text/plain;version=0.0.4;q=0.5", text, underscores);
  check("text/plain;version=0.0.4;q=0.3 , " + delimited + "; escaping=allow-utf-8;q=0.5", protobuf,
        NameEscaping::kNone);
  check("text/plain;version=1.0.0;escaping=values", text, NameEscaping::kValues);
  check("application/vnd.google.protobuf;proto=x;encoding=delimited", text, underscores);
  check(delimited + ";q=0", text, underscores);
  const std::string family =
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily";
  check(family + ";encoding=text", ExpositionFormat::kProtobufText, underscores);
  check(family + ";encoding=compact-text", ExpositionFormat::kProtobufCompactText, underscores);
  check(family, text, underscores);
  check(";;;,=;q=,", text, underscores);
}

TEST(EscapedName, FollowsTheScheme) {
  const auto check = [](std::string_view name, NameEscaping escaping, std::string_view want) {
    EXPECT_EQ(escaped_name(name, escaping), want) << name;
  };
  check("a_b:c", NameEscaping::kUnderscores, "a_b:c");
  check("a.b é", NameEscaping::kUnderscores, "a_b__");
  check("1a", NameEscaping::kUnderscores, "_a");
  check("a_b.c", NameEscaping::kDots, "a__b_dot_c");
  check("a b", NameEscaping::kDots, "a__b");
  check("a_b", NameEscaping::kValues, "a_b");
  check("a.b_c", NameEscaping::kValues, "U__a_2e_b__c");
  check("a.b", NameEscaping::kNone, "a.b");
}

FederatedSample sample(model::Labels labels, double value) {
  FederatedSample out;
  out.labels = std::move(labels);
  out.timestamp = 1'700'000'000'123;
  out.value = value;
  return out;
}

FederatedSample custom_buckets() {
  FederatedSample out = sample({{"__name__", "h"}}, 0);
  out.is_histogram = true;
  out.histogram.schema = model::kCustomBucketsSchema;
  out.histogram.custom_values = {0.5, 1, 10};
  out.histogram.positive_spans = {{0, 1}, {1, 2}};
  out.histogram.positive_buckets = {2, 3, 1};
  out.histogram.count = 6;
  out.histogram.sum = 12.5;
  return out;
}

TEST(TextFamily, WritesLabelsThenThoseThatAreMissing) {
  std::string out;
  const std::vector<FederatedSample> family = {
      sample({{"__name__", "up"}, {"job", "a\"\\\n"}}, 1),
      sample({{"__name__", "up"}, {"cluster", "own"}, {"instance", "i"}}, 1234567)};
  append_text_family(out, family, NameEscaping::kUnderscores,
                     {{"cluster", "eu"}, {"instance", ""}});
  EXPECT_EQ(out,
            "# TYPE up untyped\n"
            "up{job=\"a\\\"\\\\\\n\",cluster=\"eu\",instance=\"\"} 1 1700000000123\n"
            "up{cluster=\"own\",instance=\"i\"} 1.234567e+06 1700000000123\n");
}

TEST(TextFamily, QuotesNamesThatAreNotLegacy) {
  const std::vector<FederatedSample> family = {sample({{"__name__", "a.b"}, {"c.d", "v"}}, 0)};
  std::string quoted;
  append_text_family(quoted, family, NameEscaping::kNone, {});
  EXPECT_EQ(quoted, "# TYPE \"a.b\" untyped\n{\"a.b\",\"c.d\"=\"v\"} 0 1700000000123\n");
  std::string escaped;
  append_text_family(escaped, family, NameEscaping::kUnderscores, {});
  EXPECT_EQ(escaped, "# TYPE a_b untyped\na_b{c_d=\"v\"} 0 1700000000123\n");
}

TEST(TextFamily, HistogramsAreClassicOrLeftOut) {
  std::string out;
  append_text_family(out, std::vector{custom_buckets()}, NameEscaping::kUnderscores, {});
  EXPECT_EQ(out,
            "# TYPE h histogram\n"
            "h_bucket{le=\"0.5\"} 2 1700000000123\n"
            "h_bucket{le=\"1\"} 2 1700000000123\n"
            "h_bucket{le=\"10\"} 5 1700000000123\n"
            "h_bucket{le=\"+Inf\"} 6 1700000000123\n"
            "h_sum 12.5 1700000000123\n"
            "h_count 6 1700000000123\n");
  FederatedSample exponential = custom_buckets();
  exponential.histogram.schema = 3;
  out.clear();
  append_text_family(out, std::vector{exponential}, NameEscaping::kUnderscores, {});
  EXPECT_EQ(out, "");
}

TEST(ProtobufFamily, IsLengthDelimitedAndTyped) {
  FederatedSample gauge = custom_buckets();
  gauge.histogram.schema = 0;
  gauge.histogram.counter_reset_hint = model::CounterResetHint::kGauge;
  std::string out;
  append_protobuf_family(out, std::vector{sample({{"__name__", "up"}, {"job", "a"}}, 2.5)},
                         NameEscaping::kUnderscores, {{"x", "y"}});
  util::ByteReader in(out);
  const std::string_view message = in.uvarint_bytes();
  EXPECT_TRUE(in.ok());
  EXPECT_EQ(in.remaining(), 0U);
  // name "up", type untyped, metric{label{job a} label{x y} untyped{2.5} timestamp}
  EXPECT_TRUE(message.starts_with("\x0a\x02up\x18\x03\x22"));
  EXPECT_NE(message.find("\x0a\x08\x0a\x03job\x12\x01"
                         "a\x0a\x06\x0a\x01x\x12\x01y\x2a\x09\x09"),
            std::string_view::npos);
  // Histograms and gauge histograms of one name are two families.
  out.clear();
  append_protobuf_family(out, std::vector{custom_buckets(), gauge}, NameEscaping::kUnderscores, {});
  util::ByteReader two(out);
  EXPECT_TRUE(two.uvarint_bytes().starts_with("\x0a\x01h\x18\x04"));
  EXPECT_TRUE(two.uvarint_bytes().starts_with("\x0a\x01h\x18\x05"));
  EXPECT_EQ(two.remaining(), 0U);
}

TEST(ProtobufText, ShowsTheSameMessages) {
  FederatedSample quoted = sample({{"__name__", "up"}, {"job", "a\"\\\n\x01é"}}, 1234567);
  std::string delimited;
  append_protobuf_family(delimited, std::vector{quoted}, NameEscaping::kNone, {});
  EXPECT_EQ(in_protobuf_format(delimited, ExpositionFormat::kProtobuf), delimited);
  EXPECT_EQ(in_protobuf_format(delimited, ExpositionFormat::kProtobufText),
            "name: \"up\"\n"
            "type: UNTYPED\n"
            "metric: {\n"
            "  label: {\n"
            "    name: \"job\"\n"
            "    value: \"a\\\"\\\\\\n\\x01é\"\n"
            "  }\n"
            "  untyped: {\n"
            "    value: 1.234567e+06\n"
            "  }\n"
            "  timestamp_ms: 1700000000123\n"
            "}\n"
            "\n");
  FederatedSample exponential = custom_buckets();
  exponential.histogram.schema = 3;
  exponential.histogram.custom_values.clear();
  exponential.histogram.positive_spans = {{-2, 1}, {1, 2}};
  delimited.clear();
  append_protobuf_family(delimited, std::vector{exponential}, NameEscaping::kNone, {{"x", "y"}});
  const std::string line =
      "name:\"h\" type:HISTOGRAM metric:{label:{name:\"x\" value:\"y\"} histogram:{sample_sum:12.5 "
      "sample_count_float:6 schema:3 zero_threshold:0 zero_count_float:0 "
      "positive_span:{offset:-2 length:1} positive_span:{offset:1 length:2} positive_count:2 "
      "positive_count:3 positive_count:1} timestamp_ms:1700000000123}\n";
  EXPECT_EQ(in_protobuf_format(delimited + delimited, ExpositionFormat::kProtobufCompactText),
            line + line);
}

}  // namespace
}  // namespace narthex::api
