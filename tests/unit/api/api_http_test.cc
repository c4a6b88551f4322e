// The API as a client sees it, but without sockets: router, handlers, engine and a storage in
// memory.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include <boost/json.hpp>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/model/stale.h"

#include "api/notifications.h"
#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

TEST_F(ApiHttpTest, InstantQuery) {
  load();
  build();
  const auto answer = ask("GET", "/api/v1/query?query=up%7Bjob%3D%22a%22%7D&time=1050");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(
      answer.body,
      R"({"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},)"
      R"("value":[1050,"1"]}]}})");
  EXPECT_EQ(ask("POST", "/api/v1/query?query=nonsense(", "query=up{job=\"a\"}&time=1050").body,
            answer.body);
  EXPECT_EQ(get("/api/v1/query?query=1&time=1.5"),
            R"({"status":"success","data":{"resultType":"scalar","result":[1.5,"1"]}})");
  EXPECT_EQ(get("/api/v1/query?query=%22s%22&time=2"),
            R"({"status":"success","data":{"resultType":"string","result":[2,"s"]}})");
}

TEST_F(ApiHttpTest, QueryTimeIsNowByDefault) {
  build();
  EXPECT_EQ(
      get("/api/v1/query?query=time()"),
      R"({"status":"success","data":{"resultType":"scalar","result":[1700000000,"1700000000"]}})");
}

TEST_F(ApiHttpTest, RangeQuery) {
  load();
  build();
  EXPECT_EQ(
      get("/api/v1/query_range?query=up%7Bjob%3D%22b%22%7D&start=1000&end=1020&step=10"),
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"b"},)"
      R"("values":[[1000,"0"],[1010,"0"],[1020,"0"]]}]}})");
}

TEST_F(ApiHttpTest, LimitTruncatesAndSaysSo) {
  load();
  build();
  const std::string body = get("/api/v1/query_range?query=up&start=1000&end=1000&step=10&limit=1");
  EXPECT_EQ(
      body,
      R"({"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},)"
      R"("values":[[1000,"1"]]}]},"warnings":["results truncated due to limit"]})");
}

TEST_F(ApiHttpTest, StatsComeWhenAskedFor) {
  load();
  build();
  const auto body =
      boost::json::parse(get("/api/v1/query?query=up&time=1050&stats=true")).as_object();
  const auto& stats = body.at("data").at("stats").as_object();
  for (const char* key : {"evalTotalTime", "resultSortTime", "queryPreparationTime",
                          "innerEvalTime", "execQueueTime", "execTotalTime"}) {
    EXPECT_TRUE(stats.at("timings").as_object().contains(key)) << key;
  }
  EXPECT_EQ(stats.at("samples").at("totalQueryableSamples").as_int64(), 2);
  EXPECT_FALSE(body.contains("warnings"));
  const std::string odd = get("/api/v1/query?query=up&time=1050&stats=yes");
  EXPECT_NE(odd.find(R"(value \"yes\" for parameter \"stats\" is deprecated)"), std::string::npos)
      << odd;
}

TEST_F(ApiHttpTest, ParameterErrors) {
  build();
  const auto check = [this](const std::string& target, std::string_view message) {
    const auto answer = ask("GET", "/api/v1/" + target);
    EXPECT_EQ(answer.status, 400) << target;
    EXPECT_EQ(boost::json::parse(answer.body), boost::json::parse(error("bad_data", message)))
        << target;
  };
  check("query?query=up&time=foo",
        "invalid parameter \"time\": invalid time value for 'time': cannot parse \"foo\" to a "
        "valid timestamp");
  check("query?query=up&timeout=foo",
        "invalid parameter \"timeout\": cannot parse \"foo\" to a valid duration");
  check("query?query=up&limit=-1", "invalid parameter \"limit\": limit must be non-negative");
  check("query?query=up&lookback_delta=bad",
        "error parsing lookback delta duration: cannot parse \"bad\" to a valid duration");
  check("query?query=",
        "invalid parameter \"query\": unknown position: parse error: no expression found in input");
  check("query?query=sum%28",
        "invalid parameter \"query\": 1:5: parse error: unclosed left parenthesis");
  check("query_range?query=up&end=2&step=1",
        "invalid parameter \"start\": cannot parse \"\" to a valid timestamp");
  check("query_range?query=up&start=3&end=2&step=1",
        "invalid parameter \"end\": end timestamp must not be before start time");
  check("query_range?query=up&start=1&end=2",
        "invalid parameter \"step\": cannot parse \"\" to a valid duration");
  check("query_range?query=up&start=1&end=2&step=0",
        "invalid parameter \"step\": zero or negative query resolution step widths are not "
        "accepted. Try a positive "
        "integer");
  check("query_range?query=up&start=0&end=11001&step=1",
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query "
        "resolution (?step=XX)");
  check("query_range?query=up[1m]&start=0&end=1&step=1",
        "invalid parameter \"query\": invalid expression type \"range vector\" for range query, "
        "must be Scalar or "
        "instant Vector");
  check("series", "no match[] parameter provided");
  check("series?match[]=up[", "invalid parameter \"match[]\": 1:3: parse error: unexpected \"[\"");
  check("labels?match[]={", "1:2: parse error: unexpected end of input inside braces");
  check("labels?end=x",
        "invalid parameter \"end\": invalid time value for 'end': cannot parse \"x\" to a valid "
        "timestamp");
  check("label/a%FF/values", "invalid label name: \"a\\xff\"");
  check("metadata?limit=x", "limit must be a number");
  check("targets/metadata?limit=x", "limit must be a number");
  check("scrape_pools/config", "no scrapePool parameter provided");
  check("scrape_pools/config?scrapePool=x",
        "error getting scrape config: scrape pool \"x\" not found");
  check("targets/relabel_steps?labels={}", "no scrapePool parameter provided");
  check("targets/relabel_steps?scrapePool=demo", "no labels parameter provided");
  check("targets/relabel_steps?scrapePool=x&labels={}",
        "error getting scrape config: scrape pool \"x\" not found");
  check("targets/relabel_steps?scrapePool=demo&labels=[]",
        "error parsing labels: not an object of strings");
  check("targets/relabel_steps?scrapePool=demo&labels={\"a\":1}",
        "error parsing labels: the value of \"a\" is not a string");
  check("status/tsdb?limit=0", "limit must be a positive number");
  check("status/tsdb?limit=10001", "limit must not exceed 10000");
  check("rules?type=bad", "invalid parameter \"type\": not supported value \"bad\"");
  EXPECT_EQ(ask("GET", "/api/v1/query_range?query=1&start=0&end=11000&step=1").status, 200);
}

