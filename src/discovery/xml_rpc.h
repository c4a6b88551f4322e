// XML-RPC as far as a client of lists needs it: calls with plain parameters, answers as values.
// http://xmlrpc.com/spec.md
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "discovery/xml.h"

namespace narthex::discovery {

using XmlRpcParam = std::variant<std::string, std::int64_t, std::vector<std::int64_t>>;

// The body of a call.
[[nodiscard]] std::string xml_rpc_call(std::string_view method,
                                       const std::vector<XmlRpcParam>& params);

// One <value>, wherever it stands; what is not there, or is of another type, is empty. A view that
// lives as long as the document.
class XmlRpcValue {
 public:
  explicit XmlRpcValue(const XmlNode& value) : value_(&value) {}
  // Texts, numbers and booleans as they are written.
  [[nodiscard]] const std::string& text() const;
  [[nodiscard]] std::int64_t number() const;
  [[nodiscard]] bool flag() const { return text() == "1"; }
  [[nodiscard]] bool is_array() const { return !value_->at("array").name.empty(); }
  [[nodiscard]] std::vector<XmlRpcValue> items() const;
  [[nodiscard]] XmlRpcValue member(std::string_view name) const;

 private:
  const XmlNode* value_;
};

// The one value of an answer. kInvalidArgument: it is none, or a fault, with its text.
util::Result<XmlRpcValue> xml_rpc_answer(const XmlNode& root);

}  // namespace narthex::discovery
