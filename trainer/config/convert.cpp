#include "config/convert.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include <cmath>
#include <utility>

#include "base/error.h"
#include "config/rules.h"

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

// ---- rules ------------------------------------------------------------------------------------

template <class T>
std::string broken(const T&, Anything) {
  return {};
}
template <class T>
std::string broken(const T&, Registered) {
  return {};
}
template <class T>
requires std::is_arithmetic_v<T> std::string broken(T value, const Range& rule) {
  return violation(static_cast<double>(value), fmt::format("{}", value), rule);
}
template <class Rule>
std::string broken(const std::string& value,
                   const Rule& rule) requires(std::same_as<Rule, OneOf> ||
                                              std::same_as<Rule, FolderName>) {
  return violation(value, rule);
}

// A number within the range, in the place of one that was refused.
template <class T>
T harmless(const Range& rule) {
  return static_cast<T>(std::isfinite(rule.low) ? rule.low : 0);
}

// ---- reading ----------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(const Message& message) : message_(&message) {}
  std::vector<Problem> take() { return std::move(problems_); }

  // A refused value is reported and the default kept, so that whoever computes with the
  // configuration never meets a value outside its range.
  template <class T, class Rule>
  void field(std::string_view name, T& value, const Rule& rule, std::string_view) {
    const auto* descriptor = find(*message_, name);
    const bool given = message_->GetReflection()->HasField(*message_, descriptor);
    const T standard = value;
    if (given) {
      get(*message_, descriptor, value);
    }
    const auto wrong = broken(value, rule);
    if (!wrong.empty()) {
      report(below(name), name, given ? wrong : "is required: " + wrong);
      value = standard;
    }
  }

  template <class T>
  void list(std::string_view name, std::vector<T>& values, const Range& rule, size_t count,
            std::string_view) {
    const auto* descriptor = find(*message_, name);
    const auto given = size_t(message_->GetReflection()->FieldSize(*message_, descriptor));
    if (given == 0 && !values.empty()) return;  // it has a default
    values.resize(given);
    for (size_t i = 0; i < values.size(); ++i) {
      get_entry(*message_, descriptor, static_cast<int>(i), values[i]);
      const auto wrong = broken(values[i], rule);
      if (!wrong.empty()) {
        report(fmt::format("{}[{}]", below(name), i), fmt::format("{}[{}]", name, i), wrong);
        values[i] = harmless<T>(rule);
      }
    }
    if (count == kAnyNumber) return;
    if (count == 0 ? values.empty() : values.size() != count) {
      const auto wanted = count == 0 ? "at least one entry" : fmt::format("{} entries", count);
      report(below(name), name, fmt::format("needs {}, has {}", wanted, values.size()));
    }
  }

  template <class S>
  void message(std::string_view name, S& value, std::string_view) {
    const auto* descriptor = find(*message_, name);
    // A block that is absent reads as an empty one: its defaults are checked like any value.
    descend(message_->GetReflection()->GetMessage(*message_, descriptor), below(name), value);
  }

  template <class S>
  void messages(std::string_view name, std::vector<S>& values, std::string_view) {
    const auto* descriptor = find(*message_, name);
    const auto* reflection = message_->GetReflection();
    values.resize(size_t(reflection->FieldSize(*message_, descriptor)));
    for (size_t i = 0; i < values.size(); ++i) {
      descend(reflection->GetRepeatedMessage(*message_, descriptor, static_cast<int>(i)),
              fmt::format("{}[{}]", below(name), i), values[i]);
    }
  }

  template <class Variant>
  void oneof(std::string_view what, Variant& value) {
    std::string names;
    for_each_alternative<Variant>([&]<class S>() {
      try_alternative<S>(value);
      names += fmt::format("{}{}", names.empty() ? "" : ", ", S::kBlock.name);
    });
    if (std::holds_alternative<std::monostate>(value))
      problems_.push_back({path_.empty() ? std::string(what) : path_,
                           fmt::format("no {} is chosen: give one of the blocks {}", what, names),
                           ""});
  }

 private:
  template <class S, class Variant>
  void try_alternative(Variant& value) {
    const auto* descriptor = find(*message_, S::kBlock.name);
    const auto* reflection = message_->GetReflection();
    if (reflection->HasField(*message_, descriptor)) {
      descend(reflection->GetMessage(*message_, descriptor), below(S::kBlock.name),
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
  void field(std::string_view name, const T& value, const Rule&, std::string_view) {
    set(*message_, find(*message_, name), value);
  }

  template <class T>
  void list(std::string_view name, const std::vector<T>& values, const Range&, size_t,
            std::string_view) {
    for (const T value : values) {
      add(*message_, find(*message_, name), value);
    }
  }

  template <class S>
  void message(std::string_view name, const S& value, std::string_view) {
    descend(message_->GetReflection()->MutableMessage(message_, find(*message_, name)), value);
  }

  template <class S>
  void messages(std::string_view name, const std::vector<S>& values, std::string_view) {
    for (const S& value : values) {
      descend(message_->GetReflection()->AddMessage(message_, find(*message_, name)), value);
    }
  }

  template <class Variant>
  void oneof(std::string_view, const Variant& value) {
    for_each_alternative<Variant>([&]<class S>() {
      if (const auto* chosen = std::get_if<S>(&value)) message(S::kBlock.name, *chosen, "");
    });
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
