#include "networks/maxout.h"

#include <ATen/Parallel.h>
#include <ATen/ops/amax.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

namespace allmodes::networks {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kNumbersPerTask = 32'768;

// One sample's pieces, [pieces][units], and the maximum over them, [units]. A piece is meant where
// it is not below the maximum: so are all of them where that is NaN.
template <class T>
struct Sample {
  const T* pieces;
  const T* best;
  int64_t piece_count;
  int64_t units;
};

template <class T>
void find_best(const T* pieces, int64_t piece_count, int64_t units, T* __restrict best) {
  std::copy_n(pieces, units, best);
  for (int64_t p = 1; p < piece_count; ++p) {
    const T* __restrict x = pieces + p * units;
    for (int64_t u = 0; u < units; ++u) best[u] = x[u] > best[u] || x[u] != x[u] ? x[u] : best[u];
  }
}

// Calls visit(p, u, whether piece p of unit u is the maximum) for each, in a loop that the compiler
// can vectorize if visit() writes where nothing is read.
template <class T, class Visit>
void for_each_piece(const Sample<T>& sample, Visit visit) {
  const T* __restrict best = sample.best;
  const int64_t units = sample.units;
  for (int64_t p = 0; p < sample.piece_count; ++p) {
    const T* __restrict x = sample.pieces + p * units;
    for (int64_t u = 0; u < units; ++u) visit(p * units + u, u, !(x[u] < best[u]));
  }
}

// 1 / (number of pieces that are the maximum), [units].
template <class T>
void parts(const Sample<T>& sample, T* __restrict part) {
  std::fill_n(part, sample.units, T{0});
  for_each_piece(sample, [=](int64_t, int64_t u, bool meant) { part[u] += meant ? T{1} : T{0}; });
  for (int64_t u = 0; u < sample.units; ++u) part[u] = T{1} / part[u];
}

// `from` [units], in parts to the pieces that are the maximum: [pieces][units].
template <class T>
void spread_sample(const Sample<T>& sample, const T* __restrict from, T* __restrict part,
                   T* __restrict to) {
  parts(sample, part);
  for (int64_t u = 0; u < sample.units; ++u) part[u] *= from[u];
  for_each_piece(sample, [=](int64_t i, int64_t u, bool meant) {
    const T value = part[u];
    to[i] = meant ? value : T{0};
  });
}

// The mean of `from` [pieces][units] over the pieces that are the maximum: [units].
template <class T>
void collect_sample(const Sample<T>& sample, const T* __restrict from, T* __restrict part,
                    T* __restrict to) {
  parts(sample, part);
  std::fill_n(to, sample.units, T{0});
  for_each_piece(sample, [=](int64_t i, int64_t u, bool meant) {
    const T value = from[i];
    to[u] += meant ? value : T{0};
  });
  for (int64_t u = 0; u < sample.units; ++u) to[u] *= part[u];
}

// Calls work(sample number, scratch of [units]) for all samples, on all threads.
template <class T, class Work>
void for_each_sample(const at::Tensor& x, Work work) {
  const int64_t grain = std::max<int64_t>(1, kNumbersPerTask / (x.size(1) * x.size(2)));
  at::parallel_for(0, x.size(0), grain, [&](int64_t first, int64_t last) {
    std::vector<T> scratch(static_cast<size_t>(x.size(2)));
    for (int64_t i = first; i < last; ++i) work(i, scratch.data());
  });
}

// Calls work(T{}) with T = float or double, the type of x's numbers.
template <class Work>
void with_type_of(const at::Tensor& x, Work work) {
  if (x.scalar_type() == at::kDouble) return work(double{});
  work(float{});
}

// spread_sample or collect_sample of every sample, between tensors that have no gradients.
enum class Way { spread, collect };
at::Tensor carry(Way way, const at::Tensor& gradient, const at::Tensor& x, const at::Tensor& best) {
  const at::Tensor from = gradient.contiguous();
  const at::Tensor to = at::empty_like(way == Way::spread ? x : best);
  const int64_t units = x.size(2);
  const int64_t all = x.size(1) * units;
  with_type_of(x, [&]<class T>(T) {
    const T* source = from.const_data_ptr<T>();
    T* target = to.data_ptr<T>();
    const T* pieces = x.const_data_ptr<T>();
    const T* maximum = best.const_data_ptr<T>();
    for_each_sample<T>(x, [&](int64_t i, T* scratch) {
      const Sample<T> sample{pieces + i * all, maximum + i * units, x.size(1), units};
      if (way == Way::spread) {
        spread_sample(sample, source + i * units, scratch, target + i * all);
      } else {
        collect_sample(sample, source + i * all, scratch, target + i * units);
      }
    });
  });
  return to;
}

// Both ways are linear and each other's adjoint: the gradient of one is the other.
template <Way way>
class Carry : public torch::autograd::Function<Carry<way>> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& gradient,
                            const at::Tensor& x, const at::Tensor& best) {
    context->save_for_backward({x, best});
    return carry(way, gradient, x, best);
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    constexpr Way back = way == Way::spread ? Way::collect : Way::spread;
    return {Carry<back>::apply(gradients[0], saved[0], saved[1]), at::Tensor(), at::Tensor()};
  }
};

class Maxout : public torch::autograd::Function<Maxout> {
 public:
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x) {
    const int64_t units = x.size(2);
    const at::Tensor best = at::empty({x.size(0), units}, x.options());
    with_type_of(x, [&]<class T>(T) {
      const T* from = x.const_data_ptr<T>();
      T* to = best.data_ptr<T>();
      for_each_sample<T>(x, [&](int64_t i, T*) {
        find_best(from + i * x.size(1) * units, x.size(1), units, to + i * units);
      });
    });
    context->save_for_backward({x, best});
    return best;
  }
  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const auto saved = context->get_saved_variables();
    return {Carry<Way::spread>::apply(gradients[0], saved[0].detach(), saved[1].detach())};
  }
};

}  // namespace

at::Tensor maxout(const at::Tensor& x) {
  const bool real = x.scalar_type() == at::kFloat || x.scalar_type() == at::kDouble;
  if (!x.is_cpu() || !real || !x.is_contiguous()) return at::amax(x, 1);
  return Maxout::apply(x);
}

}  // namespace allmodes::networks
