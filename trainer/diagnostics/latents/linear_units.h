#pragma once

// What a linear autoencoder would keep of the data, beside which an encoder's dead units are a
// choice or a fault. Torch-free.

#include <cstdint>
#include <span>

namespace allmodes::diagnostics {

// Lucas, Tucker, Grosse, Norouzi, "Don't blame the ELBO! A linear VAE perspective on posterior
// collapse", 2019, arXiv 1911.02469, section 4: unit i is active where the data's i-th largest
// variance exceeds beta times the decoder's.
struct LinearUnits {
  int64_t units = 0;    // active ones, at most `latent`
  double residual = 1;  // share of the variance that its reconstructions leave, [0, 1]
};

// `variances`: of the data along its principal directions, largest first, >= 0; those beyond
// `latent` are not looked at. `total`: of all directions, > 0. `noise`: beta times the decoder's
// variance, > 0.
LinearUnits linear_units(std::span<const double> variances, double total, double noise,
                         int64_t latent);

}  // namespace allmodes::diagnostics
