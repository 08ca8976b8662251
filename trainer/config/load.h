#pragma once

// Text-proto -> RunConfig, with every error at once and each at its place. Nothing here knows
// Torch, MPI or the registries: names are checked by whoever owns them (run/checked_run.h), with
// the places that `Source` gives.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/run_config.h"
#include "config/suggestions.h"

namespace allmodes::config {

// An error in a configuration. `path` is the field's path in the schema
// ("gan.generator.layers[2]").
struct Problem {
  std::string path;
  std::string message;
  // "file:line:column", or "--set path" for an override; filled by load() and Source::place().
  std::string where;
  std::pair<int, int> position = {0, 0};  // line and column, for sorting
};

// Where fields were written: path -> (line, column), from 1.
class Source {
 public:
  Source() = default;
  explicit Source(std::string file) : file_(std::move(file)) {}
  void add(const std::string& path, int line, int column) { places_[path] = {line, column}; }
  // An override replaces the field whole: places of the file inside it are forgotten.
  void add_override(const std::string& path);
  // "file:line:column" of the field, or of the nearest enclosing field that was written.
  std::string place(std::string_view path) const;
  // Whether the field itself was written (as opposed to left at its default).
  bool has(std::string_view path) const { return places_.find(path) != places_.end(); }
  // (line, column) from 1 of what place() names; (0, 0) for an override, {1, 1} for nothing
  // written.
  std::pair<int, int> position(std::string_view path) const;
  const std::string& file() const { return file_; }

 private:
  // The field, or the nearest enclosing one that was written; "" if none was.
  std::string_view written(std::string_view path) const;

  std::string file_;
  std::map<std::string, std::pair<int, int>, std::less<>> places_;
};

struct Loaded {
  RunConfig config;
  Source source;
  std::vector<Problem> problems;  // in file order; empty: syntax, types and ranges are good
};

// Reads and checks a file, after applying `overrides` ("path.to.field=value"). Throws only when
// the file cannot be read (kNoInput) or is larger than 1 MiB (kDataError).
Loaded load(const std::string& file, const std::vector<std::string>& overrides = {});

// The same from a text; `file` names it in messages. Throws kDataError beyond 1 MiB.
Loaded parse(std::string_view text, const std::string& file,
             const std::vector<std::string>& overrides = {});

// The resolved configuration, every default written out, as text-proto that loads back to the same.
std::string print(const RunConfig& config);

// XXH3 of print(config): equal on all ranks that run the same configuration.
uint64_t fingerprint(const RunConfig& config);

}  // namespace allmodes::config
