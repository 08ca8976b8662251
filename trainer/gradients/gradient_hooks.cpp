#include "gradients/gradient_hooks.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <utility>

namespace allmodes::gradients {
namespace {

class ReadyHook final : public torch::autograd::PostAccumulateGradHook {
 public:
  explicit ReadyHook(std::function<void()> ready) : ready_(std::move(ready)) {}
  void operator()(const torch::autograd::Variable&) override { ready_(); }

 private:
  std::function<void()> ready_;
};

}  // namespace

void on_gradient_ready(const at::Tensor& parameter, std::function<void()> ready) {
  torch::autograd::impl::set_post_acc_grad_hooks(parameter,
                                                 std::make_unique<ReadyHook>(std::move(ready)));
}

void remove_hook(const at::Tensor& parameter) {
  torch::autograd::impl::set_post_acc_grad_hooks(parameter, nullptr);
}

void backward(const at::Tensor& loss) {
  // 1 for every number; NaN * 0 and infinity * 0 are NaN.
  torch::autograd::backward({loss}, {loss.detach().mul(0.0).add_(1.0)});
}

}  // namespace allmodes::gradients
