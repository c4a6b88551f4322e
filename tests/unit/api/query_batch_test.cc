// POST /api/narthex/v1/query_batch: what it takes, and that both forms of its answers say the same
// as query and query_range.
#include <bit>
#include <cstring>
#include <future>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "api/batch.h"
#include "api/columns.h"
#include "support/gate.h"
#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kPath = "/api/narthex/v1/query_batch";
constexpr std::string_view kLinesType = "application/x-ndjson; charset=utf-8";

// One message of application/vnd.narthex.columns.
struct Message {
  std::string magic;
  boost::json::object header;  // Of "NXJ1": its body.
  std::string body;
};

template <class T>
T read_at(std::string_view bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(value));
  return value;
}

std::vector<Message> read_messages(std::string_view bytes) {
  std::vector<Message> out;
  while (!bytes.empty()) {
    if (bytes.size() < kMessagePrefixBytes) {
      ADD_FAILURE() << "a torn prefix";
      break;
    }
    const std::size_t header_bytes = read_at<std::uint32_t>(bytes, 4);
    const std::size_t body_bytes = read_at<std::uint64_t>(bytes, 8);
    EXPECT_EQ(header_bytes % 8, 0U);
    const std::size_t padded = body_bytes + padding_of(body_bytes).size();
    if (bytes.size() < kMessagePrefixBytes + header_bytes + padded) {
      ADD_FAILURE() << "a torn message";
      break;
    }
    Message message;
    message.magic = bytes.substr(0, 4);
    message.body = bytes.substr(kMessagePrefixBytes + header_bytes, body_bytes);
    const std::string_view text = message.magic == "NXJ1"
                                      ? std::string_view(message.body)
                                      : bytes.substr(kMessagePrefixBytes, header_bytes);
    message.header = boost::json::parse({text.data(), text.size()}).as_object();
    out.push_back(std::move(message));
    bytes.remove_prefix(kMessagePrefixBytes + header_bytes + padded);
  }
  return out;
}

std::string text_of(const boost::json::value& value) {
  return std::string(value.as_string());
}

class QueryBatchTest : public ApiHttpTest {
 protected:
  test::RecordingWriter post(const std::string& body) {
    http::Headers headers;
    headers.add("Content-Type", "application/json");
    return ask("POST", std::string(kPath), body, headers);
  }
  // By id.
  std::map<std::string, boost::json::object> lines(const std::string& body) {
    const test::RecordingWriter answer = post(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.get("Content-Type"), kLinesType);
    std::map<std::string, boost::json::object> out;
    std::string_view rest = answer.body;
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(line.size() + 1);
      boost::json::object object = boost::json::parse({line.data(), line.size()}).as_object();
      std::string id = text_of(object.at("id"));
      EXPECT_TRUE(out.emplace(std::move(id), std::move(object)).second);
    }
    return out;
  }
  std::map<std::string, Message> messages(const std::string& body) {
    const test::RecordingWriter answer = post(body);
    EXPECT_EQ(answer.status, 200) << answer.body;
    EXPECT_EQ(answer.headers.get("Content-Type"), kColumnsType);
    std::map<std::string, Message> out;
    for (Message& message : read_messages(answer.body)) {
      std::string id = text_of(message.header.at("id"));
      EXPECT_TRUE(out.emplace(std::move(id), std::move(message)).second);
    }
    return out;
  }
  // The answer of another endpoint, with the id that the batch puts in front.
  boost::json::object plain(const std::string& target, const std::string& id) {
    boost::json::object object = boost::json::parse(get(target)).as_object();
    object["id"] = id;
    return object;
  }
};

