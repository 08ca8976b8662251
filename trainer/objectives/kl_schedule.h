#pragma once

#include <cstdint>
#include <string>

namespace allmodes::objectives {

// The weight of a VAE's KL term in step `step` (from 0), in [0, beta]:
//   constant  beta
//   linear    beta * min(1, step / warmup) (Bowman et al., arXiv 1511.06349, section 3.1)
//   cyclical  cycles of `warmup` steps, each rising linearly over its first half and staying at
//             beta over its second (Fu et al., arXiv 1903.10145, equation 6, R = 1/2)
// `warmup` >= 1 but for constant, which does not read it. Throws kSoftware for another name.
double kl_weight(const std::string& schedule, double beta, int64_t warmup, uint64_t step);

}  // namespace allmodes::objectives
