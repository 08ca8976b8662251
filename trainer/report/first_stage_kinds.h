#pragma once

// The kinds of autoencoders with a codebook or with a discriminator of their reconstructions.

#include "report/kinds.h"

namespace allmodes::report {

Kind codebook_collapse();
Kind discriminator_idle();
Kind discriminator_overpowers();

}  // namespace allmodes::report
