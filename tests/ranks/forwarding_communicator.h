#pragma once

// A communicator that hands everything to another one, for tests that look at what passes.

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "world/communicator.h"

namespace allmodes::testing {

class ForwardingCommunicator : public world::Communicator {
 public:
  explicit ForwardingCommunicator(world::Communicator& inner)
      : Communicator(inner.rank(), inner.size()), inner_(inner) {}

 protected:
  world::Ticket do_all_reduce(world::Buffer buffer, world::ReduceOp op,
                              world::Stream stream) override {
    return inner_.all_reduce(buffer, op, stream);
  }
  world::Ticket do_reduce(world::Buffer buffer, world::ReduceOp op, int root,
                          world::Stream stream) override {
    return inner_.reduce(buffer, op, root, stream);
  }
  world::Ticket do_broadcast(world::Buffer buffer, int root, world::Stream stream) override {
    return inner_.broadcast(buffer, root, stream);
  }
  std::vector<std::vector<std::byte>> do_all_gather_v(std::span<const std::byte> mine) override {
    return inner_.all_gather_v(mine);
  }
  void do_barrier() override { inner_.barrier(); }
  std::unique_ptr<Communicator> do_split(int color, int key) override {
    return inner_.split(color, key);
  }

 private:
  world::Communicator& inner_;
};

}  // namespace allmodes::testing
