#include "diagnostics/metrics/symmetric_matrix.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/clamp_min.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/linalg_eigh.h>
#include <ATen/ops/linalg_eigvalsh.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sqrt.h>
#include <ATen/ops/sum.h>

#include "base/error.h"

namespace allmodes::diagnostics {
namespace {

at::Tensor as_tensor(std::span<const double> matrix, int64_t size) {
  ALLMODES_CHECK(size >= 1 && static_cast<int64_t>(matrix.size()) == size * size,
                 "{} numbers for a matrix of {} rows", matrix.size(), size);
  // The operators below read only.
  return at::from_blob(const_cast<double*>(matrix.data()), {size, size}, at::kDouble);
}

std::vector<double> to_vector(const at::Tensor& tensor) {
  const at::Tensor dense = tensor.contiguous();
  const double* values = dense.data_ptr<double>();
  return {values, values + dense.numel()};
}

at::Tensor factor(std::span<const double> matrix, int64_t size) {
  const auto [values, vectors] = at::linalg_eigh(as_tensor(matrix, size));
  return vectors.mul(at::sqrt(at::clamp_min(values, 0)));
}

}  // namespace

std::vector<double> eigenvalues(std::span<const double> matrix, int64_t size) {
  const at::NoGradGuard no_grad;
  return to_vector(at::linalg_eigvalsh(as_tensor(matrix, size)));
}

Eigensystem eigenvectors(std::span<const double> matrix, int64_t size) {
  const at::NoGradGuard no_grad;
  const auto [values, vectors] = at::linalg_eigh(as_tensor(matrix, size));
  return {to_vector(values), to_vector(vectors)};
}

double trace_of_root(std::span<const double> a, std::span<const double> b, int64_t size) {
  const at::NoGradGuard no_grad;
  return at::linalg_svdvals(at::mm(factor(a, size).t(), factor(b, size))).sum().item<double>();
}

}  // namespace allmodes::diagnostics
