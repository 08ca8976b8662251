#include "config/field_list.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/strutil.h>

#include <algorithm>
#include <map>
#include <type_traits>

#include "allmodes/v1/run.pb.h"

namespace allmodes::config {
namespace {

using google::protobuf::Descriptor;

template <class T>
std::string literal(const T& value) {
  if constexpr (std::same_as<T, std::string>)
    return fmt::format("\"{}\"", google::protobuf::CEscape(value));
  else
    return fmt::format("{}", value);
}

template <class T>
constexpr std::string_view type_name() {
  if constexpr (std::same_as<T, bool>) return "true or false";
  if constexpr (std::same_as<T, std::string>) return "text";
  if constexpr (std::same_as<T, double>) return "number";
  return "whole number";
}

// A visitor of the descriptions that lists what it meets.
class Lister {
 public:
  // `every`: all alternatives with their defaults, and one entry of each list.
  Lister(const Descriptor& scope, bool every) : scope_(&scope), every_(every) {}

  std::vector<Field> fields;

  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule& rule, std::string_view meaning) {
    Field& entry = add(name, meaning);
    entry.type = type_name<T>();
    entry.range = words(rule);
    entry.value = literal(value);
    if constexpr (std::same_as<Rule, Registered>) entry.names = rule.what;
  }

  template <class T>
  void list(std::string_view name, const std::vector<T>& values, const Range& rule, size_t count,
            std::string_view meaning) {
    Field& entry = add(name, meaning);
    entry.type = fmt::format("list of {}s", type_name<T>());
    const auto entries = count == 0            ? "one or more"
                         : count == kAnyNumber ? "any number"
                                               : fmt::format("{}", count);
    entry.range = fmt::format("{}, {}", entries, words(rule));
    entry.value = fmt::format("[{}]", fmt::join(values, ", "));
    entry.repeated = true;
  }

  template <class S>
  void message(std::string_view name, const S& value, std::string_view meaning) {
    const Descriptor& inner = add_block(name, meaning, false);
    descend(inner, below(name), value);
  }

  // A block of a oneof, which may have no fields: that it is there is a value.
  template <class S>
  void chosen(const S& value) {
    const Descriptor& inner = add_block(S::kBlock.name, S::kBlock.meaning, false);
    if (!every_) fields.back().value = "chosen";
    descend(inner, below(S::kBlock.name), value);
  }

  template <class S>
  void messages(std::string_view name, const std::vector<S>& values, std::string_view meaning) {
    const Descriptor& inner = add_block(name, meaning, true);
    if (!every_) {
      if (!values.empty()) fields.back().value = fmt::format("{} entries", values.size());
      for (size_t i = 0; i < values.size(); ++i)
        descend(inner, fmt::format("{}[{}]", below(name), i), values[i]);
    } else if (scope_->name() != "Residual") {
      descend(inner, below(name) + "[]", S{});
    }
  }

  template <class Variant>
  void oneof(std::string_view, const Variant& value) {
    for_each_alternative<Variant>([&]<class S>() {
      if (const S* one = std::get_if<S>(&value))
        chosen(*one);
      else if (every_)
        chosen(S{});
    });
  }

 private:
  Field& add(std::string_view name, std::string_view meaning) {
    fields.push_back({.path = below(name),
                      .scope = scope_->name(),
                      .name = std::string(name),
                      .type = "",
                      .range = "",
                      .value = "",
                      .meaning = std::string(meaning),
                      .names = ""});
    return fields.back();
  }

  // The message that the block holds.
  const Descriptor& add_block(std::string_view name, std::string_view meaning, bool repeated) {
    const Descriptor& inner = *scope_->FindFieldByName(std::string(name))->message_type();
    Field& entry = add(name, meaning);
    entry.type = inner.name();
    entry.block = true;
    entry.repeated = repeated;
    return inner;
  }

  template <class S>
  void descend(const Descriptor& inner, std::string path, const S& value) {
    const auto* outer = std::exchange(scope_, &inner);
    path_.swap(path);
    describe(*this, value);
    path_.swap(path);
    scope_ = outer;
  }

  std::string below(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  }

  const Descriptor* scope_;
  bool every_;
  std::string path_;
};

template <class S>
std::vector<Field> list_fields(const S& value, const Descriptor& scope, bool every = false) {
  Lister lister(scope, every);
  describe(lister, value);
  return std::move(lister.fields);
}

std::vector<Difference> differences_of(const std::vector<Field>& before,
                                       const std::vector<Field>& after) {
  std::map<std::string, std::string> old;
  for (const Field& field : before) old.emplace(field.path, field.value);
  std::vector<Difference> result;
  for (const Field& field : after) {
    const auto found = old.find(field.path);
    const std::string value = found == old.end() ? "" : found->second;
    if (value != field.value) result.push_back({field.path, value, field.value});
    if (found != old.end()) old.erase(found);
  }
  for (const Field& field : before)
    if (old.contains(field.path) && !field.value.empty())
      result.push_back({field.path, field.value, ""});
  return result;
}

template <class S>
std::vector<std::string> changed(const S& value, const Descriptor& scope) {
  std::vector<std::string> names;
  for (const auto& [path, before, after] :
       differences_of(list_fields(S{}, scope), list_fields(value, scope))) {
    const std::string name = path.substr(0, path.find_first_of(".["));
    if (names.empty() || names.back() != name) names.push_back(name);
  }
  return names;
}

}  // namespace

std::vector<Field> every_field() {
  return list_fields(RunConfig{}, *allmodes::v1::Run::descriptor(), true);
}

std::vector<Field> values_of(const RunConfig& config) {
  auto fields = list_fields(config, *allmodes::v1::Run::descriptor());
  std::erase_if(fields, [](const Field& field) { return field.block; });
  return fields;
}

std::vector<std::string> changed_fields(const Data& data) {
  return changed(data, *allmodes::v1::Data::descriptor());
}

std::vector<std::string> changed_fields(const Network& network) {
  return changed(network, *allmodes::v1::Network::descriptor());
}

std::vector<std::string> changed_fields(const Rollback& rollback) {
  return changed(rollback, *allmodes::v1::Rollback::descriptor());
}

std::vector<Difference> differences(const RunConfig& before, const RunConfig& after) {
  const auto& scope = *allmodes::v1::Run::descriptor();
  return differences_of(list_fields(before, scope), list_fields(after, scope));
}

}  // namespace allmodes::config
