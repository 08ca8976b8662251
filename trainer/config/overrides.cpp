#include "config/overrides.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/stubs/strutil.h>
#include <google/protobuf/text_format.h>

#include <charconv>
#include <memory>
#include <optional>

#include "config/syntax.h"

namespace allmodes::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

struct Step {
  std::string name;
  std::optional<int> index;
};

// "layers[2]"; nothing if it is not of that form.
std::optional<Step> parse_step(std::string_view text) {
  const auto bracket = text.find('[');
  if (bracket == std::string_view::npos) {
    return text.empty() ? std::nullopt : std::optional(Step{std::string(text), {}});
  }
  int index = -1;
  const auto* last = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + bracket + 1, last, index);
  if (bracket == 0 || error != std::errc() || index < 0 || stop + 1 != last || *stop != ']') {
    return std::nullopt;
  }
  return Step{std::string(text.substr(0, bracket)), index};
}

class Override {
 public:
  Override(std::string_view path, std::string_view value) : path_(path), value_(value) {}

  // The walk goes over a copy, so that a refused override leaves nothing behind.
  std::vector<Problem> apply(Message& root, Source& source) {
    const std::unique_ptr<Message> copy(root.New());
    copy->CopyFrom(root);
    walk(*copy);
    if (problems_.empty()) {
      root.GetReflection()->Swap(&root, copy.get());
      source.add_override(std::string(path_));
    }
    return std::move(problems_);
  }

 private:
  void walk(Message& root) {
    Message* here = &root;
    for (size_t begin = 0; here != nullptr;) {
      const auto dot = path_.find('.', begin);
      const bool last = dot == std::string_view::npos;
      const auto text = path_.substr(begin, last ? dot : dot - begin);
      const auto step = parse_step(text);
      const auto* field = step ? find(*here, *step) : nullptr;
      if (!step) {
        refuse(fmt::format("'{}' is not of the form name or name[index]", text));
      }
      if (field == nullptr) {
        return;
      }
      if (last && !step->index) {
        assign(*here, *field);
        return;
      }
      here = enter(*here, *field, *step, last);
      if (last && here != nullptr) {
        assign_entry(*here, *step);
        return;
      }
      begin = dot + 1;
    }
  }

  const FieldDescriptor* find(const Message& here, const Step& step) {
    const auto& descriptor = *here.GetDescriptor();
    const auto* field = descriptor.FindFieldByName(step.name);
    if (field == nullptr) {
      refuse(unknown_name("field", step.name, field_names(descriptor)));
      return nullptr;
    }
    if (const auto* oneof = field->real_containing_oneof()) {
      const auto* chosen = here.GetReflection()->GetOneofFieldDescriptor(here, oneof);
      if (chosen != nullptr && chosen != field) {
        refuse(
            fmt::format("{}: the configuration chose '{}' here, and an override cannot change it",
                        step.name, chosen->name()));
        return nullptr;
      }
    }
    return field;
  }

  Message* enter(Message& here, const FieldDescriptor& field, const Step& step, bool last) {
    const auto* reflection = here.GetReflection();
    if (field.message_type() == nullptr) {
      refuse(step.index ? fmt::format("{}: set it whole: {}=[1, 2]", step.name, step.name)
                        : fmt::format("{}: takes {}; there is nothing inside it", step.name,
                                      expected_value(field)));
      return nullptr;
    }
    if (!field.is_repeated()) {
      if (step.index) {
        refuse(fmt::format("{}: is not a list and takes no index", step.name));
        return nullptr;
      }
      return reflection->MutableMessage(&here, &field);
    }
    const int size = reflection->FieldSize(here, &field);
    if (!step.index && !last) {
      refuse(fmt::format("{}: is a list: name an entry, {}[0]", step.name, step.name));
      return nullptr;
    }
    if (*step.index >= size) {
      refuse(fmt::format("{}[{}]: there are {} entries, counted from 0", step.name, *step.index,
                         size));
      return nullptr;
    }
    return reflection->MutableRepeatedMessage(&here, &field, *step.index);
  }

  // Replaces the field.
  void assign(Message& here, const FieldDescriptor& field) {
    auto value = std::string(value_);
    const bool quoted = !value.empty() && (value[0] == '"' || value[0] == '\'');
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !quoted && !field.is_repeated()) {
      value = '"' + google::protobuf::CEscape(value) + '"';
    }
    const std::unique_ptr<Message> fresh(here.New());
    if (!parse(fmt::format("{}: {}", field.name(), value), field.name(), expected_value(field),
               *fresh)) {
      return;
    }
    std::vector<const FieldDescriptor*> given;
    fresh->GetReflection()->ListFields(*fresh, &given);
    const bool emptied = given.empty() && field.is_repeated();
    if (!emptied && (given.size() != 1 || given[0] != &field)) {
      refuse(fmt::format("{}: '{}' is more than one value", field.name(), value_));
      return;
    }
    here.GetReflection()->ClearField(&here, &field);
    here.MergeFrom(*fresh);
  }

  // Replaces one block of a list.
  void assign_entry(Message& entry, const Step& step) {
    auto text = value_;
    if (text.size() < 2 || text.front() != '{' || text.back() != '}') {
      refuse(fmt::format("{}[{}]: expected a block {{ ... }}, got '{}'", step.name, *step.index,
                         value_));
      return;
    }
    text = text.substr(1, text.size() - 2);
    const std::unique_ptr<Message> fresh(entry.New());
    if (parse(std::string(text), step.name, "a block { ... }", *fresh)) {
      entry.CopyFrom(*fresh);
    }
  }

  bool parse(const std::string& text, const std::string& name, std::string_view expected,
             Message& message) {
    ErrorList errors;
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    parser.SetRecursionLimit(kDeepest);
    if (parser.ParseFromString(text, &message)) {
      return true;
    }
    const auto reason = errors.entries.empty() ? std::string() : errors.entries[0].message;
    refuse(fmt::format("{}: expected {}, got '{}' ({})", name, expected, value_, reason));
    return false;
  }

  void refuse(std::string message) {
    problems_.push_back({std::string(path_), std::move(message), fmt::format("--set {}", path_)});
  }

  std::string_view path_;
  std::string_view value_;
  std::vector<Problem> problems_;
};

}  // namespace

std::vector<Problem> apply_override(std::string_view assignment, Message& message, Source& source) {
  const auto equals = assignment.find('=');
  if (equals == std::string_view::npos) {
    return {{std::string(assignment),
             "an override has the form path.to.field=value, for example batch=128",
             fmt::format("--set {}", assignment)}};
  }
  return Override(assignment.substr(0, equals), assignment.substr(equals + 1))
      .apply(message, source);
}

}  // namespace allmodes::config
