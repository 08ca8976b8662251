#pragma once

// Data-parallel ranks hold replicas of one model: equal bit for bit, since all apply the same
// averaged gradient. What breaks that (memory that fails, processors or libraries that round
// otherwise, a defect) shows in no loss curve, so it is looked for.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "training/loop.h"
#include "training/model.h"
#include "world/communicator.h"

namespace allmodes::training {

// One part of a replica: "moving average of network 'generator'".
struct ReplicaPart {
  std::string name;
  uint64_t hash = 0;  // XXH3 of its bytes
};

// Weights, moving average, moments, counts of updates and running statistics of every network.
// Copies to the host what is on a device.
std::vector<ReplicaPart> hash_replica(const Model& model);

// What differs in `by_rank[rank][part]`: the odd ranks, those they differ from, the first part and
// both hashes; odd are those outside the largest group of equal ones. nullopt: nothing differs.
std::optional<std::string> odd_replicas(const std::vector<ReplicaPart>& parts,
                                        std::span<const std::vector<uint64_t>> by_rank);

// Collective, one small exchange. Throws the same kProtocol error on every rank, naming the odd
// ranks and the first part that differs, unless all are at the same position with equal replicas.
void check_replicas(const Model& model, const Position& position, world::Communicator& control);

}  // namespace allmodes::training
