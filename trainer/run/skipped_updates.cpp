#include "run/skipped_updates.h"

#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <bit>

namespace allmodes::run {
namespace {

// The first ones of a network are said, then each time that their number has doubled.
constexpr int64_t kSaid = 10;

bool is_said(int64_t before, int64_t now) {
  if (now == before) return false;
  return now <= kSaid || std::bit_width(static_cast<uint64_t>(now)) !=
                             std::bit_width(static_cast<uint64_t>(before));
}

// A loss overflows where its data are far from the scale of a network's outputs.
std::string loss_hint(const training::SkippedUpdate& update) {
  if (update.losses.empty()) return "";
  return fmt::format(
      " The loss{} {} {} not finite: where that is so from the first step, look at the scale of "
      "the data (values should be of the order of 1)",
      update.losses.size() == 1 ? "" : "es", fmt::join(update.losses, ", "),
      update.losses.size() == 1 ? "is" : "are");
}

}  // namespace

void SkippedUpdates::say_sources(const training::Position& position,
                                 const training::SkippedUpdate& update) {
  std::string shares;
  for (const auto& [rank, updates] : by_rank_[update.network])
    shares += fmt::format(", {} of them by rank {}", updates, rank);
  const std::string where = update.ranks.empty()
                                ? "in the sum over the ranks alone"
                                : fmt::format("on rank {}", fmt::join(update.ranks, ", "));
  spdlog::warn(
      "step {}, phase {}: the gradient of '{}' is not finite {}: no rank applies it; {} skipped so "
      "far{}.{}",
      position.step, update.phase, update.network, where, said_[update.network], shares,
      loss_hint(update));
}

void SkippedUpdates::say_counts(const training::Position& position,
                                const training::NetworkSkips& counts) {
  spdlog::warn(
      "step {}: {} updates of '{}' were skipped so far, the last {} in a row: their "
      "gradients or losses were not finite",
      position.step, counts.updates.all, counts.network, counts.updates.in_a_row);
}

bool SkippedUpdates::note(const training::Position& position,
                          const std::vector<training::SkippedUpdate>& updates,
                          std::span<const training::NetworkSkips> counts) {
  for (const auto& update : updates)
    for (const int rank : update.ranks) ++by_rank_[update.network][rank];
  const auto* const reached = training::network_at_limit(counts, limit_);
  for (const auto& each : counts) {
    const bool says = says_ && (is_said(said_[each.network], each.updates.all) || reached == &each);
    said_[each.network] = each.updates.all;
    if (!says) continue;
    const auto source = std::ranges::find(updates, each.network, &training::SkippedUpdate::network);
    if (source != updates.end()) {
      say_sources(position, *source);
    } else if (updates.empty()) {
      say_counts(position, each);
    }
  }
  if (reached != nullptr && says_)
    spdlog::error(
        "{} updates of '{}' in a row were not finite: stopping with a checkpoint "
        "(consistency.nonfinite_limit)",
        reached->updates.longest_row, reached->network);
  return reached != nullptr;
}

}  // namespace allmodes::run
