// The registry's families in the text format.
#include "narthex/telemetry/registry.h"
#include "narthex/util/number.h"

namespace narthex::telemetry {
namespace {

void append_escaped(std::string& out, std::string_view text, bool escape_quote) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && escape_quote) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
}

// name{labels,extra="…"} value
void append_sample(std::string& out, std::string_view name, const LabelPairs& labels,
                   std::string_view extra_name, std::string_view extra_value, double value) {
  out += name;
  bool first = true;
  const auto add = [&](std::string_view key, std::string_view text) {
    out += first ? "{" : ",";
    first = false;
    out += key;
    out += "=\"";
    append_escaped(out, text, true);
    out += '"';
  };
  for (const auto& [key, text] : labels) add(key, text);
  if (!extra_name.empty()) add(extra_name, extra_value);
  if (!first) out += '}';
  out += ' ';
  util::append_value(out, value);
  out += '\n';
}

std::string number_text(double value) {
  std::string out;
  util::append_general(out, value);
  return out;
}

std::string_view type_text(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return "counter";
    case FamilyType::kGauge:
      return "gauge";
    case FamilyType::kHistogram:
      return "histogram";
    case FamilyType::kSummary:
      return "summary";
  }
  return "untyped";
}

void append_histogram(std::string& out, const std::string& name,
                      const FamilySnapshot::Member& member) {
  const Histogram::Snapshot& histogram = member.histogram;
  for (const auto& [bound, count] : histogram.buckets) {
    append_sample(out, name + "_bucket", member.labels, "le", number_text(bound),
                  static_cast<double>(count));
  }
  append_sample(out, name + "_sum", member.labels, {}, {}, histogram.sum);
  append_sample(out, name + "_count", member.labels, {}, {}, static_cast<double>(histogram.count));
}

void append_summary(std::string& out, const std::string& name,
                    const FamilySnapshot::Member& member) {
  const Summary::Snapshot& summary = member.summary;
  for (const auto& [quantile, value] : summary.quantiles)
    append_sample(out, name, member.labels, "quantile", number_text(quantile), value);
  append_sample(out, name + "_sum", member.labels, {}, {}, summary.sum);
  append_sample(out, name + "_count", member.labels, {}, {}, static_cast<double>(summary.count));
}

}  // namespace

void append_text(std::string& out, std::span<const FamilySnapshot> families) {
  for (const FamilySnapshot& family : families) {
    out += "# HELP " + family.name + " ";
    append_escaped(out, family.help, false);
    out += "\n# TYPE " + family.name + " ";
    out += type_text(family.type);
    out += '\n';
    for (const FamilySnapshot::Member& member : family.members) {
      if (family.type == FamilyType::kHistogram) {
        append_histogram(out, family.name, member);
      } else if (family.type == FamilyType::kSummary) {
        append_summary(out, family.name, member);
      } else {
        append_sample(out, family.name, member.labels, {}, {}, member.value);
      }
    }
  }
}

}  // namespace narthex::telemetry
