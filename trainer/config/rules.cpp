#include "config/rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "config/suggestions.h"

namespace allmodes::config {
namespace {

std::vector<std::string> not_empty(std::span<const std::string_view> names) {
  std::vector<std::string> result;
  for (const auto name : names)
    if (!name.empty()) result.emplace_back(name);
  return result;
}

// A bound as it would be written: whole numbers without an exponent.
std::string bound(double x) {
  return x == std::floor(x) && std::abs(x) < 1e15 ? fmt::format("{}", static_cast<int64_t>(x))
                                                  : fmt::format("{}", x);
}

}  // namespace

std::string words(const Anything&) {
  return "";
}

std::string words(const Registered&) {
  return "";
}

std::string words(const Range& range) {
  std::string text;
  if (std::isfinite(range.low))
    text = fmt::format("{} {}", range.open_low ? "greater than" : "at least", bound(range.low));
  if (std::isfinite(range.high))
    text += fmt::format("{}{} {}", text.empty() ? "" : " and ",
                        range.open_high ? "below" : "at most", bound(range.high));
  if (text.empty()) text = "a finite number";
  return range.or_zero ? "0 or " + text : text;
}

std::string words(const OneOf& rule) {
  const bool may_be_empty = not_empty(rule.names).size() < rule.names.size();
  return fmt::format("{}{}", may_be_empty ? "\"\", " : "", fmt::join(not_empty(rule.names), ", "));
}

std::string words(const FolderName&) {
  return "1 to 100 letters, digits, '_', '-' or '.'";
}

std::string violation(double value, const std::string& as_written, const Range& range) {
  const bool above = range.open_low ? value > range.low : value >= range.low;
  const bool below = range.open_high ? value < range.high : value <= range.high;
  if (std::isfinite(value) && ((above && below) || (range.or_zero && value == 0))) return {};
  return fmt::format("must be {}, is {}", words(range), as_written);
}

std::string violation(const std::string& value, const OneOf& rule) {
  for (const auto name : rule.names)
    if (value == name) return {};
  return unknown_name(rule.what, value, not_empty(rule.names));
}

std::string violation(const std::string& value, const FolderName& rule) {
  const bool good =
      !value.empty() && value.size() <= 100 &&
      value.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == std::string::npos;
  return good ? "" : fmt::format("must be {}: it names a folder", words(rule));
}

}  // namespace allmodes::config
