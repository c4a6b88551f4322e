// The suite "remote_write": raw requests of a sender, in order, to the receiver over a fresh
// database. Where the recorded server failed (500, or no answer at all) on a bad request, 400 is
// what is right.
#include <set>

#include <boost/beast/core/detail/base64.hpp>
#include <fmt/format.h>

#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"
#include "narthex/util/clock.h"

#include "api/remote_write.h"
#include "conformance/suite.h"
#include "support/recording_writer.h"
#include "support/temp_dir.h"

namespace narthex::conformance {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Problems = std::vector<std::string>;

std::string from_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::decoded_size(text.size()), '\0');
  out.resize(base64::decode(out.data(), text.data(), text.size()).first);
  return out;
}

// Nobody rejects it there, but it cannot be queried afterwards: schemas end at 52.
bool is_of_unknown_schema(std::string_view name) {
  return name.find("bad schema") != std::string_view::npos;
}

int wanted_status(const json::object& record) {
  const json::value& status = record.at("status");
  if (!status.is_number() || is_of_unknown_schema(text_of(record, "name"))) return 400;
  const int recorded = status.to_number<int>();
  return recorded == 500 ? 400 : recorded;
}

Problems compare(const json::object& record, const test::RecordingWriter& got) {
  const int status = wanted_status(record);
  if (got.status != status)
    return {fmt::format("status {}, want {}: {}", got.status, status, got.body)};
  Problems problems;
  for (const auto& header : record.at("response_headers").as_object()) {
    const std::string_view value = got.headers.get(header.key());
    if (value != std::string_view(header.value().as_string()))
      problems.push_back(fmt::format("{}: {}, want {}", std::string_view(header.key()), value,
                                     json::serialize(header.value())));
  }
  return problems;
}

void check_sequence(Run& run, const fs::path& file) {
  const std::string name = file.filename().string();
  const auto records = read_json_lines(file, run.report);
  if (!records || !run.wants_file(name)) return;
  const test::TempDir scratch;
  tsdb::DbOptions options;
  options.path = scratch / "data";
  options.out_of_order_window = std::chrono::minutes(10);  // The recorded server's.
  auto db = tsdb::Db::open(std::move(options));
  if (!db) return run.report.fail(name, "open", db.error().message());
  telemetry::Registry registry;
  api::RemoteWriteReceiver receiver(**db, util::system_clock(), registry, {});
  for (const json::object& record : *records) {
    http::Request request;
    request.method = "POST";
    request.body = from_base64(text_of(record, "body_base64"));
    for (const auto& header : record.at("headers").as_object())
      request.headers.add(std::string(header.key()), std::string(header.value().as_string()));
    test::RecordingWriter writer;
    receiver.handle(request, writer);
    // Later requests build on earlier ones: all are sent, those that are wanted are judged.
    const std::string id = json::serialize(record.at("id"));
    if (!run.wants(name, id)) continue;
    Problems problems = compare(record, writer);
    if (!problems.empty())
      problems.front() = fmt::format("{}: {}", text_of(record, "name"), problems.front());
    run.report.judge(name, id, problems);
  }
}

void run_remote_write(Run& run) {
  const fs::path inner = run.folder / "remote_write";
  const fs::path folder = fs::is_directory(inner) ? inner : run.folder;
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".jsonl") files.insert(entry.path());
  }
  for (const fs::path& file : files) check_sequence(run, file);
}

const Suite kSuite("remote_write", &run_remote_write);

}  // namespace
}  // namespace narthex::conformance