TEST_F(QueryBatchTest, LinesSayWhatTheOtherEndpointsSay) {
  load();
  build();
  const auto answers = lines(R"({"queries":[
      {"id":"r","expr":"up","start":1000,"end":"1100","step":"10s"},
      {"id":"i","expr":"up","time":1050,"limit":1},
      {"id":"s","expr":"1.5","time":1050.5},
      {"id":"t","expr":"\"text\"","time":1050},
      {"id":"m","expr":"up[1m]","time":1050},
      {"id":"bad","expr":"sum(","time":1050},
      {"id":"none","time":1050},
      {"id":"late","expr":"up","start":1100,"end":1000,"step":1}]})");
  ASSERT_EQ(answers.size(), 8U);
  const std::string query = "/api/v1/query?time=1050&query=";
  EXPECT_EQ(answers.at("r"),
            plain("/api/v1/query_range?query=up&start=1000&end=1100&step=10", "r"));
  EXPECT_EQ(answers.at("i"), plain(query + "up&limit=1", "i"));
  EXPECT_EQ(answers.at("s"), plain("/api/v1/query?query=1.5&time=1050.5", "s"));
  EXPECT_EQ(answers.at("t"), plain(query + "%22text%22", "t"));
  EXPECT_EQ(answers.at("m"), plain(query + "up%5B1m%5D", "m"));
  EXPECT_EQ(answers.at("bad"), plain(query + "sum(", "bad"));
  EXPECT_EQ(answers.at("none"), plain(query, "none"));
  EXPECT_EQ(answers.at("late"),
            plain("/api/v1/query_range?query=up&start=1100&end=1000&step=1", "late"));
}

TEST_F(QueryBatchTest, ColumnsHoldTheSameValues) {
  load();
  storage_.append({{"__name__", "gap"}}, 1'010'000, 7);
  storage_.append({{"__name__", "gap"}}, 1'020'000, std::numeric_limits<double>::quiet_NaN());
  build();
  const auto answers = messages(R"({"queries":[
      {"id":"up","expr":"up","start":1000,"end":1020,"step":10,"accept":"columns","stats":true},
      {"id":"gap","expr":"gap","start":1000,"end":1020,"step":10,"accept":"columns"},
      {"id":"now","expr":"up","time":1000,"accept":"columns"},
      {"id":"nothing","expr":"absence","start":1000,"end":1020,"step":10,"accept":"columns"}]})");
  ASSERT_EQ(answers.size(), 4U);

  const Message& up = answers.at("up");
  EXPECT_EQ(up.magic, "NXC1");
  EXPECT_EQ(text_of(up.header.at("status")), "success");
  EXPECT_EQ(text_of(up.header.at("resultType")), "matrix");
  EXPECT_EQ(up.header.at("start").to_number<std::int64_t>(), 1'000'000);
  EXPECT_EQ(up.header.at("step").to_number<std::int64_t>(), 10'000);
  EXPECT_EQ(up.header.at("points").to_number<int>(), 3);
  EXPECT_EQ(boost::json::serialize(up.header.at("names")), R"(["__name__","job"])");
  EXPECT_EQ(boost::json::serialize(up.header.at("values")), R"(["up","a","b"])");
  EXPECT_EQ(boost::json::serialize(up.header.at("series")), "[[0,0,1,1],[0,0,1,2]]");
  EXPECT_FALSE(up.header.contains("holes"));
  EXPECT_TRUE(up.header.contains("stats"));
  ASSERT_EQ(up.body.size(), 6 * sizeof(double));
  for (std::size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(read_at<double>(up.body, i * sizeof(double)), i < 3 ? 1 : 0);
  }

  // An absent point is zero and not in the bitmap; a NaN is in it.
  const Message& gap = answers.at("gap");
  EXPECT_EQ(boost::json::serialize(gap.header.at("holes")), "[0]");
  ASSERT_EQ(gap.body.size(), 4 * sizeof(double));
  EXPECT_EQ(read_at<std::uint64_t>(gap.body, 0), 0U);
  EXPECT_EQ(read_at<double>(gap.body, 8), 7);
  EXPECT_TRUE(std::isnan(read_at<double>(gap.body, 16)));
  EXPECT_EQ(read_at<std::uint64_t>(gap.body, 24), 0b110U);

  EXPECT_EQ(text_of(answers.at("now").header.at("resultType")), "vector");
  EXPECT_EQ(answers.at("now").body.size(), 2 * sizeof(double));
  EXPECT_EQ(answers.at("nothing").body.size(), 0U);
}

