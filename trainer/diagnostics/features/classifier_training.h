#pragma once

// How the classifier behind the mode histogram is made: a small convolutional network, a few passes
// over the real images in half a minute of two cores, the same whatever the rank count.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "data/dataset.h"
#include "gradients/flat_network.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

// Part of the cache's file names: raise it with every change to what is trained, so that no
// classifier of an older recipe is taken for one of this.
inline constexpr int kClassifierRecipe = 3;

// Collective. A network from images of `dataset`'s shape to scores of its classes, trained with
// cross-entropy on its labels; the averaged weights are the result. `seed` draws first weights,
// order and shifts. Batch norm takes the statistics of the whole batch, and every image is moved by
// up to a pixel either way, keyed by its place in the global order: ranks only share the work, and
// the result differs by rounding. `steps` of 128 images.
gradients::FlatNetwork train_classifier(const data::Dataset& dataset, uint64_t seed, int64_t steps,
                                        world::Communicator& exchange, at::Device device);

// Enough for a set of so many images: five passes, within limits.
int64_t classifier_steps(int64_t images);

// The network, untrained: what a cached classifier is read into.
gradients::FlatNetwork make_classifier_network(const data::Dataset& dataset, uint64_t seed,
                                               at::Device device);

// Scores [n, classes] of images [n, channels, height, width] by the averaged weights.
at::Tensor classifier_scores(const gradients::FlatNetwork& network, const at::Tensor& images);

// Numbers that its last layer decides by.
inline constexpr int64_t kClassifierFeatures = 128;

// Moves each of `count` images by (dx, dy), each uniform over -kClassifierShift .. kClassifierShift
// and a function of (seed, global place first + i); what comes in is black (-1). In place.
void shift_images(const data::SampleShape& shape, uint64_t seed, uint64_t first, int64_t count,
                  float* images);
inline constexpr int64_t kClassifierShift = 1;

}  // namespace allmodes::diagnostics