TEST_F(ApiHttpTest, EngineErrorsKeepTheirKind) {
  load();
  build();
  const auto matching = ask("GET", "/api/v1/query?query=up%20%2B%20on()%20up&time=1050");
  EXPECT_EQ(matching.status, 422);
  EXPECT_NE(matching.body.find(R"("errorType":"execution")"), std::string::npos) << matching.body;
  storage_.fail_selects_with(util::Error(util::Code::kIo, "read chunk: bad disk"));
  const auto failed = ask("GET", "/api/v1/query?query=up&time=1050");
  EXPECT_EQ(failed.status, 500);
  EXPECT_NE(failed.body.find(R"("errorType":"internal")"), std::string::npos) << failed.body;
  EXPECT_EQ(ask("GET", "/api/v1/series?match[]=up").status, 500);
}

TEST_F(ApiHttpTest, SeriesAndLabels) {
  load();
  build();
  EXPECT_EQ(
      get("/api/v1/series?match[]=up"),
      R"({"status":"success","data":[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]})");
  EXPECT_EQ(
      get("/api/v1/series?match[]=up&match[]={job=\"a\"}&match[]=x"),
      R"({"status":"success","data":[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"},)"
      R"({"__name__":"x","dot.ted":"v"}]})");
  EXPECT_EQ(
      get("/api/v1/series?match[]=up&limit=1"),
      R"({"status":"success","data":[{"__name__":"up","job":"a"}],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(get("/api/v1/series?match[]=nothing"), R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/api/v1/labels"), R"({"status":"success","data":["__name__","dot.ted","job"]})");
  EXPECT_EQ(get("/api/v1/labels?match[]=up"), R"({"status":"success","data":["__name__","job"]})");
  EXPECT_EQ(
      get("/api/v1/labels?limit=2"),
      R"({"status":"success","data":["__name__","dot.ted"],"warnings":["results truncated due to limit"]})");
  EXPECT_EQ(get("/api/v1/labels?start=2&end=1"), R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/api/v1/label/job/values"), R"({"status":"success","data":["a","b"]})");
  EXPECT_EQ(get("/api/v1/label/dot.ted/values"), R"({"status":"success","data":["v"]})");
  EXPECT_EQ(get("/api/v1/label/U__dot_2e_ted/values"), R"({"status":"success","data":["v"]})");
  EXPECT_EQ(get("/api/v1/label/U__dot_zz_ted/values"), R"({"status":"success","data":[]})");
}

TEST_F(ApiHttpTest, FormatAndParse) {
  build();
  EXPECT_EQ(get("/api/v1/format_query?query=foo%2Fbar"),
            R"({"status":"success","data":"foo / bar"})");
  EXPECT_EQ(get("/api/v1/parse_query?query=%22s%22"),
            R"({"status":"success","data":{"type":"stringLiteral","val":"s"}})");
  EXPECT_EQ(ask("POST", "/api/v1/format_query", "query=up{").status, 400);
}

TEST_F(ApiHttpTest, Targets) {
  options_.external_url = "https://example.org:9999/prom";
  options_.listen_port = 9090;
  TargetStatus own;
  own.pool = "demo";
  own.labels = {{"job", "demo"}};
  own.scrape_url = "http://localhost:9090/metrics";
  own.interval = std::chrono::seconds(15);
  own.timeout = std::chrono::seconds(10);
  TargetStatus other = own;
  other.pool = "web";
  other.scrape_url = "http://127.0.0.1:8080/m?x=y";
  other.health = TargetHealth::kDown;
  other.last_error = "refused <x>";
  other.last_scrape_ns = 1'700'000'000'500'000'000;
  other.last_scrape_seconds = 0.25;
  targets_.targets = {own, other};
  targets_.gone = {{"web", {{"__address__", "h:1"}}}};
  build();
  const std::string active =
      R"({"discoveredLabels":{},"labels":{"job":"demo"},"scrapePool":"demo",)"
      R"("scrapeUrl":"http://localhost:9090/metrics","globalUrl":"https://example.org:9999/metrics",)"
      R"("lastError":"","lastScrape":"0001-01-01T00:00:00Z","lastScrapeDuration":0,)"
      R"("health":"unknown","scrapeInterval":"15s","scrapeTimeout":"10s"})";
  const std::string down =
      R"({"discoveredLabels":{},"labels":{"job":"demo"},"scrapePool":"web",)"
      R"("scrapeUrl":"http://127.0.0.1:8080/m?x=y","globalUrl":"http://example.org:8080/m?x=y",)"
      R"("lastError":"refused \u003cx\u003e","lastScrape":"2023-11-14T22:13:20.5Z",)"
      R"("lastScrapeDuration":0.25,"health":"down","scrapeInterval":"15s","scrapeTimeout":"10s"})";
  const std::string dropped =
      R"("droppedTargets":[{"discoveredLabels":{"__address__":"h:1"},"scrapePool":"web"}],)"
      R"("droppedTargetCounts":{"demo":0,"web":1})";
  EXPECT_EQ(get("/api/v1/targets"), R"({"status":"success","data":{"activeTargets":[)" + active +
                                        "," + down + "]," + dropped + "}}");
  EXPECT_EQ(get("/api/v1/targets?state=active&scrapePool=demo"),
            R"({"status":"success","data":{"activeTargets":[)" + active +
                R"(],"droppedTargets":[],"droppedTargetCounts":null}})");
  EXPECT_EQ(get("/api/v1/targets?state=dropped"),
            R"({"status":"success","data":{"activeTargets":[],)" + dropped + "}}");
  EXPECT_EQ(
      get("/api/v1/targets?state=bogus"),
      R"({"status":"success","data":{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":null}})");
  EXPECT_EQ(get("/api/v1/scrape_pools"),
            R"({"status":"success","data":{"scrapePools":["demo","web"]}})");
}