TEST_F(QueryBatchTest, HistogramsStandInTheHeader) {
  model::FloatHistogram histogram;
  histogram.count = 3;
  histogram.sum = 4.5;
  histogram.positive_spans = {{0, 1}};
  histogram.positive_buckets = {3};
  storage_.append({{"__name__", "h"}}, 1'010'000, histogram);
  build();
  const auto answers = messages(R"({"queries":[
      {"id":"h","expr":"h","start":1000,"end":1010,"step":10,"accept":"columns"}]})");
  const Message& h = answers.at("h");
  EXPECT_EQ(boost::json::serialize(h.header.at("histograms")),
            R"([[0,1,{"count":"3","sum":"4.5","buckets":[[0,"0.5","1","3"]]}]])");
  EXPECT_EQ(h.body.size(), 3 * sizeof(double));
  EXPECT_EQ(read_at<std::uint64_t>(h.body, 16), 0U);
}

TEST_F(QueryBatchTest, WhatColumnsDoNotHoldComesAsJsonBetweenThem) {
  load();
  build();
  const auto answers = messages(R"({"queries":[
      {"id":"scalar","expr":"1.5","time":1050,"accept":"columns"},
      {"id":"raw","expr":"up[1m]","time":1050,"accept":"columns"},
      {"id":"json","expr":"up","time":1050,"accept":"json"},
      {"id":"wrong","expr":"up *","time":1050,"accept":"columns"},
      {"id":"columns","expr":"up","time":1050,"accept":"columns"}]})");
  ASSERT_EQ(answers.size(), 5U);
  for (const char* id : {"scalar", "raw", "json"}) {
    const Message& message = answers.at(id);
    EXPECT_EQ(message.magic, "NXJ1") << id;
    EXPECT_EQ(text_of(message.header.at("status")), "success");
  }
  EXPECT_EQ(answers.at("raw").header, plain("/api/v1/query?query=up%5B1m%5D&time=1050", "raw"));
  EXPECT_EQ(answers.at("wrong").magic, "NXC1");
  EXPECT_EQ(answers.at("wrong").header, plain("/api/v1/query?query=up+*&time=1050", "wrong"));
  EXPECT_EQ(answers.at("wrong").body, "");
  EXPECT_EQ(answers.at("columns").magic, "NXC1");
}

TEST_F(QueryBatchTest, ExemplarsAndWarningsStandBeside) {
  load();
  storage::SeriesExemplars exemplars;
  exemplars.series = model::Labels({{"__name__", "up"}});
  exemplars.exemplars = {{1'010'000, 0.5, model::Labels({{"trace_id", "abc"}})}};
  exemplars_.answer = {exemplars};
  build();
  const std::string query =
      R"({"id":"q","expr":"up","start":1000,"end":1100,"step":10,"limit":1,"exemplars":true)";
  const auto answers = lines(R"({"queries":[)" + query + "}]}");
  const std::string expected =
      R"([{"seriesLabels":{"__name__":"up"},"exemplars":[{"labels":{"trace_id":"abc"},"value":"0.5","timestamp":1010}]}])";
  EXPECT_EQ(boost::json::serialize(answers.at("q").at("exemplars")), expected);
  EXPECT_TRUE(answers.at("q").contains("warnings"));
  const auto columns = messages(R"({"queries":[)" + query + R"(,"accept":"columns"}]})");
  EXPECT_EQ(boost::json::serialize(columns.at("q").header.at("exemplars")), expected);
  EXPECT_EQ(text_of(columns.at("q").header.at("warnings").at(0)), "results truncated due to limit");
}

