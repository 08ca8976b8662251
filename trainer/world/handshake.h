#pragma once

// What the ranks make sure of before they work together.

#include "base/error.h"
#include "world/communicator.h"
#include "world/runtime.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace allmodes::world {

// What has to be the same on every rank, by name: {"version of allmodes", "0.1.0"}.
using Facts = std::vector<std::pair<std::string, std::string>>;

// Collective. Exchanges the facts of all ranks. If any differs, is missing or is known to some
// ranks alone, EVERY rank throws the same kProtocol error, naming the first such fact, two ranks
// with their hosts (rank 0 and the lowest that differs from it), and both values.
void agree(Communicator& communicator, const Facts& facts);

// Why a rank cannot go on; kOk: it can.
struct Refusal {
  ExitCode code = ExitCode::kOk;
  std::string text = {};  // for the user, whole lines
};

// Collective. What one rank refuses, all refuse: a rank that returned alone would leave the others
// in their next collective for ever. Every return that depends on what a rank finds for itself (its
// files, its place, its node) goes through here first. The code is the largest of any rank's,
// the same on every rank; the text holds each rank's text once, with a line that names the rank and
// its host before all but rank 0's.
Refusal refuse_together(Communicator& communicator, const Refusal& mine);

// One process of the job, for the start-up table.
struct Member {
  int rank = 0;
  std::string host = {};
  int local_rank = 0;
  std::string device = {};       // its name: "cpu", "NVIDIA H100 80GB HBM3"
  std::string device_uuid = {};  // empty for the CPU
  int64_t pid = 0;
};

// Collective. Every process, in rank order, the same on every rank.
std::vector<Member> roster(Communicator& communicator, const World& world,
                           const std::string& device, const std::string& device_uuid = "");

// Texts joined into one that unpack() takes apart again; any bytes are allowed in them.
std::string pack(const std::vector<std::string>& texts);
// Throws kProtocol when `packed` was not made by pack().
std::vector<std::string> unpack(const std::string& packed);

}  // namespace allmodes::world