TEST_F(ApiHttpTest, RelabelStepsShowEachRuleAndStopAtADrop) {
  relabel::RelabelRule rename;
  rename.source_labels = {"__address__", "x"};
  rename.regex = "(.*):.*";
  rename.target_label = "instance";
  relabel::RelabelRule drop;
  drop.source_labels = {"x"};
  drop.regex = "gone";
  drop.action = relabel::Action::kDrop;
  relabel::RelabelRule shard;
  shard.source_labels = {"x"};
  shard.modulus = 1;
  shard.target_label = "shard";
  shard.action = relabel::Action::kHashMod;
  pool_.relabel_rules = {rename, drop, shard};
  build();
  const std::string rules[] = {
      R"-({"sourceLabels":["__address__","x"],"separator":";","regex":"(.*):.*",)-"
      R"-("targetLabel":"instance","replacement":"$1","action":"replace"})-",
      R"-({"sourceLabels":["x"],"separator":";","regex":"gone","replacement":"$1","action":"drop"})-",
      R"-({"sourceLabels":["x"],"separator":";","regex":"(.*)","modulus":1,"targetLabel":"shard",)-"
      R"-("replacement":"$1","action":"hashmod"})-"};
  const auto ask_for = [this](const std::string& labels) {
    return get("/api/v1/targets/relabel_steps?scrapePool=demo&labels=" +
               http::percent_encode(labels));
  };
  EXPECT_EQ(
      ask_for(R"({"__address__":"h:1","x":"1"})"),
      R"({"status":"success","data":{"steps":[{"rule":)" + rules[0] +
          R"(,"output":{"__address__":"h:1","instance":"h","x":"1"},"keep":true},{"rule":)" +
          rules[1] +
          R"(,"output":{"__address__":"h:1","instance":"h","x":"1"},"keep":true},{"rule":)" +
          rules[2] +
          R"(,"output":{"__address__":"h:1","instance":"h","shard":"0","x":"1"},"keep":true}]}})");
  EXPECT_EQ(ask_for(R"({"__address__":"h","x":"gone"})"),
            R"({"status":"success","data":{"steps":[{"rule":)" + rules[0] +
                R"(,"output":{"__address__":"h","x":"gone"},"keep":true},{"rule":)" + rules[1] +
                R"(,"output":{},"keep":false},{"rule":)" + rules[2] +
                R"(,"output":{},"keep":false}]}})");
}

