#pragma once

// How like pictures are to others, one by one.

#include <ATen/core/Tensor.h>

#include <vector>

namespace allmodes::diagnostics {

struct PictureLikeness {
  std::vector<double> error;  // mean absolute difference, values as given, >= 0
  // 10 log10(1 / mean squared difference) of values brought to [0, 1] and clamped there, dB; 100
  // where they are equal or nearly so.
  std::vector<double> psnr;
  // Structural similarity of the same values (Wang et al., "Image quality assessment: from error
  // visibility to structural similarity", 2004): a Gaussian window of 11 x 11 pixels with deviation
  // 1.5, K1 = 0.01, K2 = 0.03, the mean over all places of the window within the picture and over
  // channels. Empty for pictures smaller than the window.
  std::vector<double> ssim;
};

// Pictures [n, channels, height, width] in [-1, 1], on the host, and as many others.
PictureLikeness picture_likeness(const at::Tensor& pictures, const at::Tensor& others);

}  // namespace allmodes::diagnostics
