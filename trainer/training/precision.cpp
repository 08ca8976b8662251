#include "training/precision.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

namespace allmodes::training {

void set_precision(const config::Gpu& gpu) {
  auto& context = at::globalContext();
  const bool tf32 = gpu.precision != "float32";
  context.setAllowTF32CuBLAS(tf32);
  context.setAllowTF32CuDNN(tf32);
  context.setBenchmarkCuDNN(gpu.convolutions == "fastest");
  context.setDeterministicCuDNN(gpu.convolutions == "deterministic");
}

Autocast::Autocast(bool on) : on_(on) {
  if (!on_) return;
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCUDA, true);
  at::autocast::increment_nesting();
}

// The weights that were cast belong to one forward: the next may see others.
Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::set_autocast_enabled(at::kCUDA, false);
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
}

}  // namespace allmodes::training
