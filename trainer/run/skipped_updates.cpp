#include "run/skipped_updates.h"

#include <spdlog/fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <bit>

namespace allmodes::run {
namespace {

// The first ones of a network are said, then each time that their number has doubled.
constexpr int64_t kSaid = 10;

bool is_said(int64_t updates) {
  return updates <= kSaid || std::has_single_bit(static_cast<uint64_t>(updates));
}

}  // namespace

bool LeftOutCounts::note(const training::Position& position,
                         const std::vector<training::LeftOut>& left_out) {
  bool stop = false;
  for (const auto& each : left_out) {
    Count& count = counts_[each.network];
    ++count.updates;
    count.in_a_row = position.step <= count.last_step + 1 ? count.in_a_row + 1 : 1;
    count.last_step = position.step;
    for (const int rank : each.ranks) ++count.by_rank[rank];
    const bool reached = limit_ > 0 && count.in_a_row >= limit_;
    stop = stop || reached;
    if (!says_ || (!reached && !is_said(count.updates))) continue;
    std::string shares;
    for (const auto& [rank, updates] : count.by_rank)
      shares += fmt::format(", {} of them by rank {}", updates, rank);
    const std::string where = each.ranks.empty()
                                  ? "in the sum over the ranks alone"
                                  : fmt::format("on rank {}", fmt::join(each.ranks, ", "));
    spdlog::warn(
        "step {}, phase {}: the gradient of '{}' is not finite {}: no rank applies it; {} left out "
        "so far{}",
        position.step, each.phase, each.network, where, count.updates, shares);
    if (reached)
      spdlog::error(
          "{} updates of '{}' in a row were not finite: stopping with a checkpoint "
          "(consistency.nonfinite_limit)",
          count.in_a_row, each.network);
  }
  return stop;
}

}  // namespace allmodes::run
