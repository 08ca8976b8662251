#pragma once

// Sums over ranks, in place; collective.

#include <span>
#include <tuple>
#include <vector>

#include "diagnostics/statistics/sums.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// T: float, double, int64_t or uint8_t.
template <class T>
void sum_over_ranks(world::Communicator& control, std::vector<T>& values) {
  world::all_reduce_host(control, std::span<T>(values), world::ReduceOp::sum);
}

// The vectors each by a collective, the numbers together by one. A count is a double on its way,
// exact up to 2^53.
template <Sums T>
void sum_over_ranks(world::Communicator& control, T& values) {
  std::vector<double> numbers;
  const auto gather = [&]<class V>(V& value) {
    if constexpr (std::is_arithmetic_v<V>)
      numbers.push_back(static_cast<double>(value));
    else
      sum_over_ranks(control, value);
  };
  std::apply([&](auto&... value) { (gather(value), ...); }, T::sums(values));
  sum_over_ranks(control, numbers);
  auto next = numbers.begin();
  const auto spread = [&]<class V>(V& value) {
    if constexpr (std::is_arithmetic_v<V>) value = static_cast<V>(*next++);
  };
  std::apply([&](auto&... value) { (spread(value), ...); }, T::sums(values));
}

}  // namespace allmodes::diagnostics
