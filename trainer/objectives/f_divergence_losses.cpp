// f-GAN (Nowozin et al., arXiv 1606.00709, tables 2 and 6). With T = g_f(score), D maximizes
// E_p[T] - E_q[f*(T)], which is at most the divergence D_f(p||q) = E_q[f(p/q)] and equals it at
// T = f'(p/q); G minimizes the same bound. p is the data's distribution, q the generator's, so that
// f_kl is KL(p||q), which covers, and f_reverse_kl KL(q||p), which seeks modes.
//
// Exact, without a bound on the exponentials: set clip_norm of the optimizers where they are steep.

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/softplus.h>

#include <numbers>

#include "objectives/registry.h"

namespace allmodes::objectives {
namespace {

// `Divergence` has the output activation g_f and f* of it, both of the score.
template <class Divergence>
constexpr GanLoss loss_of(std::string_view name, bool logits = false) {
  return {
      .name = name,
      .discriminator =
          [](const Scores& scores, double) {
            return Divergence::conjugate(scores.fake).mean() -
                   Divergence::activation(scores.real).mean();
          },
      .generator = [](const Scores& scores) { return -Divergence::conjugate(scores.fake).mean(); },
      .logits = logits};
}

// f = u ln u, f* = exp(t - 1)
struct ForwardKl {
  static at::Tensor activation(const at::Tensor& score) { return score; }
  static at::Tensor conjugate(const at::Tensor& score) { return at::exp(score - 1); }
};

// f = -ln u, f* = -1 - ln(-t), g_f = -exp(-v)
struct ReverseKl {
  static at::Tensor activation(const at::Tensor& score) { return -at::exp(-score); }
  static at::Tensor conjugate(const at::Tensor& score) { return score - 1; }
};

// f = u ln u - (u + 1) ln((u + 1) / 2), f* = -ln(2 - exp t), g_f = ln 2 - softplus(-v): twice the
// Jensen-Shannon divergence.
struct JensenShannon {
  static at::Tensor activation(const at::Tensor& score) {
    return std::numbers::ln2 - at::softplus(-score);
  }
  static at::Tensor conjugate(const at::Tensor& score) {
    return at::softplus(score) - std::numbers::ln2;
  }
};

// f = (u - 1)^2, f* = t^2 / 4 + t
struct Pearson {
  static at::Tensor activation(const at::Tensor& score) { return score; }
  static at::Tensor conjugate(const at::Tensor& score) { return score.square() * 0.25 + score; }
};

// f = (sqrt u - 1)^2, f* = t / (1 - t), g_f = 1 - exp(-v)
struct SquaredHellinger {
  static at::Tensor activation(const at::Tensor& score) { return 1 - at::exp(-score); }
  static at::Tensor conjugate(const at::Tensor& score) { return at::exp(score) - 1; }
};

}  // namespace

extern const GanLoss kForwardKl = loss_of<ForwardKl>("f_kl");
extern const GanLoss kReverseKl = loss_of<ReverseKl>("f_reverse_kl", /*logits=*/true);
extern const GanLoss kJensenShannon = loss_of<JensenShannon>("f_jensen_shannon", /*logits=*/true);
extern const GanLoss kPearson = loss_of<Pearson>("f_pearson");
extern const GanLoss kSquaredHellinger = loss_of<SquaredHellinger>("f_squared_hellinger");

}  // namespace allmodes::objectives