TEST_F(ApiHttpTest, RelabelDebugTriesPastedRules) {
  build();
  const auto try_out = [this](const std::string& rules, const std::string& labels) {
    return ask("POST", "/api/narthex/v1/relabel:debug",
               "rules=" + http::percent_encode(rules) + "&labels=" + http::percent_encode(labels))
        .body;
  };
  pasted_rule_->source_labels = {"x"};
  pasted_rule_->target_label = "y";
  EXPECT_EQ(
      try_out("text", R"({"x":"1"})"),
      R"-({"status":"success","data":{"steps":[{"rule":{"sourceLabels":["x"],"separator":";",)-"
      R"-("regex":"(.*)","targetLabel":"y","replacement":"$1","action":"replace"},)-"
      R"-("output":{"x":"1","y":"1"},"keep":true}]}})-");
  EXPECT_EQ(pasted_text_, "text");
  // What a rule makes of a little input is bounded before it is made.
  const std::string too_much = error(
      "bad_data",
      R"(invalid parameter "rules": rule 1 could make more than 4 MiB or 1000 labels of these labels)");
  const std::string long_label = R"({"x":")" + std::string(10'000, 'v') + "\"}";
  for (int i = 0; i < 1'000; ++i) pasted_rule_->replacement += "$1";
  EXPECT_EQ(try_out("text", long_label), too_much);
  pasted_rule_->action = relabel::Action::kLabelMap;
  EXPECT_EQ(try_out("text", R"({")" + std::string(10'000, 'n') + R"(":"1"})"), too_much);
  pasted_rule_->action = relabel::Action::kReplace;
  pasted_rule_->replacement = "$1";
  pasted_rule_->source_labels.assign(1'000, "x");
  EXPECT_EQ(try_out("text", long_label), too_much);
  std::string many = "{";
  for (int i = 0; i <= 1'000; ++i) many += fmt::format("{}\"l{}\":\"1\"", i == 0 ? "" : ",", i);
  EXPECT_EQ(try_out("text", many + "}"),
            error("bad_data", R"(invalid parameter "labels": more than 1000)"));
  pasted_rule_.reset();
  EXPECT_EQ(
      try_out("text", R"({"x":"1"})"),
      R"({"status":"error","errorType":"bad_data","error":"invalid parameter \"rules\": line 7: broken"})");
  EXPECT_EQ(try_out("", "{}"),
            R"({"status":"error","errorType":"bad_data","error":"no rules parameter provided"})");
  EXPECT_EQ(try_out("text", ""),
            R"({"status":"error","errorType":"bad_data","error":"no labels parameter provided"})");
}

TEST_F(ApiHttpTest, PoolConfiguration) {
  pool_.yaml = "job_name: demo\n";
  build();
  EXPECT_EQ(get("/api/v1/scrape_pools/config?scrapePool=demo"),
            R"({"status":"success","data":{"yaml":"job_name: demo\n"}})");
}

TEST_F(ApiHttpTest, BlocksAreShownAsTheirMetaFiles) {
  build();
  EXPECT_EQ(get("/api/v1/status/tsdb/blocks"), R"({"status":"success","data":{"blocks":[]}})");
  BlockStatus block;
  block.ulid = "01B";
  block.time_min = -5;
  block.time_max = 7;
  block.samples = 3;
  block.float_samples = 3;
  block.series = 2;
  block.chunks = 2;
  block.bytes = 100;
  block.level = 2;
  block.sources = {"01A", "01B"};
  block.parents = {{"01A", -5, 0}};
  block.hints = {"from-out-of-order"};
  BlockStatus empty;
  empty.ulid = "01C";
  database_.on_disk = {block, empty};
  EXPECT_EQ(
      get("/api/v1/status/tsdb/blocks"),
      R"({"status":"success","data":{"blocks":[{"ulid":"01B","minTime":-5,"maxTime":7,)"
      R"("stats":{"numSamples":3,"numFloatSamples":3,"numSeries":2,"numChunks":2,"numBytes":100},)"
      R"("compaction":{"level":2,"sources":["01A","01B"],"parents":[{"ulid":"01A","minTime":-5,"maxTime":0}],)"
      R"("hints":["from-out-of-order"]},"version":1},)"
      R"({"ulid":"01C","minTime":0,"maxTime":0,"stats":{},"compaction":{"level":1},"version":1}]}})");
}

TEST_F(ApiHttpTest, Metadata) {
  const model::Metadata gauge{model::MetricType::kGauge, "Help \"x\".", "seconds"};
  const model::Metadata counter{model::MetricType::kCounter, "Other.", ""};
  targets_.families = {{{{"job", "a"}}, "m", gauge},
                       {{{"job", "b"}}, "m", gauge},
                       {{{"job", "c"}}, "m", counter},
                       {{{"job", "a"}}, "n", counter}};
  build();
  const std::string gauge_json = R"({"type":"gauge","help":"Help \"x\".","unit":"seconds"})";
  const std::string counter_json = R"({"type":"counter","help":"Other.","unit":""})";
  EXPECT_EQ(get("/api/v1/metadata"), R"({"status":"success","data":{"m":[)" + counter_json + "," +
                                         gauge_json + R"(],"n":[)" + counter_json + "]}}");
  EXPECT_EQ(get("/api/v1/metadata?metric=n"),
            R"({"status":"success","data":{"n":[)" + counter_json + "]}}");
  EXPECT_EQ(get("/api/v1/metadata?limit=1&limit_per_metric=1"),
            R"({"status":"success","data":{"m":[)" + gauge_json + "]}}");
  EXPECT_EQ(
      get("/api/v1/targets/metadata?match_target={job=\"a\"}&metric=m"),
      R"({"status":"success","data":[{"target":{"job":"a"},"type":"gauge","help":"Help \"x\".","unit":"seconds"}]})");
  EXPECT_EQ(
      get("/api/v1/targets/metadata?limit=1"),
      R"({"status":"success","data":[{"target":{"job":"a"},"metric":"m","type":"gauge","help":"Help \"x\".",)"
      R"("unit":"seconds"}]})");
}

