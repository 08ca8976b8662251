#pragma once

// Structs of sums that add over chunks of samples and over ranks. Such a struct lists its sums
// once, numbers and vectors of numbers:
//
//   static auto sums(auto& of) { return std::tie(of.count, of.total); }
//
// and can then be merged here and added up over ranks (metrics/sum_over_ranks.h).

#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

#include "base/error.h"

namespace allmodes::diagnostics {

template <class T>
concept Sums = requires(T& of) {
  T::sums(of);
};

template <class T>
void add_sum(T& into, const T& part) {
  into += part;
}

template <class T>
void add_sum(std::vector<T>& into, const std::vector<T>& part) {
  ALLMODES_CHECK(into.size() == part.size(), "sums of {} and of {} numbers", into.size(),
                 part.size());
  for (size_t i = 0; i < part.size(); ++i) into[i] += part[i];
}

// Adds `part` to `into`. Throws ExitCode::kSoftware where their vectors differ in length.
template <Sums T>
void merge(T& into, const T& part) {
  const auto to = T::sums(into);
  const auto from = T::sums(part);
  [&]<size_t... I>(std::index_sequence<I...>) {
    (add_sum(std::get<I>(to), std::get<I>(from)), ...);
  }
  (std::make_index_sequence<std::tuple_size_v<decltype(to)>>{});
}

}  // namespace allmodes::diagnostics
