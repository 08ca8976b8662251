#include "cli/feed.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <utility>

namespace allmodes::cli {

Feed::Feed(const CheckedRun& run, const world::World& world, at::Device device, uint64_t samples)
    : shape_(objectives::network_shape(run.dataset->shape())),
      labelled_(run.dataset->classes() > 0),
      share_(data::share(run.config().batch, world.rank, world.size)),
      device_(device),
      bytes_(device.is_cuda() && run.dataset->holds_bytes()),
      prefetcher_(*run.dataset, data::Sampler(run.dataset->size(), run.config().seed), samples,
                  run.config().batch, share_, run.config().data.prefetch,
                  bytes_ ? data::Form::bytes : data::Form::floats) {
  shape_.insert(shape_.begin(), share_.count);
}

training::LocalBatch Feed::next() {
  data::Batch batch = prefetcher_.next();
  training::LocalBatch local;
  local.first = share_.first;
  if (bytes_) {
    local.samples = training::samples_of_bytes(
        on_device(at::from_blob(batch.bytes.data(), shape_, at::kByte)));
  } else {
    local.samples = on_device(at::from_blob(batch.samples.data(), shape_, at::kFloat));
  }
  if (labelled_)
    local.labels = on_device(at::from_blob(batch.labels.data(), {share_.count}, at::kLong));
  prefetcher_.recycle(std::move(batch));
  return local;
}

at::Tensor Feed::on_device(const at::Tensor& view) const {
  if (!device_.is_cuda()) return view.clone();
  const at::Tensor pinned = at::empty(view.sizes(), view.options().pinned_memory(true));
  pinned.copy_(view);
  return pinned.to(device_, /*non_blocking=*/true);
}

}  // namespace allmodes::cli
