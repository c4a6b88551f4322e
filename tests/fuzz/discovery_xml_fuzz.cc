// Any document: no crash, what is accepted says the same when it is written out and read again, and
// its values as XML-RPC can be walked.
#include <algorithm>
#include <cstdint>
#include <string>

#include "narthex/util/check.h"

#include "discovery/xml.h"
#include "discovery/xml_rpc.h"

namespace {

using narthex::discovery::XmlNode;
using narthex::discovery::XmlRpcValue;

bool is_plain(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  });
}

// False: a name that has to be written in another way.
bool write(const XmlNode& node, std::string& out) {
  if (!is_plain(node.name)) return false;
  out += "<" + node.name;
  for (const auto& [key, value] : node.attributes) {
    if (!is_plain(key)) return false;
    std::string quoted = narthex::discovery::xml_escaped(value);
    for (std::size_t at = 0; (at = quoted.find('"', at)) != std::string::npos;)
      quoted.replace(at, 1, "&quot;");
    out += " " + key + "=\"" + quoted + "\"";
  }
  out += ">" + narthex::discovery::xml_escaped(node.text);
  for (const XmlNode& child : node.children) {
    if (!write(child, out)) return false;
  }
  out += "</" + node.name + ">";
  return true;
}

bool is_same(const XmlNode& a, const XmlNode& b) {
  return a.name == b.name && a.text == b.text && a.attributes == b.attributes &&
         std::ranges::equal(a.children, b.children, is_same);
}

std::size_t walk(const XmlRpcValue& value, int depth) {
  std::size_t count = value.text().size() + static_cast<std::size_t>(value.number() != 0);
  if (depth == 0) return count;
  for (const XmlRpcValue& item : value.items()) count += walk(item, depth - 1);
  return count + value.member("system_id").text().size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto root = narthex::discovery::parse_xml(text);
  if (!root) return 0;
  std::string written;
  if (write(*root, written)) {
    const auto again = narthex::discovery::parse_xml(written);
    NX_CHECK(again.has_value(), "what was accepted is refused");
    NX_CHECK(is_same(*root, *again), "what was accepted says something else");
  }
  if (const auto answer = narthex::discovery::xml_rpc_answer(*root))
    NX_CHECK(walk(*answer, 8) < SIZE_MAX, "a value without an end");
  return 0;
}
