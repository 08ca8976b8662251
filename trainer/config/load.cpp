#include "config/load.h"

#include <fmt/format.h>
#include <google/protobuf/text_format.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "allmodes/v1/run.pb.h"
#include "base/error.h"
#include "config/convert.h"
#include "config/overrides.h"
#include "config/relations.h"
#include "config/syntax.h"

namespace allmodes::config {
namespace {

constexpr std::string_view kHeader =
    "# proto-file: proto/allmodes/v1/run.proto\n# proto-message: allmodes.v1.Run\n\n";

void refuse_large(std::string_view file) {
  ALLMODES_FAIL(ExitCode::kDataError, "{}: larger than {} bytes, so no configuration", file,
                kLargestText);
}

std::string read_file(const std::string& file) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) {
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: is a folder; name a configuration file (*.txtpb)", file);
  }
  errno = 0;
  std::ifstream stream(file, std::ios::binary);
  if (!stream) {
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: cannot be read: {}", file, std::strerror(errno));
  }
  // One byte beyond the limit tells, also for a stream without an end.
  std::string text(kLargestText + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) {
    ALLMODES_FAIL(ExitCode::kNoInput, "{}: reading failed: {}", file, std::strerror(errno));
  }
  text.resize(static_cast<size_t>(stream.gcount()));
  return text;
}

// Whether `path` lies within `outer`: "a.b[0].c" in "a.b[0]", "a.b" and "a".
bool within(std::string_view path, std::string_view outer) {
  return path.substr(0, outer.size()) == outer &&
         (path.size() == outer.size() || path[outer.size()] == '.' || path[outer.size()] == '[');
}

// A consequence of a statement that was left out is no mistake of its own.
bool follows_from(const Problem& problem, const Syntax& syntax, const Source& source) {
  if (!syntax.complete && !source.has(problem.path)) {
    return true;
  }
  return std::any_of(syntax.left_out.begin(), syntax.left_out.end(), [&](const auto& path) {
    return within(problem.path, path) || within(path, problem.path);
  });
}

}  // namespace

std::string_view Source::written(std::string_view path) const {
  while (!path.empty() && !has(path)) {
    const auto cut = path.find_last_of(".[");
    path = path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  return path;
}

std::pair<int, int> Source::position(std::string_view path) const {
  const auto found = places_.find(written(path));
  return found == places_.end() ? std::pair(1, 1) : found->second;
}

std::string Source::place(std::string_view path) const {
  const auto [line, column] = position(path);
  return line == 0 ? fmt::format("--set {}", written(path))
                   : fmt::format("{}:{}:{}", file_, line, column);
}

void Source::add_override(const std::string& path) {
  std::erase_if(places_, [&](const auto& place) { return within(place.first, path); });
  places_[path] = {0, 0};
}

Loaded load(const std::string& file, const std::vector<std::string>& overrides) {
  return parse(read_file(file), file, overrides);
}

Loaded parse(std::string_view text, const std::string& file,
             const std::vector<std::string>& overrides) {
  if (text.size() > kLargestText) {
    refuse_large(file);
  }
  allmodes::v1::Run message;
  // The mark that some editors put before UTF-8 text is no part of it, nor of its first column.
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  auto syntax = read_syntax(text, file, message);

  Loaded loaded;
  loaded.source = std::move(syntax.source);
  std::vector<Problem> in_overrides;
  for (const auto& override_text : overrides) {
    auto found = apply_override(override_text, message, loaded.source);
    std::move(found.begin(), found.end(), std::back_inserter(in_overrides));
  }

  auto meaning = read_message(message, loaded.config);
  std::set<std::string> refused = syntax.left_out;
  for (const Problem& problem : meaning) refused.insert(problem.path);
  auto relations = check_relations(loaded.config, refused);
  std::move(relations.begin(), relations.end(), std::back_inserter(meaning));

  using Placed = std::pair<std::pair<int, int>, Problem>;
  std::vector<Placed> placed;
  for (auto& problem : syntax.problems) {
    placed.push_back({{problem.line, problem.column},
                      {std::move(problem.path),
                       std::move(problem.message),
                       fmt::format("{}:{}:{}", file, problem.line, problem.column),
                       {problem.line, problem.column}}});
  }
  constexpr std::pair kLast(std::numeric_limits<int>::max(), 0);
  for (auto& problem : meaning) {
    if (!follows_from(problem, syntax, loaded.source)) {
      problem.where = loaded.source.place(problem.path);
      const auto position = loaded.source.position(problem.path);
      placed.push_back({position.first == 0 ? kLast : position, std::move(problem)});
    }
  }
  std::stable_sort(placed.begin(), placed.end(),
                   [](const Placed& a, const Placed& b) { return a.first < b.first; });
  for (auto& [position, problem] : placed) {
    problem.position = position;
    loaded.problems.push_back(std::move(problem));
  }
  for (auto& problem : in_overrides) {
    problem.position = kLast;
    loaded.problems.push_back(std::move(problem));
  }
  return loaded;
}

std::string print(const RunConfig& config) {
  allmodes::v1::Run message;
  write_message(config, message);
  google::protobuf::TextFormat::Printer printer;
  printer.SetUseShortRepeatedPrimitives(true);
  std::string text;
  ALLMODES_CHECK(printer.PrintToString(message, &text), "the configuration cannot be printed");
  return std::string(kHeader) + text;
}

uint64_t fingerprint(const RunConfig& config) {
  const auto text = print(config);
  return XXH3_64bits(text.data(), text.size());
}

}  // namespace allmodes::config
