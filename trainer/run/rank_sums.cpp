#include "run/rank_sums.h"

#include <algorithm>
#include <span>

#include "base/error.h"

namespace allmodes::run {

void RankSums::add(const std::string& name, double value) {
  const auto known = std::ranges::find(sums_, name, &std::pair<std::string, double>::first);
  if (known == sums_.end()) {
    sums_.emplace_back(name, value);
  } else {
    known->second += value;
  }
}

void RankSums::reduce(world::Communicator& control) {
  std::vector<double> values;
  for (const auto& [name, value] : sums_) values.push_back(value);
  world::all_reduce_host(control, std::span<double>(values), world::ReduceOp::sum);
  for (size_t i = 0; i < values.size(); ++i) sums_[i].second = values[i];
  ranks_ = control.size();
}

double RankSums::operator[](const std::string& name) const {
  const auto known = std::ranges::find(sums_, name, &std::pair<std::string, double>::first);
  ALLMODES_CHECK(known != sums_.end(), "no sum is called '{}'", name);
  return known->second;
}

}  // namespace allmodes::run
