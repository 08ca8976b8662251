#include "gradients/tree_sum.h"

#include <ATen/core/grad_mode.h>

#include <utility>

#include "base/error.h"

namespace allmodes::gradients {

void TreeSum::push(const at::Tensor& value) {
  const at::NoGradGuard no_grad;
  at::Tensor node = value.clone();
  size_t level = 0;
  for (; level < nodes_.size() && nodes_[level].defined(); ++level)
    node = std::exchange(nodes_[level], at::Tensor()).add_(node);  // the earlier one on the left
  if (level == nodes_.size()) nodes_.emplace_back();
  nodes_[level] = std::move(node);
  ++count_;
}

at::Tensor TreeSum::take() {
  ALLMODES_CHECK(count_ > 0 && (count_ & (count_ - 1)) == 0, "a binary tree of {} tensors", count_);
  count_ = 0;
  at::Tensor sum = std::move(nodes_.back());
  nodes_.clear();
  return sum;
}

}  // namespace allmodes::gradients
