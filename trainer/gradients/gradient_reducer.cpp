#include "gradients/gradient_reducer.h"

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.h"
#include "base/seconds_since.h"
#include "gradients/compute_stream.h"
#include "gradients/gradient_hooks.h"

namespace allmodes::gradients {
namespace {

using Clock = std::chrono::steady_clock;

}  // namespace

GradientReducer::GradientReducer(FlatNetwork& network, world::Communicator& communicator,
                                 BucketPlan plan)
    : network_(network), communicator_(communicator), plan_(std::move(plan)) {
  for (size_t i = 0; i < network_.parameter_views.size(); ++i)
    on_gradient_ready(network_.parameter_views[i], [this, i] { on_gradient(i); });
}

GradientReducer::~GradientReducer() {
  for (const auto& parameter : network_.parameter_views) remove_hook(parameter);
}

void GradientReducer::arm() {
  ALLMODES_CHECK(state_ == State::kIdle || state_ == State::kReduced,
                 "the reducer of '{}' is armed twice without finish()", network_.name);
  start_window();
  waiting_.clear();
  for (const Bucket& bucket : plan_.buckets) waiting_.push_back(bucket.parameters);
  seen_.assign(network_.parameter_views.size(), false);
  ready_order_.clear();
  tickets_.clear();
  next_bucket_ = 0;
  exchange_seconds_ = 0;
  held_ = false;
  state_ = State::kFilling;
}

void GradientReducer::start_window() {
  for (const at::Tensor& parameter : network_.parameter_views) parameter.mutable_grad().reset();
  filled_.assign(network_.parameter_views.size(), false);
}

void GradientReducer::end_part() {
  ALLMODES_CHECK(state_ == State::kFilling && held_,
                 "a part of the reducer of '{}' ends that is not armed and held", network_.name);
  check_views();
  parts_.push(network_.gradients);
  start_window();
}

void GradientReducer::on_gradient(size_t parameter) {
  const auto& name = network_.plan.parameters[parameter].name;
  ALLMODES_CHECK(state_ == State::kFilling || state_ == State::kLaunched,
                 "'{}.{}' received a gradient while its reducer was not armed; a phase that does "
                 "not train '{}' must not require its gradients",
                 network_.name, name, network_.name);
  adopt(parameter);
  if (held_) return;
  ALLMODES_CHECK(!seen_[parameter],
                 "'{}.{}' received a second gradient in one armed window; call hold(true) for all "
                 "but the last backward",
                 network_.name, name);
  seen_[parameter] = true;
  ready_order_.push_back(static_cast<int64_t>(parameter));
  --waiting_[static_cast<size_t>(plan_.bucket_of[parameter])];
  launch_ready(compute_stream(network_.parameters.device()));
}

// The first gradient since arm() lies in a tensor of autograd's; later ones are added to the view.
void GradientReducer::adopt(size_t parameter) {
  if (filled_[parameter]) return;
  filled_[parameter] = true;
  const at::NoGradGuard no_grad;
  at::Tensor& grad = network_.parameter_views[parameter].mutable_grad();
  network_.gradient_views[parameter].copy_(grad);
  grad = network_.gradient_views[parameter];
}

void GradientReducer::launch_ready(world::Stream compute) {
  // The last bucket carries the batch statistics too and leaves in launch_rest().
  while (next_bucket_ + 1 < waiting_.size() && waiting_[next_bucket_] == 0)
    launch(next_bucket_++, compute);
}

void GradientReducer::launch(size_t index, world::Stream compute) {
  state_ = State::kLaunched;
  if (communicator_.size() == 1) return;
  const auto start = Clock::now();
  const Bucket& bucket = plan_.buckets[index];
  const bool last = index + 1 == plan_.buckets.size();
  const int64_t end = last ? network_.gradients.size(0) : bucket.offset + bucket.count;
  const std::string label =
      fmt::format("{}, bucket {} of {}", network_.name, index + 1, plan_.buckets.size());
  tickets_.push_back(communicator_.all_reduce(
      {.data = network_.gradients.data_ptr<float>() + bucket.offset,
       .count = end - bucket.offset,
       .type = world::DataType::f32,
       .place = network_.gradients.is_cuda() ? world::Place::device : world::Place::host,
       .label = label},
      world::ReduceOp::mean, compute));
  exchange_seconds_ += seconds_since(start);
}

void GradientReducer::settle() {
  ALLMODES_CHECK(state_ == State::kFilling || state_ == State::kLaunched,
                 "finish() on the reducer of '{}' that is not armed", network_.name);
  if (!parts_.empty()) {
    const at::NoGradGuard no_grad;
    check_views();
    network_.gradients.copy_(parts_.take());
  }
  check_views();
}

void GradientReducer::launch_rest(world::Stream compute) {
  settle();
  while (next_bucket_ < plan_.buckets.size()) launch(next_bucket_++, compute);
}

void GradientReducer::finish(world::Stream compute) {
  launch_rest(compute);
  const auto start = Clock::now();
  for (auto& ticket : tickets_) ticket.wait(compute);
  exchange_seconds_ += seconds_since(start);
  tickets_.clear();
  state_ = State::kReduced;
}

void GradientReducer::abandon() {
  tickets_.clear();
  state_ = State::kIdle;
}

void GradientReducer::check_views() {
  for (size_t i = 0; i < network_.parameter_views.size(); ++i) {
    if (!filled_[i]) {
      filled_[i] = true;
      network_.gradient_views[i].zero_();
      network_.parameter_views[i].mutable_grad() = network_.gradient_views[i];
      continue;
    }
    const at::Tensor& grad = network_.parameter_views[i].grad();
    ALLMODES_CHECK(grad.defined() && grad.data_ptr() == network_.gradient_views[i].data_ptr(),
                   "the gradient of '{}.{}' is no longer the view of flat storage; nothing but the "
                   "reducer may replace or reset it",
                   network_.name, network_.plan.parameters[i].name);
  }
}

std::vector<int64_t> agree_on_order(const FlatNetwork& network,
                                    const std::vector<int64_t>& ready_order,
                                    world::Communicator& control) {
  std::vector<int64_t> counts;
  for (const Slice& slice : network.slices) counts.push_back(slice.count);
  std::vector<int64_t> order = ready_order;
  for (const int64_t parameter : network.order)
    if (std::find(order.begin(), order.end(), parameter) == order.end()) order.push_back(parameter);

  // Sizes first: a broadcast of differing lengths would corrupt memory.
  const uint64_t sizes = plan_hash(counts, {});
  const auto all = control.all_gather_v(std::as_bytes(std::span(&sizes, 1)));
  for (size_t rank = 0; rank < all.size(); ++rank) {
    if (std::memcmp(all[rank].data(), all[0].data(), sizeof sizes) != 0) {
      ALLMODES_FAIL(ExitCode::kProtocol,
                    "ranks 0 and {} have different parameters in network '{}'; start every rank "
                    "with the same binary and configuration",
                    rank, network.name);
    }
  }
  control
      .broadcast({.data = order.data(),
                  .count = static_cast<int64_t>(order.size()),
                  .type = world::DataType::i64,
                  .place = world::Place::host},
                 0, nullptr)
      .wait(nullptr);
  return order;
}

}  // namespace allmodes::gradients
