#pragma once

// Symmetric matrices of a few rows, in plain loops and double precision; [n][n], row by row.

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

struct Eigen {
  std::vector<double> values;   // [n], falling
  std::vector<double> vectors;  // [n][n], orthonormal rows in that order
};

// By Jacobi's rotations, to 1e-12 of the matrix's norm; n >= 1.
Eigen eigen(std::vector<double> a, int64_t n);

// The first `rows` eigenvectors divided by the roots of their eigenvalues, W [rows][n]: W C W^T =
// I. Fewer rows where eigenvalues are below 1e-9 of the mean.
std::vector<double> whitening(std::span<const double> c, int64_t n, int64_t rows);

// W A W^T, [rows][rows], for W [rows][n].
std::vector<double> congruence(std::span<const double> w, std::span<const double> a, int64_t n);

}  // namespace allmodes::diagnostics
