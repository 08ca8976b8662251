#include "objectives/mode_seeking.h"

#include <ATen/TensorOperators.h>

namespace allmodes::objectives {

at::Tensor mode_seeking(const at::Tensor& x1, const at::Tensor& x2, const at::Tensor& z1,
                        const at::Tensor& z2, const Coupling& coupling) {
  const at::Tensor samples = coupling.mean((x1 - x2).abs().mean());
  const at::Tensor latents = coupling.mean((z1 - z2).abs().mean());
  return (samples / latents + 1e-5).reciprocal();
}

}  // namespace allmodes::objectives
