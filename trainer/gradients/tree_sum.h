#pragma once

// A sum whose bits do not depend on who adds up which part.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace allmodes::gradients {

// Adds tensors up in the order of a binary tree over their positions: ((0+1)+(2+3))+((4+5)+(6+7)).
// Whoever adds up an aligned power of two of them holds a node of the tree of all, so that several
// ranks' sums, added up as a tree again, give the same bits as one rank's sum of all.
class TreeSum {
 public:
  // The next tensor; copied.
  void push(const at::Tensor& value);
  bool empty() const { return count_ == 0; }
  // The sum; the object is empty again. Throws kSoftware unless a power of two was pushed.
  at::Tensor take();

 private:
  std::vector<at::Tensor> nodes_;  // nodes_[k]: a whole subtree of 2^k tensors, or undefined
  int64_t count_ = 0;
};

}  // namespace allmodes::gradients
