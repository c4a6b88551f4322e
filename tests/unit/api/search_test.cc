#include "api/search.h"

#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

TEST(SubsequenceScore, OrdersByHowWellTheTermStandsThere) {
  EXPECT_EQ(subsequence_score(U"http_requests", U"http"), 1);
  EXPECT_EQ(subsequence_score(U"abc", U""), 1);
  EXPECT_EQ(subsequence_score(U"abc", U"abcd"), 0);
  EXPECT_EQ(subsequence_score(U"abc", U"ca"), 0);
  // Two runs of one, a gap of one in four characters, one behind them.
  EXPECT_DOUBLE_EQ(subsequence_score(U"xabc", U"ac"), (1 + 1 - 1.0 / 4 - 0) / 4);
  // The later start has the longer run.
  EXPECT_DOUBLE_EQ(subsequence_score(U"a_ab", U"ab"), 0.999);
  EXPECT_GT(subsequence_score(U"node_cpu", U"cpu"), subsequence_score(U"node_c_p_u", U"cpu"));
  EXPECT_GT(subsequence_score(U"x_cpu", U"cpu"), subsequence_score(U"x_cpu_and_more", U"cpu"));
}

TEST(JaroWinkler, IsThatOfTheBooks) {
  EXPECT_EQ(jaro_winkler(U"", U""), 1);
  EXPECT_EQ(jaro_winkler(U"a", U""), 0);
  EXPECT_EQ(jaro_winkler(U"abc", U"xyz"), 0);
  EXPECT_EQ(jaro_winkler(U"same", U"same"), 1);
  EXPECT_NEAR(jaro_winkler(U"MARTHA", U"MARHTA"), 0.9611, 1e-4);
  EXPECT_NEAR(jaro_winkler(U"DIXON", U"DICKSONX"), 0.8133, 1e-4);
  EXPECT_NEAR(jaro_winkler(U"DWAYNE", U"DUANE"), 0.84, 1e-4);
}

TEST(SearchScorer, TermsCaseAndThreshold) {
  const SearchScorer any({.terms = {"node", "cpu"}});
  EXPECT_EQ(any.score("cpu_seconds"), 1);
  EXPECT_FALSE(any.score("Cpu"));
  EXPECT_FALSE(any.score("up"));
  const SearchScorer folded({.terms = {"CPU"}, .case_sensitive = false});
  EXPECT_EQ(folded.score("Cpu"), 1);
  const SearchScorer strict({.terms = {"nc"}, .threshold = 0.9});
  EXPECT_FALSE(strict.score("node_cpu"));
  const SearchScorer jaro({.terms = {"cpu"}, .algorithm = FuzzyAlgorithm::kJaroWinkler});
  EXPECT_EQ(jaro.score("cpu"), 1);
  EXPECT_DOUBLE_EQ(*jaro.score("x_cpu"), 1 - 0.9);
  EXPECT_FALSE(jaro.score("cppu"));  // Without a threshold only what holds the term.
  const SearchScorer near(
      {.terms = {"cpu"}, .algorithm = FuzzyAlgorithm::kJaroWinkler, .threshold = 0.8});
  EXPECT_TRUE(near.score("cppu"));
}

class SearchApiTest : public ApiHttpTest {
 protected:
  void SetUp() override {
    options_.enable_search = true;
    options_.search_limit_max = 200;
    load();
    build();
  }
  std::string search(const std::string& rest) {
    const auto answer = ask("GET", "/api/v1/search/" + rest);
    return answer.status == 200 ? answer.body : std::to_string(answer.status) + answer.body;
  }
  // The range that load() fills.
  static constexpr std::string_view kRange = "start=1000&end=1100";
};

TEST_F(SearchApiTest, NamesComeInBatches) {
  const std::string range(kRange);
  EXPECT_EQ(search("metric_names?" + range),
            "{\"results\":[{\"name\":\"up\"},{\"name\":\"x\"}]}\n"
            "{\"status\":\"success\",\"has_more\":false}\n");
  EXPECT_EQ(search("metric_names?batch_size=1&sort_dir=dsc&" + range),
            "{\"results\":[{\"name\":\"x\"}]}\n{\"results\":[{\"name\":\"up\"}]}\n"
            "{\"status\":\"success\",\"has_more\":false}\n");
  EXPECT_EQ(search("label_names?limit=2&" + range),
            "{\"results\":[{\"name\":\"__name__\"},{\"name\":\"dot.ted\"}]}\n"
            "{\"status\":\"success\",\"has_more\":true}\n");
  EXPECT_EQ(search("label_values?label=job&match[]=up&" + range),
            "{\"results\":[{\"value\":\"a\"},{\"value\":\"b\"}]}\n"
            "{\"status\":\"success\",\"has_more\":false}\n");
  EXPECT_EQ(search("metric_names?search[]=nothing&" + range),
            "{\"results\":[]}\n{\"status\":\"success\",\"has_more\":false}\n");
  const auto answer = ask("POST", "/api/v1/search/metric_names", range);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/x-ndjson; charset=utf-8");
}

TEST_F(SearchApiTest, ScoresAndMetadataComeWhenAskedFor) {
  const std::string range(kRange);
  targets_.families = {{{}, "up", {model::MetricType::kGauge, "Is it?", ""}}};
  EXPECT_EQ(search("metric_names?search[]=u&include_score=true&include_metadata=1&" + range),
            "{\"results\":[{\"name\":\"up\",\"score\":1,\"type\":\"gauge\",\"help\":\"Is it?\","
            "\"unit\":\"\"}]}\n{\"status\":\"success\",\"has_more\":false}\n");
  EXPECT_EQ(search("label_names?search[]=o&sort_by=score&include_score=true&" + range)
                .starts_with("{\"results\":[{\"name\":\"job\",\"score\":0.83"),
            true);
}

TEST_F(SearchApiTest, MistakesAreExplained) {
  const auto check = [this](const std::string& rest, std::string_view message) {
    const auto answer = ask("GET", "/api/v1/search/" + rest);
    EXPECT_EQ(answer.status, 400) << rest;
    EXPECT_EQ(boost::json::parse(answer.body), boost::json::parse(error("bad_data", message)))
        << rest;
  };
  std::string many = "metric_names?";
  for (int i = 0; i < 33; ++i) many += "search[]=a&";
  check(many, "too many search[] terms: got 33, maximum is 32");
  check("metric_names?fuzz_threshold=101", "invalid fuzz_threshold \"101\": must be 0-100");
  check("metric_names?fuzz_alg=x", "unsupported fuzz_alg \"x\"");
  check("metric_names?limit=201",
        "limit 201 exceeds the configured maximum (200, see --web.search.max-limit)");
  check("metric_names?sort_by=score", "sort_by \"score\" needs search[]");
  check("metric_names?sort_by=score&search[]=a&sort_dir=asc",
        "sort_dir is for sort_by \"alpha\" only");
  check("label_values", "missing required parameter \"label\"");
}

TEST_F(SearchApiTest, IsOffWithoutItsFeature) {
  options_.enable_search = false;
  build();
  const auto answer = ask("GET", "/api/v1/search/metric_names");
  EXPECT_EQ(answer.status, 500);
  EXPECT_NE(answer.body.find("search API disabled"), std::string::npos);
}

}  // namespace
}  // namespace narthex::api