TEST_F(ApiHttpTest, Status) {
  options_.flags = {{"config.file", "a.yml", "narthex.yml", "What to scrape."},
                    {"web.page-title", "<t>", "", "Title."}};
  options_.build.version = "1.2.3";
  runtime_.start_ns = 1'700'000'000'000'000'000;
  runtime_.host_name = "h";
  runtime_.retention = "15d";
  database_.status.series = 5;
  database_.status.series_by_metric = {{"up", 2}, {"x", 1}};
  build();
  EXPECT_EQ(
      get("/api/narthex/v1/flags"),
      R"({"status":"success","data":[{"name":"config.file","value":"a.yml","default":"narthex.yml",)"
      R"("help":"What to scrape."},{"name":"web.page-title","value":"\u003ct\u003e","default":"","help":"Title."}]})");
  EXPECT_EQ(get("/api/v1/status/config"), R"({"status":"success","data":{"yaml":"global: {}\n"}})");
  EXPECT_EQ(
      get("/api/v1/status/flags"),
      R"({"status":"success","data":{"config.file":"a.yml","web.page-title":"\u003ct\u003e"}})");
  EXPECT_EQ(
      get("/api/v1/status/buildinfo"),
      R"({"status":"success","data":{"version":"1.2.3","revision":"","branch":"","buildUser":"","buildDate":"",)"
      R"("goVersion":""}})");
  EXPECT_EQ(
      get("/api/v1/status/runtimeinfo"),
      R"({"status":"success","data":{"startTime":"2023-11-14T22:13:20Z","CWD":"","hostname":"h",)"
      R"("serverTime":"2023-11-14T22:13:20Z","reloadConfigSuccess":true,"lastConfigTime":"0001-01-01T00:00:00Z",)"
      R"("corruptionCount":0,"goroutineCount":0,"GOMAXPROCS":0,"GOMEMLIMIT":0,"GOGC":"","GODEBUG":"",)"
      R"("storageRetention":"15d"}})");
  EXPECT_EQ(
      get("/api/v1/status/tsdb?limit=7"),
      R"({"status":"success","data":{"headStats":{"numSeries":5,"numLabelPairs":0,"chunkCount":0,)"
      R"("minTime":9223372036854775807,"maxTime":-9223372036854775808},"seriesCountByMetricName":)"
      R"([{"name":"up","value":2},{"name":"x","value":1}],"labelValueCountByLabelName":[],)"
      R"("memoryInBytesByLabelName":[],"seriesCountByLabelValuePair":[]}})");
  EXPECT_EQ(database_.asked_for, 7U);
  EXPECT_EQ(get("/api/v1/status/walreplay"),
            R"({"status":"success","data":{"min":3,"max":8,"current":5}})");
  EXPECT_EQ(get("/api/v1/rules"), R"({"status":"success","data":{"groups":[]}})");
  EXPECT_EQ(get("/api/v1/alerts"), R"({"status":"success","data":{"alerts":[]}})");
  EXPECT_EQ(get("/version"),
            "{\"version\":\"1.2.3\",\"revision\":\"\",\"branch\":\"\",\"buildUser\":\"\","
            "\"buildDate\":\"\","
            "\"goVersion\":\"\"}\n");
  EXPECT_EQ(ask("POST", "/api/v1/admin/tsdb/snapshot").body,
            error("unavailable", "admin APIs disabled"));
}

TEST_F(ApiHttpTest, AdminEndpointsAreOffUnlessAskedFor) {
  build();
  for (const char* name : {"delete_series", "clean_tombstones", "snapshot"}) {
    const auto answer = ask("POST", std::string("/api/v1/admin/tsdb/") + name);
    EXPECT_EQ(answer.status, 500);
    EXPECT_EQ(answer.body, error("unavailable", "admin APIs disabled"));
  }
  EXPECT_TRUE(database_.admin_calls.empty());
}

TEST_F(ApiHttpTest, AdminEndpointsCallTheDatabase) {
  options_.enable_admin = true;
  build();
  const std::string root = "/api/v1/admin/tsdb/";
  EXPECT_EQ(ask("POST", root + "delete_series").body,
            error("bad_data", "no match[] parameter provided"));
  EXPECT_EQ(ask("GET", root + "snapshot").status, 405);
  EXPECT_EQ(ask("PUT", root + "delete_series?match[]=up&match[]={a=~%22b%22}&start=1&end=2").status,
            204);
  EXPECT_EQ(ask("POST", root + "clean_tombstones").status, 204);
  EXPECT_EQ(ask("POST", root + "snapshot").body,
            R"({"status":"success","data":{"name":"20260102T150405Z-0123456789abcdef"}})");
  EXPECT_EQ(ask("POST", root + "snapshot?skip_head=true").status, 200);
  EXPECT_EQ(ask("POST", root + "snapshot?skip_head=maybe").status, 400);
  EXPECT_EQ(database_.admin_calls, (std::vector<std::string>{R"(delete __name__="up" 1000 2000)",
                                                             R"(delete a=~"b" 1000 2000)", "clean",
                                                             "snapshot", "snapshot without head"}));
  database_.admin_result = util::fail(util::Code::kNoSpace, "no space left on device");
  EXPECT_EQ(ask("POST", root + "clean_tombstones").status, 500);
}

TEST_F(ApiHttpTest, NotReadyAnswers503) {
  build(false);
  const auto query = ask("GET", "/api/v1/query?query=1");
  EXPECT_EQ(query.status, 503);
  EXPECT_EQ(query.body, "Service Unavailable");
  EXPECT_EQ(query.headers.get("X-Prometheus-Stopping"), "false");
  EXPECT_EQ(ask("GET", "/-/ready").status, 503);
  EXPECT_EQ(ask("GET", "/-/healthy").body, "Prometheus Server is Healthy.\n");
  EXPECT_EQ(ask("GET", "/api/v1/status/walreplay").status, 200);
  EXPECT_EQ(ask("GET", "/metrics").status, 200);
  set_ready();
  EXPECT_EQ(ask("GET", "/-/ready").body, "Prometheus Server is Ready.\n");
  EXPECT_EQ(ask("HEAD", "/-/ready").status, 200);
  api_->set_stopping();
  const auto stopping = ask("GET", "/-/ready");
  EXPECT_EQ(stopping.status, 503);
  EXPECT_EQ(stopping.headers.get("X-Prometheus-Stopping"), "true");
}

