#pragma once

// Between the model on its device and the files of a checkpoint. Tensors are saved by parameter
// name, in their own shapes, so a checkpoint does not depend on layout, buckets or rank count.

#include <string>
#include <utility>
#include <vector>

#include "checkpoints/checkpoint.h"
#include "training/model.h"

namespace allmodes::training {

// Host copies of all networks, and the payload whose views point into them.
struct Snapshot {
  std::vector<at::Tensor> storage;
  checkpoints::Payload payload;  // by network: weights/, average/, first_moment/, second_moment/,
                                 // buffers/, and the scalar `updates`; of a further optimizer
                                 // NAME its moments and updates with NAME. before them;
                                 // average_buffers/, where the averaged weights have their own
};

Snapshot take_snapshot(const Model& model);

// Every tensor of a network that a checkpoint carries, by its name there, as views of the network's
// storage.
using NamedTensor = std::pair<std::string, at::Tensor>;
std::vector<NamedTensor> named_tensors(const NetworkState& network);

// Puts a checkpoint's tensors into the model. Throws kDataError naming file and tensor when one is
// missing or of another shape. A checkpoint without average_buffers/, as earlier versions wrote
// them, leaves these unset.
void restore(Model& model, const checkpoints::Opened& checkpoint);
// Collective over `group`, whose rank 0 alone reads: the others pass nullptr and get every tensor
// from it.
void restore(Model& model, const checkpoints::Opened* checkpoint, world::Communicator& group);

}  // namespace allmodes::training
