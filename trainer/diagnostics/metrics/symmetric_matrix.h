#pragma once

// Eigenproblems of symmetric matrices, dense and in double precision (LAPACK, through LibTorch).

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

// Eigenvalues of a [size][size], ascending. Throws ExitCode::kSoftware when the sizes do not fit.
std::vector<double> eigenvalues(std::span<const double> matrix, int64_t size);

struct Eigensystem {
  std::vector<double> values;   // [size], ascending
  std::vector<double> vectors;  // [size][size], the i-th eigenvector in column i
};
Eigensystem eigenvectors(std::span<const double> matrix, int64_t size);

// tr((A^1/2 B A^1/2)^1/2) of positive semidefinite A and B [size][size]: the sum of the singular
// values of F(A)^T F(B), where F(S) = V diag(sqrt(lambda)) is a factor, F F^T = S. So no square
// root is taken of an eigenvalue that is rounding error: the result is good to about 1e-8 of the
// traces when A or B is singular, and to rounding when they are not.
double trace_of_root(std::span<const double> a, std::span<const double> b, int64_t size);

}  // namespace allmodes::diagnostics
