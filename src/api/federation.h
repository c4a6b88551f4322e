// /federate: the newest sample of each series that is asked for, in an exposition format, for
// another server to scrape (PR-F1 … PR-F3). Threads: free functions.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"
#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"

#include "api/endpoints.h"

namespace narthex::api {

enum class ExpositionFormat : std::uint8_t { kText, kProtobuf };
// How names go out that are not [a-zA-Z_:][a-zA-Z0-9_:]*.
enum class NameEscaping : std::uint8_t { kUnderscores, kDots, kValues, kNone };

struct Exposition {
  ExpositionFormat format = ExpositionFormat::kText;
  NameEscaping escaping = NameEscaping::kUnderscores;
};
// What an Accept header asks for: of the clauses that we can serve the one with the highest q, the
// first of equals. Text if there is none.
[[nodiscard]] Exposition negotiate_exposition(std::string_view accept);
[[nodiscard]] std::string content_type_of(Exposition exposition);
[[nodiscard]] std::string escaped_name(std::string_view name, NameEscaping escaping);

// One sample of a family, with everything that goes out.
struct FederatedSample {
  model::Labels labels;
  model::TimestampMs timestamp = 0;
  double value = 0;
  bool is_histogram = false;
  model::FloatHistogram histogram;
};

// Labels for every series that has none of that name; sorted. An empty value is written, too.
using ExtraLabels = std::vector<std::pair<std::string, std::string>>;

// A family: the samples of one metric name and of one kind (floats or histograms); at least one.
// Text knows no exponential histograms: those are left out, those of custom buckets become classic
// ones.
void append_text_family(std::string& out, std::span<const FederatedSample> family,
                        NameEscaping escaping, const ExtraLabels& extra);
// MetricFamily messages, each behind its length.
void append_protobuf_family(std::string& out, std::span<const FederatedSample> family,
                            NameEscaping escaping, const ExtraLabels& extra);

void federate(const Api::State& api, const http::Request& request, http::ResponseWriter& out);

}  // namespace narthex::api
