#pragma once

// A network for evaluation alone, whose batch norms are part of the convolutions before them: what
// they do with fixed statistics is a factor and an offset for each channel.

#include <ATen/core/Tensor.h>

#include <span>
#include <vector>

#include "networks/plan.h"

namespace allmodes::networks {

struct Folded {
  Plan plan;
  std::vector<at::Tensor> weights;  // in the order of the plan, which has no buffers of norms
};

// Of a network whose batch norms each come after a convolution without bias, and which has no inner
// layers nor other buffers. Equal to networks::forward() in evaluation up to rounding, without the
// norms' passes over the data. Throws ExitCode::kSoftware for any other network.
Folded folded(const Plan& plan, std::span<const at::Tensor> weights,
              std::span<const at::Tensor> buffers);

}  // namespace allmodes::networks
