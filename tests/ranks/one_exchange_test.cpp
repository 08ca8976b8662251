// All that a model's ranks exchange while they train goes through one communicator: with NCCL two
// of them may be at work at the same time only where every GPU starts their collectives in one
// order.

#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "ranks/training_fixture.h"

namespace allmodes::testing {
namespace {

// Passes everything on, and notes what it was.
class Noted final : public world::Communicator {
 public:
  explicit Noted(world::Communicator& inner)
      : Communicator(inner.rank(), inner.size()), inner_(inner) {}

  int splits = 0;
  std::multiset<world::DataType> reductions;

 private:
  world::Ticket do_all_reduce(world::Buffer buffer, world::ReduceOp op,
                              world::Stream stream) override {
    {
      const std::scoped_lock lock(mutex_);
      reductions.insert(buffer.type);
    }
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
    ++splits;
    return inner_.split(color, key);
  }

  world::Communicator& inner_;
  std::mutex mutex_;
};

TEST(OneExchange, StatisticsOfBatchesAndGradientsGoThroughTheSameCommunicator) {
  run_ranks(2, [](world::Communicator& group) {
    Noted exchange(group);
    RankTrainer trainer(image_gan(), exchange);
    for (uint64_t step = 0; step < 2; ++step) trainer.step(step);
    EXPECT_EQ(exchange.splits, 0);
    // Statistics are summed as double, gradients as float.
    EXPECT_GT(exchange.reductions.count(world::DataType::f64), 0U);
    EXPECT_GT(exchange.reductions.count(world::DataType::f32), 0U);
  });
}

}  // namespace
}  // namespace allmodes::testing
