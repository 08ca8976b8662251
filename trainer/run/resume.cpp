#include "run/resume.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string_view>

#include "optimizers/schedule.h"
#include "run/config_fields.h"

namespace allmodes::run {
namespace {

constexpr const char* kNone = "(none)";

using FieldMap = std::map<std::string, std::string>;

FieldMap map_of(const std::string& printed) {
  FieldMap fields;
  for (auto& [path, value] : config_fields(printed)) fields.emplace(path, value);
  return fields;
}

// The part after the last dot.
std::string_view last_name(std::string_view path) {
  return path.substr(path.rfind('.') + 1);
}

bool is_family_block(std::string_view top) {
  constexpr std::array kOthers{"data",     "diagnostics", "verdict",  "checkpoints",
                               "images",   "gpu",         "exchange", "consistency",
                               "watchdog", "launch",      "device",   "records"};
  return std::ranges::find(kOthers, top) == kOthers.end();
}

// Whether `path` lies in a block that says what the networks are.
bool is_of_a_network(std::string_view path) {
  constexpr std::array kBlocks{".latent.",  ".generator.", ".discriminator.",
                               ".encoder.", ".decoder.",   ".components."};
  return std::ranges::any_of(
      kBlocks, [&](std::string_view block) { return path.find(block) != std::string_view::npos; });
}

bool changes_meaning(const std::string& path, const std::string& before, const std::string& now) {
  const auto dot = path.find('.');
  // Of the data the content decides, which is compared by itself: a file may have moved.
  if (dot == std::string::npos)
    return path == "seed" || path == "microbatches" || path == "deterministic_shards";
  if (!is_family_block(path.substr(0, dot))) return false;
  const auto name = last_name(path);
  const bool is_name = before.starts_with('"') || now.starts_with('"');
  return is_of_a_network(path) || name == "packing" || name == "conditional" ||
         (is_name && name != "decay");
}

bool covers(const std::string& allowed, const std::string& field) {
  return field.starts_with(allowed) &&
         (field.size() == allowed.size() || field[allowed.size()] == '.' ||
          field[allowed.size()] == '[');
}

// The optimizers of a configuration by their paths.
std::map<std::string, config::Optimizer> optimizers_of(const FieldMap& fields) {
  std::map<std::string, config::Optimizer> optimizers;
  for (const auto& [path, value] : fields) {
    if (last_name(path) != "decay" || path == "decay") continue;
    const std::string prefix = path.substr(0, path.size() - std::string_view("decay").size());
    const auto number = [&](const char* name) {
      const auto found = fields.find(prefix + name);
      return found == fields.end() ? 0.0 : std::strtod(found->second.c_str(), nullptr);
    };
    config::Optimizer optimizer;
    optimizer.learning_rate = number("learning_rate");
    optimizer.warmup_steps = static_cast<int64_t>(number("warmup_steps"));
    optimizer.last_learning_rate = number("last_learning_rate");
    optimizer.anneal_samples = static_cast<int64_t>(number("anneal_samples"));
    optimizer.decay = value.size() >= 2 ? value.substr(1, value.size() - 2) : value;
    optimizers.emplace(prefix.substr(0, prefix.size() - 1), optimizer);
  }
  return optimizers;
}

optimizers::Length length_of(const FieldMap& fields) {
  const auto number = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? 1 : std::strtoll(found->second.c_str(), nullptr, 10);
  };
  return {number("steps"), number("batch")};
}

bool is_plain(std::string_view word) {
  return !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_./:=,+-@%").find(c) != std::string_view::npos;
  });
}

}  // namespace

FolderIs judge(const FolderContent& content) {
  if (content.has_whole) return FolderIs::continuable;
  const bool lost =
      content.checkpoints > 0 || (!content.none_yet && content.first_checkpoint_step > 0 &&
                                  content.recorded_step > content.first_checkpoint_step);
  return lost ? FolderIs::unreadable : FolderIs::false_start;
}

