// /federate: the newest sample of each series that is asked for, in an exposition format, for
// another server to scrape (PR-F1 … PR-F3). Threads: free functions.
#pragma once

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
#include "api/exposition_format.h"

namespace narthex::api {

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
