#include "world/stall_judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.h"

namespace allmodes::world {
namespace {

// Work may vary: a rank of an overloaded machine, a page that has to be read.
constexpr double kTimesLongestWork = 10;
// Before so many steps their length is not known.
constexpr uint64_t kStepsToKnow = 3;

// Seconds that ranks may wait for each other.
double patience_in(const Status& status, double patience) {
  return patience + status.longer_s + static_cast<double>(status.bytes) / kSlowestBytesPerSecond;
}

// A GPU that is waited for may have all of a step to do, and before the first steps to get ready.
double longer_for_device(const WatchLimits& limits, const FlightLog& log) {
  if (log.steps_seen() >= kStepsToKnow) return kTimesLongestWork * log.longest_device_wait();
  return limits.stage_limit_s > 0 ? limits.stage_limit_s : std::numeric_limits<double>::infinity();
}

}  // namespace

double allowance(const WatchLimits& limits, const FlightLog& log) {
  if (log.stage().kind == Stage::Kind::unbounded || log.steps_seen() < kStepsToKnow)
    return limits.stage_limit_s;
  return std::max(kPatience * limits.limit_s, kTimesLongestWork * log.longest_work());
}

Status status_of(const FlightLog& log, const WatchLimits& limits) {
  Status status;
  status.progress = log.progress();
  status.sequence = log.sequence();
  status.allowance_s = allowance(limits, log);
  const auto running = log.running();
  if (running.empty()) {
    status.doing =
        ShortText<160>(fmt::format("at work in stage '{}', step {}, after collective #{}",
                                   log.stage().name.view(), log.step(), log.sequence()));
  } else {
    status.waiting = 1;
    status.bytes = running.front().bytes;
    if (running.front().what == Collective::device_wait)
      status.longer_s = longer_for_device(limits, log);
    status.doing = ShortText<160>("waits in " + to_text(running.front()));
  }
  return status;
}

StallJudge::StallJudge(std::vector<std::string> hosts)
    : hosts_(std::move(hosts)), seen_(hosts_.size()) {}

std::string StallJudge::name(int rank, const Status& status) const {
  const auto& host = hosts_[static_cast<size_t>(rank)];
  if (status.beats == 0) return fmt::format("rank {} on {}", rank, host);
  return fmt::format("rank {} on {} (pid {})", rank, host, status.pid);
}

// What the ranks that are there do, those that do the same in one line.
std::string StallJudge::others(const std::vector<int>& missing,
                               std::span<const Status> statuses) const {
  std::vector<std::pair<std::string_view, std::string>> groups;
  for (size_t rank = 0; rank < statuses.size(); ++rank) {
    if (std::ranges::find(missing, static_cast<int>(rank)) != missing.end()) continue;
    const auto doing = statuses[rank].doing.view();
    const auto group = std::ranges::find(groups, doing, [](const auto& g) { return g.first; });
    if (group == groups.end()) {
      groups.emplace_back(doing, std::to_string(rank));
    } else {
      group->second += fmt::format(", {}", rank);
    }
  }
  std::string text;
  for (const auto& [doing, ranks] : groups)
    text += fmt::format("\n  rank{} {}: {}", ranks.find(',') == std::string::npos ? "" : "s", ranks,
                        doing);
  return text;
}

std::optional<Stall> StallJudge::look(double now, std::span<const Status> statuses,
                                      const WatchLimits& limits) {
  ALLMODES_CHECK(statuses.size() == seen_.size(), "{} statuses of {} ranks", statuses.size(),
                 seen_.size());
  clock_ += std::min(now - looked_at_.value_or(now), limits.limit_s / 8);
  looked_at_ = now;
  const double patience = kPatience * limits.limit_s;
  Stall stall;
  std::string text;
  bool all_wait = true;
  bool none_moves = true;
  uint64_t fewest = statuses.empty() ? 0 : statuses[0].sequence;
  for (size_t i = 0; i < statuses.size(); ++i) {
    const Status& status = statuses[i];
    Seen& seen = seen_[i];
    if (status.beats != seen.beats) seen.beat_at = clock_;
    if (status.progress != seen.progress) seen.progress_at = clock_;
    seen.beats = status.beats;
    seen.progress = status.progress;
    const double silent = clock_ - seen.beat_at;
    const double still = clock_ - seen.progress_at;
    const int rank = static_cast<int>(i);
    if (silent > patience) {
      stall.ranks.push_back(rank);
      text += fmt::format(
          "\n  missing: {}: no sign of life for {:.1f} s: it is frozen, gone or cut off; ",
          name(rank, status), silent);
      text += status.beats == 0 ? "it was never heard of"
                                : fmt::format("last heard {}", status.doing.view());
    } else if (status.waiting == 0 && status.allowance_s > 0 && still > status.allowance_s) {
      stall.ranks.push_back(rank);
      text += fmt::format(
          "\n  missing: {}: alive, but without progress for {:.1f} s, longer than the {:.1f} s "
          "that it may; {}",
          name(rank, status), still, status.allowance_s, status.doing.view());
    }
    all_wait = all_wait && status.waiting != 0;
    none_moves = none_moves && still > patience_in(status, patience);
    fewest = std::min(fewest, status.sequence);
  }
  if (stall.ranks.empty() && all_wait && none_moves) {
    for (size_t i = 0; i < statuses.size(); ++i)
      if (statuses[i].sequence == fewest) stall.ranks.push_back(static_cast<int>(i));
    const bool alike = stall.ranks.size() == statuses.size();
    text = alike
               ? "\n  all ranks wait for each other in their collective of one number: the network "
                 "between them does not carry it, or they mean different ones"
               : fmt::format("\n  all ranks wait for each other; rank {} is the one behind",
                             fmt::join(stall.ranks, ", "));
    stall.text = text + others({}, statuses);
    return stall;
  }
  if (stall.ranks.empty()) return std::nullopt;
  stall.text = text + others(stall.ranks, statuses);
  return stall;
}

}  // namespace allmodes::world
