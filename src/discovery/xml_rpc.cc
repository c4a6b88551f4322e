#include "discovery/xml_rpc.h"

#include <charconv>

#include <fmt/format.h>

namespace narthex::discovery {
namespace {

std::string number_value(std::int64_t number) {
  return fmt::format("<value><int>{}</int></value>", number);
}

std::string value_of(const XmlRpcParam& param) {
  if (const auto* text = std::get_if<std::string>(&param))
    return fmt::format("<value><string>{}</string></value>", xml_escaped(*text));
  if (const auto* number = std::get_if<std::int64_t>(&param)) return number_value(*number);
  std::string items;
  for (const std::int64_t number : std::get<std::vector<std::int64_t>>(param))
    items += number_value(number);
  return fmt::format("<value><array><data>{}</data></array></value>", items);
}

const XmlNode& nothing() {
  static const XmlNode node;
  return node;
}

}  // namespace

std::string xml_rpc_call(std::string_view method, const std::vector<XmlRpcParam>& params) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?><methodCall><methodName>{}</methodName><params>",
      xml_escaped(method));
  for (const XmlRpcParam& param : params) out += fmt::format("<param>{}</param>", value_of(param));
  return out + "</params></methodCall>";
}

const std::string& XmlRpcValue::text() const {
  if (value_->children.empty()) return value_->text;  // Without a type it is a text.
  const XmlNode& typed = value_->children.front();
  return typed.children.empty() ? typed.text : nothing().text;
}

std::int64_t XmlRpcValue::number() const {
  const std::string& digits = text();
  std::int64_t out = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), out);
  return out;
}

std::vector<XmlRpcValue> XmlRpcValue::items() const {
  std::vector<XmlRpcValue> out;
  for (const XmlNode& item : value_->at("array", "data").children) {
    if (item.name == "value") out.emplace_back(item);
  }
  return out;
}

XmlRpcValue XmlRpcValue::member(std::string_view name) const {
  for (const XmlNode& member : value_->at("struct").children) {
    if (member.name == "member" && member.at("name").text == name)
      return XmlRpcValue(member.at("value"));
  }
  return XmlRpcValue(nothing());
}

util::Result<XmlRpcValue> xml_rpc_answer(const XmlNode& root) {
  if (root.name != "methodResponse")
    return util::fail(util::Code::kInvalidArgument, "no XML-RPC answer");
  const XmlNode& fault = root.at("fault");
  if (!fault.name.empty()) {
    const XmlRpcValue what(fault.at("value"));
    return util::fail(util::Code::kInvalidArgument,
                      fmt::format("XML-RPC fault {}: {}", what.member("faultCode").number(),
                                  what.member("faultString").text().substr(0, 200)));
  }
  const XmlNode& value = root.at("params", "param", "value");
  if (value.name.empty())
    return util::fail(util::Code::kInvalidArgument, "no value in the XML-RPC answer");
  return XmlRpcValue(value);
}

}  // namespace narthex::discovery
