// Reading the XML answers of discovery servers: small, bounded, without document types and so
// without entities of their own.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/util/result.h"

namespace narthex::discovery {

// Threads: values.
struct XmlNode {
  std::string name;  // Without the prefix of its namespace.
  std::string text;  // Of the element itself, without blanks at both ends.
  std::vector<std::pair<std::string, std::string>> attributes;
  std::vector<XmlNode> children;

  // The first child of that name; an empty node when there is none. Lives as long as this one.
  [[nodiscard]] const XmlNode& at(std::string_view child) const;
  template <class... More>
  [[nodiscard]] const XmlNode& at(std::string_view child, More... more) const {
    return at(child).at(more...);
  }
  [[nodiscard]] std::string_view attribute(std::string_view key) const;
};

// The root element. kInvalidArgument: no XML, not UTF-8, or with a document type; kLimitExceeded:
// nested more than 64 deep, or of more than a million elements.
util::Result<XmlNode> parse_xml(std::string_view text);
// Text as it may stand between tags.
[[nodiscard]] std::string xml_escaped(std::string_view text);

}  // namespace narthex::discovery
