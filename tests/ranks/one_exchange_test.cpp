// All that a model's ranks exchange while they train goes through one communicator: with NCCL two
// of them may be at work at the same time only where every GPU starts their collectives in one
// order.

#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "ranks/forwarding_communicator.h"
#include "ranks/training_fixture.h"

namespace allmodes::testing {
namespace {

// Notes what passes.
class Noted final : public ForwardingCommunicator {
 public:
  using ForwardingCommunicator::ForwardingCommunicator;

  int splits = 0;
  std::multiset<world::DataType> reductions;

 private:
  world::Ticket do_all_reduce(world::Buffer buffer, world::ReduceOp op,
                              world::Stream stream) override {
    {
      const std::scoped_lock lock(mutex_);
      reductions.insert(buffer.type);
    }
    return ForwardingCommunicator::do_all_reduce(buffer, op, stream);
  }
  std::unique_ptr<Communicator> do_split(int color, int key) override {
    ++splits;
    return ForwardingCommunicator::do_split(color, key);
  }

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
