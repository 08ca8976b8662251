#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>

#include "config/suggestions.h"

namespace allmodes::config {
namespace {

constexpr size_t kLongestName = 80;

// Optimal string alignment: Damerau-Levenshtein with each part edited once.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) {
    last[j] = j;
  }
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        now[j] = std::min(now[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

// "batch_size" for "batch", "normalization" for "norm": one is the other's beginning or end.
bool is_part(std::string_view a, std::string_view b) {
  constexpr size_t kShortest = 4;
  const auto shorter = std::min(a, b, [](auto x, auto y) { return x.size() < y.size(); });
  const auto longer = shorter == a ? b : a;
  return shorter.size() >= kShortest && (longer.starts_with(shorter) || longer.ends_with(shorter));
}

}  // namespace

std::string nearest(std::string_view name, const std::vector<std::string>& candidates) {
  if (name.size() > kLongestName) {
    return {};
  }
  size_t best = name.size() / 3 + 1;
  std::string result;
  for (const auto& candidate : candidates) {
    const size_t edits =
        std::min<size_t>(distance(name, candidate), is_part(name, candidate) ? 2 : best);
    if (edits < best) {
      best = edits;
      result = candidate;
    }
  }
  return result;
}

std::string unknown_name(std::string_view what, std::string_view name,
                         const std::vector<std::string>& candidates) {
  const auto shown = name.size() <= kLongestName
                         ? std::string(name)
                         : std::string(name.substr(0, kLongestName)) + "...";
  const auto guess = nearest(name, candidates);
  auto text = fmt::format("unknown {} '{}'", what, shown);
  if (!guess.empty()) {
    text += fmt::format("; did you mean '{}'?", guess);
  } else if (!candidates.empty()) {
    text += ".";
  }
  if (!candidates.empty()) {
    text += fmt::format(" Known: {}", fmt::join(candidates, ", "));
  }
  return text;
}

std::string nearest_multiples(int64_t value, int64_t unit) {
  const int64_t below = value - value % unit;
  // What would not fit into 64 bits has no multiple above that could be meant.
  const bool has_above = below <= std::numeric_limits<int64_t>::max() - unit;
  if (below == 0) return fmt::format("{}", unit);
  return has_above ? fmt::format("{} and {}", below, below + unit) : fmt::format("{}", below);
}

}  // namespace allmodes::config
