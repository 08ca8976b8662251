#include "run/feed.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <utility>

namespace allmodes::run {
namespace {

data::Sampler sampler_of(const CheckedRun& run) {
  const config::Data& data = run.config().data;
  if (data.order != "shards") return {run.dataset->size(), run.config().seed};
  std::vector<int64_t> sizes = run.dataset->shard_sizes();
  if (sizes.empty()) sizes.push_back(run.dataset->size());
  return {
      run.dataset->size(), run.config().seed, {.sizes = std::move(sizes), .window = data.window}};
}

}  // namespace

Feed::Feed(const CheckedRun& run, const world::World& world, at::Device device, uint64_t samples)
    : shape_(objectives::network_shape(run.dataset->shape())),
      labelled_(run.dataset->classes() > 0),
      share_(data::share(run.config().batch, world.rank, world.size)),
      device_(device),
      bytes_(device.is_cuda() && run.dataset->holds_bytes()),
      prefetcher_(std::make_shared<data::Prefetcher>(
          *run.dataset, sampler_of(run), samples, run.config().batch, share_,
          run.config().data.prefetch, bytes_ ? data::Form::bytes : data::Form::floats)) {
  shape_.insert(shape_.begin(), share_.count);
}

training::LocalBatch Feed::next() {
  data::Batch batch = prefetcher_->next();
  if (device_.is_cpu()) return on_host(std::move(batch));
  auto local = on_gpu(batch);
  prefetcher_->recycle(std::move(batch));
  return local;
}

training::LocalBatch Feed::on_host(data::Batch batch) const {
  const std::shared_ptr<data::Batch> owned(
      new data::Batch(std::move(batch)), [reader = std::weak_ptr(prefetcher_)](data::Batch* used) {
        const std::unique_ptr<data::Batch> freed(used);
        if (const auto alive = reader.lock()) alive->recycle(std::move(*used));
      });
  const auto keep = [owned](void*) {};
  training::LocalBatch local;
  local.first = share_.first;
  local.samples = at::from_blob(owned->samples.data(), shape_, keep, at::kFloat);
  if (labelled_)
    local.labels = at::from_blob(owned->labels.data(), {share_.count}, keep, at::kLong);
  return local;
}

training::LocalBatch Feed::on_gpu(data::Batch& batch) const {
  training::LocalBatch local;
  local.first = share_.first;
  if (bytes_) {
    local.samples =
        training::samples_of_bytes(copied(at::from_blob(batch.bytes.data(), shape_, at::kByte)));
  } else {
    local.samples = copied(at::from_blob(batch.samples.data(), shape_, at::kFloat));
  }
  if (labelled_)
    local.labels = copied(at::from_blob(batch.labels.data(), {share_.count}, at::kLong));
  return local;
}

at::Tensor Feed::copied(const at::Tensor& view) const {
  const at::Tensor pinned = at::empty(view.sizes(), view.options().pinned_memory(true));
  pinned.copy_(view);
  return pinned.to(device_, /*non_blocking=*/true);
}

}  // namespace allmodes::run
