#pragma once

// Spaces to measure samples in, beside the samples' own numbers.

#include <cstdint>
#include <span>
#include <vector>

#include "diagnostics/statistics/feature_rows.h"
#include "diagnostics/statistics/principal.h"

namespace allmodes::diagnostics {

// The `dimensions` directions of largest variance, largest first (principal components); at most
// the width and rows - 1. Exact, by the eigenvectors of the covariance, where
// principal_projection(), which needs no LAPACK and has no widest, approximates. At most kWidestPca
// numbers a row, else throws kConfiguration; as check_features().
inline constexpr int64_t kWidestPca = 4096;
Projection principal_components(const Features& reals, int64_t dimensions);

// Rows [range.count()][dimensions]. Rows are computed in blocks that begin at multiples of 250, so
// a row's bits do not depend on the range when that begins at one, too.
std::vector<float> project(const Features& features, const Projection& projection, RowRange range);

// A fixed network of random weights: two convolutions (5 x 5 and 3 x 3, stride 2, 32 and 64
// channels, normal weights of variance 2 / fan-in), each with ReLU, and means over a 2 x 2 grid:
// 256 numbers. Random features keep more of an image's shape than pixels and need no training (as
// Naeem et al. 2020, arXiv 2002.09797, section 5, found of random embeddings). The weights are the
// same everywhere, and for any image. images [n][channels][height][width]; the range as in
// project().
inline constexpr int64_t kRandomConvFeatures = 256;
std::vector<float> random_conv_features(std::span<const float> images, int64_t channels,
                                        int64_t height, int64_t width, RowRange range);

}  // namespace allmodes::diagnostics
