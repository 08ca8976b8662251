#pragma once

// What a run says in numbers: records, and the places they go.

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace allmodes::records {

using Value = std::variant<double, int64_t, bool, std::string, std::vector<double>,
                           std::vector<std::string>, std::vector<int64_t>>;

struct Record {
  std::string kind;      // "data", "from", "train", "evaluation", "verdict" or "rollback"
  uint64_t step = 0;     // steps done
  uint64_t samples = 0;  // samples seen, over all ranks
  double time_s = 0;     // seconds of training, over all parts of the run
  std::vector<std::pair<std::string, Value>> values;  // in the order they are written

  // Replaces the value of that name, or appends it.
  void set(std::string_view name, Value value);
  // Numbers keep their kind: reals become double, integers int64_t.
  void set(std::string_view name, double value) { set(name, Value(value)); }
  template <std::integral T>
  void set(std::string_view name, T value) {
    if constexpr (std::same_as<T, bool>) {
      set(name, Value(value));
    } else {
      set(name, Value(static_cast<int64_t>(value)));
    }
  }
  void set(std::string_view name, const char* text) { set(name, Value(std::string(text))); }
  // Null when there is none.
  const Value* find(std::string_view name) const;
  // A double, an integer or a bool as a number; nothing for other types and missing names.
  std::optional<double> number(std::string_view name) const;
};

// One JSON object in one line, without the newline: {"record":kind,"step":...,"samples":...,
// "time_s":...,name:value,...}. Doubles are the shortest text that reads back to the same bits.
// JSON has no NaN and no infinity: such a value is null, followed by "<name>_nonfinite" with "nan",
// "inf" or "-inf" (in a list: one text for each null, in order).
std::string to_json(const Record& record);

// A place where records go.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Record& record) = 0;
  virtual void flush() {}
};

}  // namespace allmodes::records
