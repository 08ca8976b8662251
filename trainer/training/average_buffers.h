#pragma once

// What batch norm keeps, for the averaged weights. The running statistics of training belong to the
// weights of the last steps; the averaged weights, which evaluations sample from, give other
// activations. Evaluated with the running statistics, a network is off by the difference, so means
// and variances are measured anew with the averaged weights (Izmailov et al., arXiv 1803.05407,
// section 3.2; Brock et al., arXiv 1809.11096, appendix C.3: "standing statistics").

#include <cstdint>

#include "data/dataset.h"
#include "training/model.h"

namespace allmodes::training {

// Samples that the means and variances are taken over, a part of them at a time.
inline constexpr int64_t kAverageBufferSamples = 1024;
inline constexpr int64_t kAverageBufferChunk = 128;

// Sets the buffers of the averaged weights (Model::set_average_buffers) of every network that has
// averaged weights, keeps something by layer (batch norm's means and variances, the vectors of
// spectral norms), and takes part in generating, encoding or scoring. Networks run as in training:
// each layer normalizes by its chunk, and what a layer keeps becomes the mean over the chunks. The
// generator of an autoencoder sees codes of the data, drawn from their posterior, as in training;
// others see latents of the prior.
//
// A function of the weights, the data and `seed` alone: every rank computes all of it, to the same
// numbers, so that nothing is exchanged and a single rank may call. Does nothing where the model
// has these buffers already (since its last step), and costs one chunk where no network needs them.
void estimate_average_buffers(Model& model, const objectives::Objective& objective,
                              const data::Dataset& dataset, uint64_t seed);

// The model as evaluations run it: estimate_average_buffers(), then Model::evaluation_forward().
objectives::Forward averaged_forward(Model& model, const objectives::Objective& objective,
                                     const data::Dataset& dataset, uint64_t seed);

}  // namespace allmodes::training
