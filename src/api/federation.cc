#include "api/federation.h"

#include <algorithm>
#include <bit>
#include <span>

#include <fmt/format.h>

#include "narthex/model/stale.h"

#include "api/params.h"

namespace narthex::api {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";
constexpr std::size_t kRelieveBytes = 32U << 10U;

void send_error_text(http::ResponseWriter& out, int status, std::string_view message) {
  out.set_header("X-Content-Type-Options", "nosniff");
  out.send(status, kPlainText, std::string(message) + "\n");
}

// What a series without a label of that name goes out with: the external labels, and an empty
// `instance`, so that a scraper with honor_labels does not put its own there (PR-F3).
ExtraLabels extra_labels(const Api::State& api) {
  ExtraLabels extra;
  const model::Labels external =
      api.callbacks.external_labels ? api.callbacks.external_labels() : model::Labels();
  for (const model::LabelView label : external) extra.emplace_back(label.name, label.value);
  if (!external.has("instance")) extra.emplace_back("instance", "");
  std::ranges::sort(extra);
  return extra;
}

// The newest sample; nullopt when there is none, or when it says that the series has ended.
std::optional<FederatedSample> newest_of(const storage::SampleColumns& samples) {
  FederatedSample out;
  const bool has_float = !samples.float_timestamps.empty();
  const bool has_histogram = !samples.histogram_timestamps.empty();
  if (!has_float && !has_histogram) return std::nullopt;
  out.is_histogram = has_histogram && (!has_float || samples.histogram_timestamps.back() >
                                                         samples.float_timestamps.back());
  if (out.is_histogram) {
    out.timestamp = samples.histogram_timestamps.back();
    out.histogram = samples.histograms.back();
    if (model::is_stale(out.histogram.sum)) return std::nullopt;
  } else {
    out.timestamp = samples.float_timestamps.back();
    out.value = samples.float_values.back();
    if (model::is_stale(out.value)) return std::nullopt;
  }
  return out;
}

using Samples = std::vector<FederatedSample>;

util::Result<void> collect(const Api::State& api, const model::Matchers& matchers,
                           const storage::Deadline& deadline, Samples& out) {
  const model::TimestampMs now = api.clock.wall_ms();
  const model::TimeRange range{now - api.backends.engine->options().lookback.count(), now};
  NX_ASSIGN(const auto querier, api.backends.queryable->querier(range));
  NX_ASSIGN(const auto set, querier->select(matchers, storage::SeriesOrder::kByLabels, deadline));
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    NX_TRY(deadline.check());
    samples.clear();
    NX_TRY(set->read(i, range, samples));
    auto newest = newest_of(samples);
    if (!newest) continue;
    newest->labels = set->labels(i);
    out.push_back(*std::move(newest));
  }
  return {};
}

// By name, then by labels; a series that several selectors match once.
void sort_and_unite(Samples& samples) {
  std::ranges::sort(samples, [](const FederatedSample& a, const FederatedSample& b) {
    const int order = a.labels.metric_name().compare(b.labels.metric_name());
    return order != 0 ? order < 0 : a.labels < b.labels;
  });
  const auto repeated = std::ranges::unique(samples, {}, &FederatedSample::labels);
  samples.erase(repeated.begin(), repeated.end());
}

std::size_t family_end(const Samples& samples, std::size_t begin) {
  std::size_t end = begin + 1;
  while (end < samples.size() && samples[end].is_histogram == samples[begin].is_histogram &&
         samples[end].labels.metric_name() == samples[begin].labels.metric_name()) {
    ++end;
  }
  return end;
}

void send_samples(const Samples& samples, Exposition exposition, const ExtraLabels& extra,
                  http::ResponseWriter& out) {
  std::string buffer;
  out.start(200, content_type_of(exposition));
  for (std::size_t begin = 0; begin < samples.size();) {
    const std::size_t end = family_end(samples, begin);
    const std::span family(samples.data() + begin, end - begin);
    if (is_protobuf(exposition.format)) {
      std::string delimited;
      append_protobuf_family(delimited, family, exposition.escaping, extra);
      buffer += in_protobuf_format(std::move(delimited), exposition.format);
    } else {
      append_text_family(buffer, family, exposition.escaping, extra);
    }
    if (buffer.size() >= kRelieveBytes) {
      if (!out.write(buffer)) return;  // The client has gone.
      buffer.clear();
    }
    begin = end;
  }
  static_cast<void>(out.write(buffer));  // Nobody is left to be told that the client has gone.
}

}  // namespace

void federate(const Api::State& api, const http::Request& request, http::ResponseWriter& out) {
  const http::Form params = http::Form::parse(request.query);
  const auto selectors = selector_params(params);
  if (!selectors) return send_error_text(out, 400, selectors.error().message);
  const Call call{api, request, params, out};
  const storage::Deadline deadline = call.deadline();
  Samples samples;
  for (const model::Matchers& matchers : *selectors) {
    if (matchers.empty()) continue;  // "{}" selects nothing here, as in Prometheus.
    if (const auto done = collect(api, matchers, deadline, samples); !done)
      return send_error_text(out, 500, done.error().message());
  }
  sort_and_unite(samples);
  const Exposition exposition = negotiate_exposition(request.headers.get("Accept"));
  send_samples(samples, exposition, extra_labels(api), out);
}

}  // namespace narthex::api
