#pragma once

// In which precision a GPU computes.

#include "config/run_config.h"

namespace allmodes::training {

// What holds for the whole process: TF32 or not, and how convolutions are chosen.
void set_precision(const config::Gpu& gpu);

// While it lives and is `on`, matrix products and convolutions on a GPU take and give bfloat16, and
// what needs the range of float32 stays in it (autocast; Micikevicius et al., arXiv 1710.03740).
class Autocast {
 public:
  explicit Autocast(bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  bool on_;
};

}  // namespace allmodes::training
