#include "records/record.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace allmodes::records {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kNonFinite = "_nonfinite";

std::string non_finite_name(double value) {
  if (std::isnan(value)) return "nan";
  return value > 0 ? "inf" : "-inf";
}

void put(Json& json, const std::string& name, double value) {
  if (std::isfinite(value)) {
    json[name] = value;
  } else {
    json[name] = nullptr;
    json[name + std::string(kNonFinite)] = non_finite_name(value);
  }
}

void put(Json& json, const std::string& name, const std::vector<double>& list) {
  Json values = Json::array();
  Json lost = Json::array();
  for (const double value : list) {
    if (std::isfinite(value)) {
      values.push_back(value);
    } else {
      values.push_back(nullptr);
      lost.push_back(non_finite_name(value));
    }
  }
  json[name] = std::move(values);
  if (!lost.empty()) json[name + std::string(kNonFinite)] = std::move(lost);
}

template <typename T>
void put(Json& json, const std::string& name, const T& value) {
  json[name] = value;
}

}  // namespace

void Record::set(std::string_view name, Value value) {
  for (auto& [known, old] : values) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  values.emplace_back(name, std::move(value));
}

const Value* Record::find(std::string_view name) const {
  const auto found =
      std::find_if(values.begin(), values.end(), [&](const auto& v) { return v.first == name; });
  return found == values.end() ? nullptr : &found->second;
}

std::optional<double> Record::number(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) return std::nullopt;
  if (const auto* real = std::get_if<double>(value)) return *real;
  if (const auto* integer = std::get_if<int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* flag = std::get_if<bool>(value)) return *flag ? 1.0 : 0.0;
  return std::nullopt;
}

std::string to_json(const Record& record) {
  Json json;
  json["record"] = record.kind;
  json["step"] = record.step;
  json["samples"] = record.samples;
  put(json, "time_s", record.time_s);
  for (const auto& [name, value] : record.values) {
    std::visit([&, &key = name](const auto& v) { put(json, key, v); }, value);
  }
  // Text from outside (a folder name as a class) may not be UTF-8: replaced, never thrown over.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace allmodes::records