std::string complaint(const FolderContent& content) {
  std::string text =
      fmt::format("{}: the run of that name cannot be continued: ", content.root.string());
  if (content.checkpoints == 0) {
    text += fmt::format("its records go to step {}, but none of its checkpoints is left",
                        content.recorded_step);
  } else {
    text += fmt::format("none of its {} checkpoint{} is usable\n  {}", content.checkpoints,
                        content.checkpoints == 1 ? "" : "s", fmt::join(content.refused, "\n  "));
  }
  return text +
         "\nPut a whole checkpoint back and resume; or start anew without --resume; or move that "
         "folder away";
}

std::string foreign_complaint(const checkpoints::State& state, const std::string& run_id) {
  if (state.run_id.empty() || run_id.empty() || state.run_id == run_id) return "";
  return fmt::format(
      "the checkpoint of step {} belongs to another run (number {}, this folder's is {})",
      state.step, state.run_id, run_id);
}

std::vector<Difference> differences(const std::string& before, const std::string& now) {
  const FieldMap old = map_of(before);
  const FieldMap current = map_of(now);
  std::vector<Difference> found;
  const auto add = [&](const std::string& field, const std::string& was, const std::string& is) {
    found.push_back({field, was, is, changes_meaning(field, was, is)});
  };
  for (const auto& [field, value] : config_fields(now)) {
    const auto known = old.find(field);
    if (known == old.end()) {
      add(field, kNone, value);
    } else if (known->second != value) {
      add(field, known->second, value);
    }
  }
  for (const auto& [field, value] : config_fields(before))
    if (!current.contains(field)) add(field, value, kNone);
  return found;
}

std::vector<Difference> refused(const std::vector<Difference>& differences,
                                const std::vector<std::string>& allowed) {
  std::vector<Difference> left;
  for (const auto& each : differences) {
    const bool is_allowed = std::ranges::any_of(
        allowed, [&](const std::string& field) { return covers(field, each.field); });
    if (each.changes_meaning && !is_allowed) left.push_back(each);
  }
  return left;
}

std::string to_text(const std::vector<Difference>& differences) {
  std::string text;
  for (const auto& each : differences)
    text += fmt::format("{}  {}: {} -> {}", text.empty() ? "" : "\n", each.field, each.before,
                        each.now);
  return text;
}

std::vector<RateJump> rate_jumps(const std::string& before, const std::string& now, uint64_t step) {
  const FieldMap old = map_of(before);
  const FieldMap current = map_of(now);
  const auto old_optimizers = optimizers_of(old);
  const auto last_step = static_cast<int64_t>(step) - 1;
  std::vector<RateJump> jumps;
  for (const auto& [path, optimizer] : optimizers_of(current)) {
    const auto known = old_optimizers.find(path);
    if (known == old_optimizers.end()) continue;
    using optimizers::learning_rate;
    const double last = learning_rate(known->second, last_step, length_of(old));
    const double next = learning_rate(optimizer, last_step + 1, length_of(current));
    const double planned = learning_rate(optimizer, last_step, length_of(current));
    // Under the new schedule alone there is no jump; what is measured is the change of schedules.
    if (std::abs(planned - last) > 0.1 * std::max(planned, last))
      jumps.push_back({path, last, next});
  }
  return jumps;
}

std::string quoted(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) {
    if (!line.empty()) line += ' ';
    if (is_plain(word)) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) {
      if (c == '\'') {
        line += "'\\''";
      } else {
        line += c;
      }
    }
    line += '\'';
  }
  return line;
}

std::string continuing_command(std::vector<std::string> words, const std::string& folder,
                               const std::string& run_folder, int ranks) {
  for (size_t i = 0; i < words.size();) {
    const auto at = words.begin() + static_cast<std::ptrdiff_t>(i);
    if (words[i] == "--resume" || words[i] == "--from") {
      words.erase(at, std::min(at + 2, words.end()));
    } else if (words[i].starts_with("--resume=") || words[i].starts_with("--from=")) {
      words.erase(at);
    } else {
      ++i;
    }
  }
  words.insert(words.end(), {"--resume", run_folder});
  if (ranks > 1) words.insert(words.begin(), {"mpirun", "-np", std::to_string(ranks)});
  return quoted({"cd", folder}) + " && " + quoted(words);
}

}  // namespace allmodes::run