TEST_F(ApiHttpTest, OwnMetricsInTheFormatThatIsAskedFor) {
  build();
  const auto ask_as = [this](const std::string& accept) {
    http::Headers headers;
    headers.add("Accept", accept);
    return ask("GET", "/metrics", {}, headers);
  };
  const auto text = ask_as("application/openmetrics-text;version=1.0.0,*/*;q=0.1");
  EXPECT_EQ(text.headers.get("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  EXPECT_TRUE(text.body.starts_with("# HELP ")) << text.body;
  const auto protobuf = ask_as(
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;"
      "q=0.6,text/plain;q=0.5");
  EXPECT_EQ(protobuf.headers.get("Content-Type"),
            "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
            "encoding=delimited; escaping=underscores");
  EXPECT_NE(protobuf.body.find("promhttp_metric_handler_requests_total"), std::string::npos);
  EXPECT_FALSE(protobuf.body.starts_with("# HELP ")) << protobuf.body;
  EXPECT_NE(ask_as("text/plain;escaping=dots").body.find("\npromhttp__metric__handler"),
            std::string::npos);
}

TEST_F(ApiHttpTest, OwnMetricsAsJson) {
  build();
  registry_.gauge("nx_one", "One.").set(1);
  registry_.gauge("nx_two", "Two.").set(2);
  const std::string two =
      R"({"name":"nx_two","help":"Two.","type":"GAUGE","metric":[{"gauge":{"value":2}}]})";
  EXPECT_EQ(get("/api/v1/status/self_metrics?metric_name_pattern=nx_t.*"),
            R"({"status":"success","data":[)" + two + "]}");
  EXPECT_NE(get("/api/v1/status/self_metrics").find(two), std::string::npos);
  EXPECT_EQ(get("/api/v1/status/self_metrics?metric_name_pattern=nx_"),
            R"({"status":"success","data":[]})");
  const auto bad = ask("GET", "/api/v1/status/self_metrics?metric_name_pattern=(");
  EXPECT_EQ(bad.status, 400);
  EXPECT_NE(bad.body.find("metric_name_pattern"), std::string::npos) << bad.body;
}

TEST_F(ApiHttpTest, FederatesTheNewestSamples) {
  external_labels_ = {{"cluster", "eu"}};
  const model::TimestampMs now = clock_.wall_ms();
  storage_.append({{"__name__", "up"}, {"job", "b"}}, now - 1'000, 1);
  storage_.append({{"__name__", "up"}, {"job", "a"}}, now - 2'000, 3);
  storage_.append({{"__name__", "up"}, {"job", "a"}}, now - 1'000, 4);
  storage_.append({{"__name__", "up"}, {"job", "ended"}}, now - 1'000, model::stale_nan());
  storage_.append({{"__name__", "up"}, {"job", "long gone"}}, now - 301'000, 1);
  storage_.append({{"__name__", "other"}}, now, 7);
  build();
  const auto answer = ask("GET", "/federate?match[]=up&match[]={__name__=~%22up|other%22}");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"),
            "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  EXPECT_EQ(answer.body,
            "# TYPE other untyped\nother{cluster=\"eu\",instance=\"\"} 7 1700000000000\n"
            "# TYPE up untyped\n"
            "up{job=\"a\",cluster=\"eu\",instance=\"\"} 4 1699999999000\n"
            "up{job=\"b\",cluster=\"eu\",instance=\"\"} 1 1699999999000\n");
  EXPECT_EQ(get("/federate"), "");
  // A selector without matchers selects nothing, beside others too.
  EXPECT_EQ(ask("GET", "/federate?match[]={}").status, 200);
  EXPECT_EQ(get("/federate?match[]=%7B%20%7D"), "");
  EXPECT_EQ(get("/federate?match[]={}&match[]=up"), get("/federate?match[]=up"));
  // One that matches everything is refused elsewhere only.
  EXPECT_EQ(get("/federate?match[]={a=%22%22}"),
            get("/federate?match[]={__name__=~%22up|other%22}"));
  EXPECT_EQ(get("/federate?match[]={__name__=%22%22}"), "");
  EXPECT_EQ(
      get("/api/v1/series?match[]={a=%22%22}"),
      error("bad_data",
            R"(invalid parameter "match[]": match[] must contain at least one non-empty matcher)"));
  const auto bad = ask("GET", "/federate?match[]={");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.body, "1:2: parse error: unexpected end of input inside braces\n");
  EXPECT_EQ(ask("POST", "/federate").status, 405);
}

void a_function_with_a_name() {}

TEST_F(ApiHttpTest, ProfilesOfTheProcess) {
  build();
  const auto profile = ask("GET", "/debug/pprof/profile?seconds=1");
  EXPECT_EQ(profile.status, 200);
  EXPECT_EQ(profile.headers.get("Content-Type"), "application/octet-stream");
  EXPECT_NE(profile.body.find("nanoseconds"), std::string::npos);
  EXPECT_EQ(ask("GET", "/debug/pprof/profile?seconds=301").status, 400);
  const auto address =
      fmt::format("{:#x}", reinterpret_cast<std::uintptr_t>(&a_function_with_a_name));
  EXPECT_EQ(ask("POST", "/debug/pprof/symbol", "0x1+zz+" + address).body,
            "num_symbols: 1\n" + address +
                " narthex::api::(anonymous namespace)::a_function_with_a_name()\n");
  EXPECT_EQ(get("/debug/pprof/symbol"), "num_symbols: 1\n");
  EXPECT_NE(get("/debug/pprof/cmdline").find("api_test"), std::string::npos);
  EXPECT_NE(get("/debug/pprof/").find("profile?seconds=30"), std::string::npos);
  EXPECT_EQ(ask("GET", "/debug/pprof").headers.get("Location"), "/debug/pprof/");
  // Profiles of Go's runtime, and other paths.
  EXPECT_EQ(ask("GET", "/debug/pprof/heap").status, 404);
  EXPECT_EQ(ask("GET", "/debug/vars").status, 404);
}

TEST_F(ApiHttpTest, ExemplarsOfAQueryWithoutSelectorsAreNoContent) {
  build();
  EXPECT_EQ(ask("GET", "/api/v1/query_exemplars?query=1%2B1").status, 204);
  EXPECT_EQ(get("/api/v1/query_exemplars?query=up"), R"({"status":"success","data":[]})");
  EXPECT_EQ(get("/api/v1/query_exemplars?query=up&start=2&end=1"),
            error("bad_data", "end timestamp must not be before start timestamp"));
  EXPECT_EQ(get("/api/v1/query_exemplars"),
            error("bad_data", "unknown position: parse error: no expression found in input"));
}

TEST_F(ApiHttpTest, ExemplarsOfAllSelectorsOfAQuery) {
  exemplars_.answer = {
      {model::Labels{{"__name__", "m"}, {"job", "a"}},
       {{1'700'000'000'500, 6, model::Labels{{"trace_id", "x\"y"}}}, {1'700'000'001'000, 0.5, {}}}},
      {model::Labels{{"__name__", "n"}}, {{1'700'000'002'000, std::nan(""), {}}}}};
  build();
  EXPECT_EQ(get("/api/v1/query_exemplars?query=rate(m[5m])%2Bn&start=1&end=2.5"),
            R"({"status":"success","data":[)"
            R"({"seriesLabels":{"__name__":"m","job":"a"},"exemplars":[)"
            R"({"labels":{"trace_id":"x\"y"},"value":"6","timestamp":1700000000.500},)"
            R"({"labels":{},"value":"0.5","timestamp":1700000001}]},)"
            R"({"seriesLabels":{"__name__":"n"},"exemplars":[)"
            R"({"labels":{},"value":"NaN","timestamp":1700000002}]}]})");
  EXPECT_EQ(exemplars_.asked_range.min, 1000);
  EXPECT_EQ(exemplars_.asked_range.max, 2500);
  EXPECT_EQ(exemplars_.asked_selectors, 2U);
}

TEST_F(ApiHttpTest, FeaturesSayWhatIsOn) {
  options_.enable_lifecycle = true;
  options_.features = {"exemplar-storage"};
  build();
  const auto data = boost::json::parse(get("/api/v1/features")).at("data");
  EXPECT_TRUE(data.at("tsdb").at("exemplar_storage").as_bool());
  EXPECT_TRUE(data.at("tsdb").at("native_histograms").as_bool());
  EXPECT_FALSE(data.at("promql").at("per_step_stats").as_bool());
  EXPECT_TRUE(data.at("api").at("lifecycle").as_bool());
  EXPECT_FALSE(data.at("api").at("admin").as_bool());
  EXPECT_TRUE(data.at("promql_functions").at("rate").as_bool());
  EXPECT_FALSE(data.at("promql_operators").at("limitk").as_bool());
  for (const auto& category : data.as_object()) {
    std::string previous;
    for (const auto& feature : category.value().as_object()) {
      EXPECT_LT(previous, std::string(feature.key())) << std::string(category.key());
      previous = feature.key();
    }
  }
}

TEST_F(ApiHttpTest, NotificationsFollowTheServersLife) {
  build(false);
  const std::string starting = get("/api/v1/notifications");
  EXPECT_NE(starting.find(kNotifyStarting), std::string::npos) << starting;
  set_ready();
  EXPECT_EQ(get("/api/v1/notifications"), R"({"status":"success","data":[]})");
  api_->set_reload_succeeded(false);
  EXPECT_NE(get("/api/v1/notifications").find(kNotifyReloadFailed), std::string::npos);
  api_->set_reload_succeeded(true);
  EXPECT_EQ(get("/api/v1/notifications"), R"({"status":"success","data":[]})");
  api_->set_stopping();
  EXPECT_NE(get("/api/v1/notifications").find(kNotifyStopping), std::string::npos);
  EXPECT_EQ(ask("GET", "/api/v1/notifications/live").status, 204);
}

TEST_F(ApiHttpTest, Cors) {
  options_.cors_origin = "https?://(a|b)\\.org";
  build();
  http::Headers headers;
  headers.add("Origin", "http://a.org");
  const auto allowed = ask("GET", "/api/v1/labels", {}, headers);
  EXPECT_EQ(allowed.headers.get("Access-Control-Allow-Origin"), "http://a.org");
  EXPECT_EQ(allowed.headers.get("Access-Control-Expose-Headers"), "Date");
  EXPECT_EQ(allowed.headers.get("Vary"), "Origin");
  headers.set("Origin", "http://evil-a.org");
  EXPECT_FALSE(
      ask("GET", "/api/v1/labels", {}, headers).headers.has("Access-Control-Allow-Origin"));
  EXPECT_FALSE(ask("GET", "/api/v1/labels").headers.has("Access-Control-Allow-Methods"));
  EXPECT_EQ(ask("OPTIONS", "/api/v1/query").status, 204);
  options_.cors_origin = "(";
  EXPECT_FALSE(Api::create(options_, {}, clock_, registry_));
}

TEST_F(ApiHttpTest, LifecycleNeedsItsFlag) {
  build();
  EXPECT_EQ(ask("POST", "/-/reload").status, 403);
  EXPECT_EQ(ask("PUT", "/-/quit").body, "Lifecycle API is not enabled.");
  options_.enable_lifecycle = true;
  build();
  EXPECT_EQ(ask("PUT", "/-/reload").status, 200);
  reload_ = util::fail(util::Code::kInvalidArgument, "line 3: no");
  const auto failed = ask("POST", "/-/reload");
  EXPECT_EQ(failed.status, 500);
  EXPECT_EQ(failed.body, "failed to reload config: line 3: no\n");
  const auto wrong = ask("GET", "/-/reload");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.body, "Only POST or PUT requests allowed");
  EXPECT_EQ(ask("POST", "/-/quit").body, "Requesting termination... Goodbye!");
  EXPECT_EQ(ask("POST", "/-/quit").body, "Termination already in progress.");
  EXPECT_EQ(quits_, 1);
}

TEST_F(ApiHttpTest, MethodsAndPrefix) {
  build();
  EXPECT_EQ(ask("PUT", "/api/v1/query").headers.get("Allow"), "GET, OPTIONS, POST");
  EXPECT_EQ(ask("HEAD", "/api/v1/query").status, 405);
  EXPECT_EQ(ask("POST", "/api/v1/label/job/values").headers.get("Allow"), "GET, OPTIONS");
  EXPECT_EQ(ask("GET", "/api/v1/nope").status, 404);
  const auto write = ask("POST", "/api/v1/write", "x");
  EXPECT_EQ(write.status, 404);
  EXPECT_EQ(write.body,
            "remote write receiver needs to be enabled with --web.enable-remote-write-receiver\n");
  options_.route_prefix = "/prom";
  options_.enable_remote_write_receiver = true;
  build();
  EXPECT_EQ(ask("GET", "/prom/-/healthy").status, 200);
  EXPECT_EQ(ask("GET", "/-/healthy").status, 404);
  EXPECT_EQ(ask("POST", "/prom/api/v1/write", "x").status, 415);
}

TEST_F(ApiHttpTest, RequestsAreCountedByRoute) {
  options_.route_prefix = "/p";
  build();
  const http::RequestObserver observe = api_->observer();
  observe({"GET", "/p/api/v1/label/:name/values", 200, 0.15, 1'500});
  observe({"GET", "/p/api/v1/label/:name/values", 400, 0.01, 10});
  observe({"GET", "", 404, 0.01, 10});
  const std::string metrics = ask("GET", "/p/metrics").body;
  for (const char* line :
       {"prometheus_http_requests_total{code=\"200\",handler=\"/api/v1/label/:name/values\"} 1\n",
        "prometheus_http_requests_total{code=\"400\",handler=\"/api/v1/label/:name/values\"} 1\n",
        "prometheus_http_request_duration_seconds_bucket{handler=\"/api/v1/label/:name/"
        "values\",le=\"0.2\"} 2\n",
        "prometheus_http_response_size_bytes_bucket{handler=\"/api/v1/label/:name/"
        "values\",le=\"1000\"} 1\n"}) {
    EXPECT_NE(metrics.find(line), std::string::npos) << line << metrics;
  }
  EXPECT_EQ(metrics.find("404"), std::string::npos);
}

// Releases word an error in two ways; the answers were recorded from one that did not yet know
// step() and range() there, and where the two differ the newer one counts.
std::string in_recorded_words(std::string body) {
  constexpr std::string_view kNew = "expected number, duration, step(), or range()";
  if (const auto at = body.find(kNew); at != std::string::npos)
    body.replace(at, kNew.size(), "expected number or duration");
  return body;
}

// Recorded answers that do not depend on data: errors, formatting, parsing.
TEST_F(ApiHttpTest, AnswersRecordedRequestsAlike) {
  const char* given = std::getenv("CONFORMANCE_DIR");
  const std::filesystem::path directory =
      given != nullptr
          ? std::filesystem::path(given)
          : std::filesystem::path(NARTHEX_SOURCE_DIR) / ".." / "shared" / "conformance";
  std::error_code ec;
  if (!std::filesystem::is_directory(directory, ec))
    GTEST_SKIP() << "no conformance data in " << directory;
  build();
  // Areas of other parts of the server, or of endpoints that are not there yet.
  const std::set<std::string, std::less<>> others = {"web",  "federate", "exemplars",
                                                     "read", "consoles", "remote"};
  int compared = 0;
  for (const auto& file : std::filesystem::directory_iterator(directory, ec)) {
    if (!file.path().filename().string().starts_with("api") || file.path().extension() != ".jsonl")
      continue;
    std::ifstream in(file.path());
    for (std::string line; std::getline(in, line);) {
      const boost::json::object record = boost::json::parse(line).as_object();
      const std::string area(record.at("area").as_string());
      const auto status = static_cast<int>(record.at("status").as_int64());
      const auto* body = record.if_contains("body");
      const bool is_json =
          body != nullptr && body->is_string() && body->as_string().starts_with("{");
      if (others.contains(area) || !is_json ||
          !(status == 400 || area == "format" || area == "parse"))
        continue;
      const auto* sent = record.if_contains("request_body");
      http::Headers headers;
      if (const auto* type = record.if_contains("request_content_type");
          type != nullptr && type->is_string()) {
        headers.add("Content-Type", std::string(type->as_string()));
      }
      const auto answer =
          ask(std::string(record.at("method").as_string()),
              std::string(record.at("target").as_string()),
              sent != nullptr && sent->is_string() ? std::string(sent->as_string()) : std::string(),
              headers);
      SCOPED_TRACE(std::string(record.at("id").as_string()) + " " +
                   std::string(record.at("target").as_string()));
      EXPECT_EQ(answer.status, status);
      boost::json::error_code json_ec;
      EXPECT_EQ(boost::json::parse(in_recorded_words(answer.body), json_ec),
                boost::json::parse(body->as_string()))
          << answer.body;
      ++compared;
    }
  }
  RecordProperty("compared", compared);
}

}  // namespace
}  // namespace narthex::api
