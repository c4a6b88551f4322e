// Query results as JSON, straight from the engine's columns.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/promql/query_result.h"

#include "api/json.h"

namespace narthex::api {

// {"count":"…","sum":"…","buckets":[[rule,"lower","upper","count"],…]} (HA-J6)
void append_json_histogram(std::string& out, const model::FloatHistogram& histogram);

// The value of "result". False when the client went away in the middle.
[[nodiscard]] bool write_result(JsonStream& json, const promql::QueryResult& result);
// "stats":{…}, per step too where the result has it.
void append_stats(std::string& out, const promql::QueryResult& result);
// ,"warnings":[…],"infos":[…]: each absent when empty, and cut off after ten (HA-G17).
void append_annotations(std::string& out, const promql::Annotations& annotations);
// ,"warnings":["…"], or nothing.
void append_warnings(std::string& out, const std::vector<std::string>& warnings);

}  // namespace narthex::api
