#include "cli/flags.h"

#include <algorithm>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/flag_table.h"

namespace narthex::cli {
namespace {

using Kind = ParseOutcome::Kind;
using std::chrono::hours, std::chrono::milliseconds, std::chrono::minutes;

CommandLine must_parse(const std::vector<std::string>& arguments) {
  ParseOutcome outcome = parse_command_line(arguments);
  EXPECT_EQ(outcome.kind, Kind::kRun) << outcome.text;
  return std::move(outcome.command_line);
}

TEST(Flags, DefaultsArePrometheus) {
  const CommandLine line = must_parse({});
  EXPECT_EQ(line.server.config_file, "prometheus.yml");
  EXPECT_FALSE(line.server.config_file_given);
  EXPECT_EQ(line.server.storage.path, "data/");
  EXPECT_EQ(line.server.storage.head_chunk_range, milliseconds(hours(2)));
  EXPECT_FALSE(line.server.storage.retention_time.has_value());
  EXPECT_EQ(line.server.storage.wal_segment_bytes, 128ULL << 20U);
  EXPECT_EQ(line.server.storage.wal_compression, "snappy");
  EXPECT_TRUE(line.server.storage.lock_file);
  EXPECT_THAT(line.server.web.listen_addresses, testing::ElementsAre("0.0.0.0:9090"));
  EXPECT_FALSE(line.server.web.enable_lifecycle);
  EXPECT_EQ(line.server.query.lookback, milliseconds(minutes(5)));
  EXPECT_EQ(line.server.query.concurrent_queries_max, 20U);
  EXPECT_EQ(line.server.query.samples_max, 50'000'000U);
}

TEST(Flags, TakesBothSpellingsOfAValueAndOfABoolean) {
  const CommandLine line =
      must_parse({"--config.file", "a.yml", "--storage.tsdb.path=/d", "--web.enable-lifecycle",
                  "--no-scrape.adjust-timestamps", "--storage.tsdb.retention.time=100y",
                  "--no-storage.tsdb.wal-compression", "--storage.tsdb.no-lockfile"});
  EXPECT_EQ(line.server.config_file, "a.yml");
  EXPECT_TRUE(line.server.config_file_given);
  EXPECT_EQ(line.server.storage.path, "/d");
  EXPECT_TRUE(line.server.web.enable_lifecycle);
  EXPECT_FALSE(line.server.scrape.adjust_timestamps);
  EXPECT_EQ(line.server.storage.retention_time, milliseconds(hours(24 * 365 * 100)));
  EXPECT_EQ(line.server.storage.wal_compression, "none");
  EXPECT_FALSE(line.server.storage.lock_file);
}

TEST(Flags, RepeatedListFlagsAddUp) {
  const CommandLine line =
      must_parse({"--web.listen-address=:1", "--web.listen-address", "127.0.0.1:2",
                  "--enable-feature=promql-experimental-functions,no-such-thing",
                  "--enable-feature=promql-delayed-name-removal"});
  EXPECT_THAT(line.server.web.listen_addresses, testing::ElementsAre(":1", "127.0.0.1:2"));
  EXPECT_TRUE(line.server.query.experimental_functions);
  EXPECT_TRUE(line.server.query.delayed_name_removal);
  EXPECT_FALSE(line.server.query.use_start_timestamps);
  EXPECT_THAT(line.warnings, testing::ElementsAre(testing::HasSubstr("no-such-thing")));
}

TEST(Flags, BadOnesNameTheFlagAndExitWithTwo) {
  const auto check = [](const std::vector<std::string>& arguments, const char* want) {
    const ParseOutcome outcome = parse_command_line(arguments);
    EXPECT_EQ(outcome.kind, Kind::kFail) << want;
    EXPECT_EQ(outcome.exit_code, 2) << want;
    EXPECT_THAT(outcome.text, testing::HasSubstr(want));
  };
  check({"--no.such.flag"}, "--no.such.flag");
  check({"--no.such.flag=1"}, "no.such.flag");
  check({"positional"}, "positional");
  check({"--query.timeout=abc"}, "--query.timeout");
  check({"--query.max-samples=-1"}, "--query.max-samples");
  check({"--query.max-concurrency=0"}, "--query.max-concurrency");
  check({"--log.level=loud"}, "flag --log.level: unrecognized log level \"loud\"");
  check({"--log.format=xml"}, "flag --log.format: unrecognized log format");
  check({"--storage.tsdb.wal-segment-size=1MB"}, "between 10MB and 256MB");
  check({"--storage.tsdb.wal-compression-type=lz4"}, "neither snappy nor zstd");
  check({"--web.cors.origin=("}, "--web.cors.origin");
  check({"--web.external-url=\"http://x/\""}, "quotes");
  check({"--storage.memory-budget=1XB"}, "--storage.memory-budget");
  check({"--storage.tsdb.delayed-compaction.max-percent=101"}, "max-percent");
  check({"--web.remote-write-receiver.accepted-protobuf-messages=foo"},
        "unknown remote write protobuf message foo");
  check({"--web.remote-write-receiver.accepted-protobuf-messages=,"}, "names none");
  check({"--agent"}, "flag --agent: not supported by this version");
  check({"--web.user-assets=web.yml"}, "--web.user-assets: not supported");
}

TEST(Flags, TheMemoryBudgetIsTakenOver) {
  EXPECT_EQ(must_parse({"--storage.memory-budget=512MB"}).server.storage.memory_budget_bytes,
            512ULL << 20U);
  EXPECT_EQ(must_parse({}).server.storage.memory_budget_bytes, 0U);
}

TEST(Flags, CompactionCanBeDelayed) {
  const auto plain = must_parse({}).server.storage;
  EXPECT_FALSE(plain.delayed_compaction);
  EXPECT_EQ(plain.compaction_delay_percent, 10);
  EXPECT_EQ(plain.uploaded_blocks_file, "");
  const auto delayed = must_parse({"--enable-feature=delayed-compaction",
                                   "--storage.tsdb.delayed-compaction.max-percent=100",
                                   "--storage.tsdb.delay-compact-file.path=/d/shipper.json"})
                           .server.storage;
  EXPECT_TRUE(delayed.delayed_compaction);
  EXPECT_EQ(delayed.compaction_delay_percent, 100);
  EXPECT_EQ(delayed.uploaded_blocks_file, "/d/shipper.json");
}

TEST(Flags, RemoteWriteMessagesAreNamed) {
  const auto messages = [](const std::vector<std::string>& arguments) {
    return must_parse(arguments).server.web.remote_write_messages;
  };
  EXPECT_TRUE(messages({}).v1 && messages({}).v2);
  const std::string flag = "--web.remote-write-receiver.accepted-protobuf-messages=";
  EXPECT_TRUE(messages({flag + "prometheus.WriteRequest"}).v1);
  EXPECT_FALSE(messages({flag + "prometheus.WriteRequest"}).v2);
  EXPECT_FALSE(messages({flag + "io.prometheus.write.v2.Request"}).v1);
  EXPECT_TRUE(
      messages({flag + "io.prometheus.write.v2.Request", flag + "prometheus.WriteRequest"}).v1);
}

TEST(Flags, GoRuntimeFlagsAreAccepted) {
  must_parse({"--no-auto-gomaxprocs", "--auto-gomemlimit.ratio=0.5", "--auto-gomemlimit"});
}

TEST(Flags, EveryFlagIsListedWithItsValue) {
  const CommandLine line = must_parse({"--query.timeout=30s", "--web.enable-lifecycle"});
  std::set<std::string> names;
  for (const auto& [name, value, default_value, help] : line.server.flags) {
    names.insert(name);
    EXPECT_FALSE(help.empty()) << name;
    if (name == "query.timeout") {
      EXPECT_EQ(value, "30s");
      EXPECT_EQ(default_value, "2m");
    } else if (name == "web.enable-lifecycle") {
      EXPECT_EQ(value, "true");
      EXPECT_EQ(default_value, "false");
    } else {
      EXPECT_EQ(value, default_value) << name;
    }
  }
  EXPECT_EQ(names.size(), flag_table().size());
  EXPECT_TRUE(std::ranges::is_sorted(line.server.flags, {}, &api::FlagInfo::name));
}

TEST(Flags, HelpAndVersionPrint) {
  EXPECT_EQ(parse_command_line({"--help"}).kind, Kind::kPrint);
  EXPECT_THAT(parse_command_line({"--help"}).text, testing::HasSubstr("--storage.tsdb.path"));
  const ParseOutcome version = parse_command_line({"--version"});
  EXPECT_EQ(version.kind, Kind::kPrint);
  EXPECT_THAT(version.text, testing::StartsWith("narthex, version "));
}

TEST(ParseBytes, ReadsUnitsAsPowersOf1024) {
  const auto check = [](std::string_view text, std::uint64_t want) {
    const auto got = parse_bytes(text);
    ASSERT_TRUE(got.has_value()) << text;
    EXPECT_EQ(*got, want) << text;
  };
  check("0", 0);
  check("512", 512);
  check("1B", 1);
  check("1KB", 1024);
  check("128MB", 128ULL << 20U);
  check("1.5GiB", 3ULL << 29U);
  check("2TB", 2ULL << 40U);
  for (const std::string_view bad : {"", "MB", "-1", "1X", "1MBB", "1M", "9999999999EB", "nan"}) {
    EXPECT_FALSE(parse_bytes(bad).has_value()) << bad;
  }
}

}  // namespace
}  // namespace narthex::cli
