#include "config/convert.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <cmath>
#include <utility>

#include "base/error.h"
#include "config/fields.h"

namespace allmodes::config {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// ---- one value, by its type -----------------------------------------------------------------

void get(const Message& m, const FieldDescriptor* f, int64_t& v) {
  v = m.GetReflection()->GetInt64(m, f);
}
void get(const Message& m, const FieldDescriptor* f, uint64_t& v) {
  v = m.GetReflection()->GetUInt64(m, f);
}
void get(const Message& m, const FieldDescriptor* f, double& v) {
  v = m.GetReflection()->GetDouble(m, f);
}
void get(const Message& m, const FieldDescriptor* f, bool& v) {
  v = m.GetReflection()->GetBool(m, f);
}
void get(const Message& m, const FieldDescriptor* f, std::string& v) {
  v = m.GetReflection()->GetString(m, f);
}
void get_entry(const Message& m, const FieldDescriptor* f, int i, int64_t& v) {
  v = m.GetReflection()->GetRepeatedInt64(m, f, i);
}
void get_entry(const Message& m, const FieldDescriptor* f, int i, double& v) {
  v = m.GetReflection()->GetRepeatedDouble(m, f, i);
}

void set(Message& m, const FieldDescriptor* f, int64_t v) {
  m.GetReflection()->SetInt64(&m, f, v);
}
void set(Message& m, const FieldDescriptor* f, uint64_t v) {
  m.GetReflection()->SetUInt64(&m, f, v);
}
void set(Message& m, const FieldDescriptor* f, double v) {
  m.GetReflection()->SetDouble(&m, f, v);
}
void set(Message& m, const FieldDescriptor* f, bool v) {
  m.GetReflection()->SetBool(&m, f, v);
}
void set(Message& m, const FieldDescriptor* f, const std::string& v) {
  m.GetReflection()->SetString(&m, f, v);
}
void add(Message& m, const FieldDescriptor* f, int64_t v) {
  m.GetReflection()->AddInt64(&m, f, v);
}
void add(Message& m, const FieldDescriptor* f, double v) {
  m.GetReflection()->AddDouble(&m, f, v);
}

const FieldDescriptor* find(const Message& message, std::string_view name) {
  const auto* field = message.GetDescriptor()->FindFieldByName(std::string(name));
  ALLMODES_CHECK(field != nullptr, "the schema's {} has no field '{}'",
                 message.GetDescriptor()->full_name(), name);
  return field;
}

// ---- rules: "" when the value is good, else what it must be ----------------------------------

template <class T>
std::string violation(const T&, Anything) {
  return {};
}

// "a finite number", "at least 1", "greater than 0 and below 1".
std::string words(const Range& range) {
  std::string text;
  if (std::isfinite(range.low)) {
    text = fmt::format("{} {}", range.open_low ? "greater than" : "at least", range.low);
  }
  if (std::isfinite(range.high)) {
    text += fmt::format(
        "{}{} {}", text.empty() ? "" : " and ", range.open_high ? "below" : "at most",
        range.high == std::floor(range.high) ? fmt::format("{}", static_cast<int64_t>(range.high))
                                             : fmt::format("{}", range.high));
  }
  if (text.empty()) {
    text = "a finite number";
  }
  return range.or_zero ? "0 or " + text : text;
}

template <class T>
requires std::is_arithmetic_v<T> std::string violation(T value, const Range& range) {
  const auto x = static_cast<double>(value);
  const bool above = range.open_low ? x > range.low : x >= range.low;
  const bool below = range.open_high ? x < range.high : x <= range.high;
  if (std::isfinite(x) && ((above && below) || (range.or_zero && x == 0))) {
    return {};
  }
  return fmt::format("must be {}, is {}", words(range), value);
}

std::string violation(const std::string& value, const OneOf& rule) {
  for (const auto name : rule.names) {
    if (value == name) {
      return {};
    }
  }
  std::vector<std::string> names;
  for (const auto name : rule.names) {
    if (!name.empty()) {
      names.emplace_back(name);
    }
  }
  return unknown_name(rule.what, value, names);
}

std::string violation(const std::string& value, FolderName) {
  const bool good =
      !value.empty() && value.size() <= 100 &&
      value.find_first_not_of(
          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == std::string::npos;
  return good ? "" : "must be 1 to 100 letters, digits, '_', '-' or '.': it names a folder";
}

// ---- reading ----------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(const Message& message) : message_(&message) {}
  std::vector<Problem> take() { return std::move(problems_); }

  template <class T, class Rule>
  void field(std::string_view name, T& value, const Rule& rule) {
    const auto* descriptor = find(*message_, name);
    const bool given = message_->GetReflection()->HasField(*message_, descriptor);
    if (given) {
      get(*message_, descriptor, value);
    }
    const auto wrong = violation(value, rule);
    if (!wrong.empty()) {
      report(below(name), name, given ? wrong : "is required: " + wrong);
    }
  }

  template <class T>
  void list(std::string_view name, std::vector<T>& values, const Range& rule, size_t count) {
    const auto* descriptor = find(*message_, name);
    values.resize(size_t(message_->GetReflection()->FieldSize(*message_, descriptor)));
    for (size_t i = 0; i < values.size(); ++i) {
      get_entry(*message_, descriptor, static_cast<int>(i), values[i]);
      const auto wrong = violation(values[i], rule);
      if (!wrong.empty()) {
        report(fmt::format("{}[{}]", below(name), i), fmt::format("{}[{}]", name, i), wrong);
      }
    }
    if (count == 0 ? values.empty() : values.size() != count) {
      const auto wanted = count == 0 ? "at least one entry" : fmt::format("{} entries", count);
      report(below(name), name, fmt::format("needs {}, has {}", wanted, values.size()));
    }
  }

  template <class S>
  void message(std::string_view name, S& value) {
    const auto* descriptor = find(*message_, name);
    // A block that is absent reads as an empty one: its defaults are checked like any value.
    descend(message_->GetReflection()->GetMessage(*message_, descriptor), below(name), value);
  }

  template <class S>
  void messages(std::string_view name, std::vector<S>& values) {
    const auto* descriptor = find(*message_, name);
    const auto* reflection = message_->GetReflection();
    values.resize(size_t(reflection->FieldSize(*message_, descriptor)));
    for (size_t i = 0; i < values.size(); ++i) {
      descend(reflection->GetRepeatedMessage(*message_, descriptor, static_cast<int>(i)),
              fmt::format("{}[{}]", below(name), i), values[i]);
    }
  }

  template <class Variant, class... S>
  void oneof(std::string_view what, Variant& value, Alternative<S>... alternatives) {
    (try_alternative(value, alternatives), ...);
    if (std::holds_alternative<std::monostate>(value)) {
      std::string names;
      ((names += fmt::format("{}{}", names.empty() ? "" : ", ", alternatives.name)), ...);
      problems_.push_back({path_.empty() ? std::string(what) : path_,
                           fmt::format("no {} is chosen: give one of the blocks {}", what, names),
                           ""});
    }
  }

 private:
  template <class Variant, class S>
  void try_alternative(Variant& value, Alternative<S> alternative) {
    const auto* descriptor = find(*message_, alternative.name);
    const auto* reflection = message_->GetReflection();
    if (reflection->HasField(*message_, descriptor)) {
      descend(reflection->GetMessage(*message_, descriptor), below(alternative.name),
              value.template emplace<S>());
    }
  }

  template <class S>
  void descend(const Message& inner, std::string path, S& value) {
    const auto* outer = std::exchange(message_, &inner);
    path_.swap(path);
    describe(*this, value);
    path_.swap(path);
    message_ = outer;
  }

  std::string below(std::string_view name) const {
    return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
  }
  void report(std::string path, std::string_view name, const std::string& wrong) {
    problems_.push_back({std::move(path), fmt::format("{}: {}", name, wrong), ""});
  }

  const Message* message_;
  std::string path_;
  std::vector<Problem> problems_;
};

// ---- writing ----------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(Message& message) : message_(&message) {}

  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule&) {
    set(*message_, find(*message_, name), value);
  }

  template <class T>
  void list(std::string_view name, const std::vector<T>& values, const Range&, size_t) {
    for (const T value : values) {
      add(*message_, find(*message_, name), value);
    }
  }

  template <class S>
  void message(std::string_view name, const S& value) {
    descend(message_->GetReflection()->MutableMessage(message_, find(*message_, name)), value);
  }

  template <class S>
  void messages(std::string_view name, const std::vector<S>& values) {
    for (const S& value : values) {
      descend(message_->GetReflection()->AddMessage(message_, find(*message_, name)), value);
    }
  }

  template <class Variant, class... S>
  void oneof(std::string_view, const Variant& value, Alternative<S>... alternatives) {
    const auto write = [&]<class A>(Alternative<A> alternative) {
      if (const auto* chosen = std::get_if<A>(&value)) {
        message(alternative.name, *chosen);
      }
    };
    (write(alternatives), ...);
  }

 private:
  template <class S>
  void descend(Message* inner, const S& value) {
    Writer writer(*inner);
    describe(writer, value);
  }

  Message* message_;
};

}  // namespace

std::vector<Problem> read_message(const Message& message, RunConfig& config) {
  Reader reader(message);
  describe(reader, config);
  return reader.take();
}

void write_message(const RunConfig& config, Message& message) {
  message.Clear();
  Writer writer(message);
  describe(writer, config);
}

}  // namespace allmodes::config
