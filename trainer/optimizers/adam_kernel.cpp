#include "optimizers/adam_kernel.h"

#include <cmath>

// The compiler vectorizes the two loops below, once for each instruction set: their body is inlined
// into a function that may use it.

namespace allmodes::optimizers {
namespace {

ALLMODES_INLINED void update_range(const AdamArrays& arrays, int64_t first, int64_t last,
                                   const AdamUpdate& update) {
  float* __restrict p = arrays.parameters;
  const float* __restrict gradient = arrays.gradient;
  float* __restrict m = arrays.first_moment;
  float* __restrict v = arrays.second_moment;
  float* __restrict average = arrays.average;
  const AdamUpdate u = update;
  const float rest1 = 1 - u.beta1;
  const float rest2 = 1 - u.beta2;
  for (int64_t i = first; i < last; ++i) {
    const float g = gradient[i] * u.gradient_scale + p[i] * u.weight_decay;
    m[i] = u.beta1 * m[i] + rest1 * g;
    v[i] = u.beta2 * v[i] + rest2 * g * g;
    p[i] = p[i] * u.kept - u.step_size * m[i] / (std::sqrt(v[i]) * u.inverse_root + u.epsilon);
    average[i] += u.average_weight * (p[i] - average[i]);
  }
}

ALLMODES_INLINED double square_range(const float* values, int64_t first, int64_t last) {
  constexpr int64_t kLanes = 32;
  double sums[kLanes] = {};
  int64_t i = first;
  for (; i + kLanes <= last; i += kLanes) {
    for (int64_t lane = 0; lane < kLanes; ++lane) {
      const double x = values[i + lane];
      sums[lane] += x * x;
    }
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  for (; i < last; ++i) sum += static_cast<double>(values[i]) * static_cast<double>(values[i]);
  return sum;
}

void update_baseline(const AdamArrays& arrays, int64_t first, int64_t last,
                     const AdamUpdate& update) {
  update_range(arrays, first, last, update);
}

double square_baseline(const float* values, int64_t first, int64_t last) {
  return square_range(values, first, last);
}

#ifdef ALLMODES_WITH_AVX

__attribute__((target("avx2,fma"))) void update_avx2(const AdamArrays& arrays, int64_t first,
                                                     int64_t last, const AdamUpdate& update) {
  update_range(arrays, first, last, update);
}

__attribute__((target("avx512f"))) void update_avx512(const AdamArrays& arrays, int64_t first,
                                                      int64_t last, const AdamUpdate& update) {
  update_range(arrays, first, last, update);
}

__attribute__((target("avx2,fma"))) double square_avx2(const float* values, int64_t first,
                                                       int64_t last) {
  return square_range(values, first, last);
}

__attribute__((target("avx512f"))) double square_avx512(const float* values, int64_t first,
                                                        int64_t last) {
  return square_range(values, first, last);
}

#endif

}  // namespace

void adam_update(const AdamArrays& arrays, int64_t first, int64_t last, const AdamUpdate& update,
                 InstructionSet set) {
#ifdef ALLMODES_WITH_AVX
  if (set == InstructionSet::avx512) return update_avx512(arrays, first, last, update);
  if (set == InstructionSet::avx2) return update_avx2(arrays, first, last, update);
#endif
  static_cast<void>(set);
  update_baseline(arrays, first, last, update);
}

double sum_of_squares(const float* values, int64_t first, int64_t last, InstructionSet set) {
#ifdef ALLMODES_WITH_AVX
  if (set == InstructionSet::avx512) return square_avx512(values, first, last);
  if (set == InstructionSet::avx2) return square_avx2(values, first, last);
#endif
  static_cast<void>(set);
  return square_baseline(values, first, last);
}

}  // namespace allmodes::optimizers
