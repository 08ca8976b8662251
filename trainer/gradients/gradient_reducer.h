#pragma once

// Averages one network's gradient over the ranks, bucket by bucket while backward runs.
//
//   reducer.arm();                    Idle -> Filling: the gradients count as zero
//   reducer.hold(true);  backward     all but the last backward of an accumulation
//   reducer.hold(false); backward     a complete bucket is exchanged, strictly in plan order
//   reducer.launch_rest(stream);      what is left is exchanged in plan order
//   reducer.finish(stream);           -> Reduced
//
// launch_rest() is the authority: a parameter that no backward reached (the last bias under a
// gradient penalty) contributes zeros, so every rank exchanges the same buckets in the same order.
//
// Between arm() and its first gradient a parameter has no .grad: autograd then leaves its own
// tensor there, which is copied into flat storage, half the memory traffic of zeroing and adding.

#include <cstdint>
#include <string>
#include <vector>

#include "gradients/bucket_plan.h"
#include "gradients/flat_network.h"
#include "gradients/tree_sum.h"
#include "world/communicator.h"

namespace allmodes::gradients {

class GradientReducer {
 public:
  enum class State { kIdle, kFilling, kLaunched, kReduced };

  // `network` and `communicator` outlive the reducer. Sets the hooks of the network's parameters.
  GradientReducer(FlatNetwork& network, world::Communicator& communicator, BucketPlan plan);
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  void arm();
  // While held, ready gradients are not exchanged (they still accumulate).
  void hold(bool held) { held_ = held; }
  // Ends a part of the batch, of which there is a power of two: the parts' gradients (with their
  // batch statistics) are added up as a binary tree. After arm() and hold(true).
  void end_part();
  // After the last backward: this rank's own gradient is whole in flat storage, zero where no
  // backward has been. Throws kSoftware when a .grad no longer is the view of flat storage.
  void settle();
  // Of several networks trained together, first launch_rest() of each, then finish() of each.
  // Settles, too.
  void launch_rest(world::Stream compute);
  // Returns when the compute stream may use the averaged gradient.
  void finish(world::Stream compute);

  // Forgets a window that an error ended; the next arm() starts anew.
  void abandon();

  State state() const { return state_; }
  // Parameters in the order in which the last backward completed their gradients.
  const std::vector<int64_t>& ready_order() const { return ready_order_; }
  // Host seconds spent in exchanging and waiting for it since arm(): what was not hidden on a CPU.
  double exchange_seconds() const { return exchange_seconds_; }

 private:
  void on_gradient(size_t parameter);
  void launch_ready(world::Stream compute);
  void launch(size_t bucket, world::Stream compute);
  void start_window();
  void adopt(size_t parameter);
  void check_views();

  FlatNetwork& network_;
  world::Communicator& communicator_;
  BucketPlan plan_;
  State state_ = State::kIdle;
  bool held_ = false;
  size_t next_bucket_ = 0;
  std::vector<int64_t> waiting_;  // by bucket: parameters still without gradient
  std::vector<bool> seen_;        // by parameter, in this backward
  std::vector<bool> filled_;      // by parameter, since arm()
  std::vector<int64_t> ready_order_;
  std::vector<world::Ticket> tickets_;
  TreeSum parts_;
  double exchange_seconds_ = 0;
};

// The order in which rank 0's gradients became ready, on every rank; parameters that had none come
// last. Throws kProtocol when ranks disagree on the number or sizes of parameters.
std::vector<int64_t> agree_on_order(const FlatNetwork& network,
                                    const std::vector<int64_t>& ready_order,
                                    world::Communicator& control);

}  // namespace allmodes::gradients
