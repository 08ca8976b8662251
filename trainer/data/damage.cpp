#include "data/damage.h"

#include <algorithm>

#include "base/error.h"

namespace allmodes::data {
namespace {

constexpr size_t kMostNamed = 20;

}  // namespace

void Damage::add(int64_t sample, std::string what) {
  const std::lock_guard lock(mutex_);
  found_.emplace_back(sample, std::move(what));
}

bool Damage::has(int64_t sample) const {
  return std::ranges::binary_search(found_, sample, {},
                                    [](const auto& found) { return found.first; });
}

std::string Damage::listed() const {
  std::string text;
  for (size_t i = 0; i < std::min(found_.size(), kMostNamed); ++i)
    text += "\n  " + found_[i].second;
  if (found_.size() > kMostNamed)
    text += fmt::format("\n  ... and {} more", found_.size() - kMostNamed);
  return text;
}

void Damage::settle(const config::Data& data, int64_t total) {
  if (found_.empty()) return;
  std::ranges::sort(found_);
  const auto count = std::ssize(found_);
  if (data.on_damage == "refuse") {
    if (count == 1) ALLMODES_FAIL(ExitCode::kDataError, "{}", found_[0].second);
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: {} of {} pictures cannot be read:{}\nreplace them or take them away; or set "
                  "data.on_damage: \"skip\"",
                  data.path, count, total, listed());
  }
  if (count == total || static_cast<double>(count) > data.most_damaged * static_cast<double>(total))
    ALLMODES_FAIL(
        ExitCode::kDataError,
        "{}: {} of {} pictures cannot be read, more than data.most_damaged ({}) allows:{}",
        data.path, count, total, data.most_damaged, listed());
}

std::vector<std::string> Damage::remarks() const {
  if (found_.empty()) return {};
  return {fmt::format("{} pictures cannot be read and are left out:{}", found_.size(), listed())};
}

}  // namespace allmodes::data