TEST_F(QueryBatchTest, MoreQueriesThanRunAtOnceAreAllAnsweredOnce) {
  load();
  build();
  std::string body = R"({"queries":[)";
  for (int i = 0; i < 200; ++i) {
    body += fmt::format(R"({}{{"id":"{}","expr":"up + {}","time":1050}})", i == 0 ? "" : ",", i, i);
  }
  const auto answers = lines(body + "]}");
  ASSERT_EQ(answers.size(), 200U);
  for (int i = 0; i < 200; ++i) {
    const boost::json::value& value =
        answers.at(std::to_string(i)).at("data").at("result").at(0).at("value").at(1);
    EXPECT_EQ(text_of(value), std::to_string(i + 1));
  }
  EXPECT_TRUE(lines(R"({"queries":[]})").empty());
}

TEST_F(QueryBatchTest, WhatIsNoListOfQueriesIsRefused) {
  build();
  const auto check = [this](const std::string& body, std::string_view words) {
    const test::RecordingWriter answer = post(body);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 100);
    EXPECT_LT(answer.body.size(), 1024U);
    const boost::json::value parsed = boost::json::parse(answer.body);
    EXPECT_EQ(text_of(parsed.at("errorType")), "bad_data");
    EXPECT_THAT(text_of(parsed.at("error")), HasSubstr(std::string(words)));
  };
  const auto one = [](std::string_view members) {
    return fmt::format(R"({{"queries":[{{{}}}]}})", members);
  };
  check("", "error parsing queries");
  check("{", "error parsing queries");
  check("{\"queries\":[{\"id\":\"\xff\"}]}", "error parsing queries");
  check(std::string(100'000, '['), "error parsing queries");
  check("[]", R"("queries")");
  check("{}", R"("queries")");
  check(R"({"queries":{}})", R"("queries")");
  check(R"({"queries":[1]})", R"("queries[0]")");
  check(one(""), R"("queries[0].id")");
  check(one(R"("id":1)"), R"("queries[0].id")");
  check(one(R"("id":"")"), R"("queries[0].id")");
  check(one(R"("id":")" + std::string(300, 'x') + '"'), R"("queries[0].id")");
  check(one(R"("id":"a","expr":[])"), R"("queries[0].expr")");
  check(one(R"("id":"a","step":{})"), R"("queries[0].step")");
  check(one(R"("id":"a","time":1,"start":1)"), R"("queries[0].time")");
  check(one(R"("id":"a","accept":"xml")"), R"("queries[0].accept")");
  check(one(R"("id":"a","accept":1)"), R"("queries[0].accept")");
  check(one(R"("id":"a","exemplars":"yes")"), R"("queries[0].exemplars")");
  check(one(R"("id":"a","ds":7)"), R"("queries[0].ds")");
  check(R"({"queries":[{"id":"a"},{"id":"a"}]})", R"("queries[1].id")");
  check(std::string(kBatchBytesMax + 1, ' '), "too long");
  std::string many = R"({"queries":[{"id":"0"})";
  for (std::size_t i = 1; i <= kBatchQueriesMax; ++i) many += fmt::format(R"(,{{"id":"{}"}})", i);
  check(many + "]}", "more than");
  EXPECT_EQ(ask("GET", std::string(kPath)).status, 405);
}

TEST_F(QueryBatchTest, AnUnknownSourceSpoilsNoOther) {
  load();
  build();
  const auto answers = lines(R"({"queries":[{"id":"here","expr":"up","time":1050,"ds":""},
      {"id":"there","expr":"up","time":1050,"ds":"other"}]})");
  EXPECT_EQ(text_of(answers.at("here").at("status")), "success");
  EXPECT_EQ(text_of(answers.at("there").at("errorType")), "not_found");
}

// Storage in which whoever asks for one certain time waits.
class HeldStorage final : public storage::Queryable {
 public:
  HeldStorage(storage::Queryable& storage, model::TimestampMs held)
      : storage_(storage), held_(held) {}
  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override {
    if (range.max == held_ && !let_through.pass())
      return util::fail(util::Code::kInternal, "never let through");
    return storage_.querier(range);
  }
  test::Gate let_through;

 private:
  storage::Queryable& storage_;
  model::TimestampMs held_;
};

// Opens a gate at the answer of a certain number.
class CountingRecorder final : public http::ResponseWriter {
 public:
  CountingRecorder(test::Gate& gate, std::size_t answers) : gate_(gate), left_(answers) {}
  void set_header(std::string_view, std::string_view) override {}
  void add_header(std::string_view, std::string_view) override {}
  void send(int, std::string_view, std::string) override {}
  void start(int, std::string_view) override {}
  util::Result<void> write(std::string_view bytes) override {
    body += bytes;
    return {};
  }
  void abort() override {}
  util::Result<void> flush() override {
    if (--left_ == 0) gate_.open();
    return {};
  }
  [[nodiscard]] bool started() const noexcept override { return true; }
  std::string body;

 private:
  test::Gate& gate_;
  std::size_t left_;
};

// Goal: the first query, which takes long, holds up no other's answer. Method: its storage answers
// only when all the others have been written.
TEST_F(QueryBatchTest, WhatTakesLongComesLast) {
  load();
  build(false);
  HeldStorage held(storage_, 1'050'000);
  Backends backends;
  backends.queryable = &held;
  backends.appender = &appender_;
  backends.engine = &engine_;
  backends.targets = &targets_;
  backends.database = &database_;
  api_->set_ready(backends);
  http::Request request;
  request.method = "POST";
  request.target = request.path = kPath;
  request.body = R"({"queries":[{"id":"slow","expr":"up","time":1050})";
  constexpr std::size_t kOthers = 20;
  for (std::size_t i = 0; i < kOthers; ++i)
    request.body += fmt::format(R"(,{{"id":"{}","expr":"up","time":1060}})", i);
  request.body += "]}";
  const http::Router::Match match = router_.match("POST", kPath);
  ASSERT_NE(match.route, nullptr);
  test::Gate others_answered;
  CountingRecorder writer(others_answered, kOthers);
  auto done = std::async(std::launch::async, [&] { match.route->handler(request, writer); });
  EXPECT_TRUE(others_answered.pass());
  held.let_through.open();
  done.get();
  const std::size_t slow = writer.body.find(R"("id":"slow")");
  ASSERT_NE(slow, std::string::npos);
  EXPECT_EQ(writer.body.find(R"("id":)", slow + 1), std::string::npos);
}

// Goal: a client that goes away in the middle leaves no query running, and the handler returns.
TEST_F(QueryBatchTest, AClientThatGoesEndsTheRest) {
  load();
  build();
  http::Request request;
  request.method = "POST";
  request.target = request.path = kPath;
  request.body = R"({"queries":[)";
  for (int i = 0; i < 100; ++i)
    request.body += fmt::format(R"({}{{"id":"{}","expr":"up","time":1050}})", i == 0 ? "" : ",", i);
  request.body += "]}";
  http::Router::Match match = router_.match("POST", kPath);
  ASSERT_NE(match.route, nullptr);
  EXPECT_EQ(match.route->body_bytes_max, kBatchBytesMax);
  EXPECT_EQ(match.route->compress, http::Compress::kNever);
  test::RecordingWriter writer;
  writer.bytes_until_gone = 0;
  match.route->handler(request, writer);
  EXPECT_EQ(writer.status, 200);
  EXPECT_EQ(writer.body, "");
  const boost::json::value activity = boost::json::parse(get("/api/narthex/v1/queries"));
  EXPECT_TRUE(activity.at("data").at("running").as_array().empty());
}

}  // namespace
}  // namespace narthex::api
