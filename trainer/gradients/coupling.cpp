#include "gradients/coupling.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>  // capsule that carries the communicator to the backward
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include "base/error.h"
#include "gradients/compute_stream.h"

namespace allmodes::gradients {
namespace {

struct CommunicatorHolder : torch::CustomClassHolder {
  explicit CommunicatorHolder(world::Communicator& held) : communicator(held) {}
  world::Communicator& communicator;
};

c10::IValue capsule(world::Communicator& ranks) {
  return c10::IValue::make_capsule(c10::make_intrusive<CommunicatorHolder>(ranks));
}

world::Communicator& communicator_of(torch::autograd::AutogradContext* context) {
  return c10::static_intrusive_pointer_cast<CommunicatorHolder>(
             context->saved_data.at("ranks").toCapsule())
      ->communicator;
}

void all_reduce(const at::Tensor& value, world::Communicator& ranks, world::ReduceOp op) {
  const bool single = value.scalar_type() == at::kFloat;
  ALLMODES_CHECK(single || value.scalar_type() == at::kDouble, "coupling of another type");
  const world::Stream stream = compute_stream(value.device());
  ranks
      .all_reduce({.data = value.data_ptr(),
                   .count = value.numel(),
                   .type = single ? world::DataType::f32 : world::DataType::f64,
                   .place = value.is_cuda() ? world::Place::device : world::Place::host},
                  op, stream)
      .wait(stream);
}

void refuse_second_derivative(const char* what) {
  if (at::GradMode::is_enabled())
    ALLMODES_FAIL(ExitCode::kConfiguration,
                  "{} over all ranks cannot be differentiated twice; use statistics \"local\" in a "
                  "network that a penalty differentiates",
                  what);
}

at::Tensor rows_of_all(const at::Tensor& rows, world::Communicator& ranks) {
  std::vector<int64_t> shape = rows.sizes().vec();
  const int64_t count = shape[0];
  shape[0] = count * ranks.size();
  // A sum with zeros from the others: exact, and one collective on the host and on a device.
  at::Tensor all = at::zeros(shape, rows.options());
  all.narrow(0, ranks.rank() * count, count).copy_(rows);
  all_reduce(all, ranks, world::ReduceOp::sum);
  return all;
}

at::Tensor rows_of_rank(const at::Tensor& all, const world::Communicator& ranks) {
  const int64_t count = all.size(0) / ranks.size();
  return all.narrow(0, ranks.rank() * count, count);
}

struct GatherRows : torch::autograd::Function<GatherRows> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows,
                            world::Communicator* ranks) {
    context->saved_data["ranks"] = capsule(*ranks);
    return rows_of_all(rows, *ranks);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("gathering samples");
    // Every rank computes the whole loss, of which this rank's rows have this part; the reducer's
    // mean divides by the number of ranks what only one of them contributes.
    const auto& ranks = communicator_of(context);
    return {rows_of_rank(gradients[0], ranks) * ranks.size(), at::Tensor()};
  }
};

struct GatherRowsForParts : torch::autograd::Function<GatherRowsForParts> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& rows,
                            world::Communicator* ranks) {
    context->saved_data["ranks"] = capsule(*ranks);
    return rows_of_all(rows, *ranks);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("gathering samples");
    const at::Tensor sum = gradients[0].contiguous().clone();
    auto& ranks = communicator_of(context);
    all_reduce(sum, ranks, world::ReduceOp::sum);
    return {rows_of_rank(sum, ranks), at::Tensor()};
  }
};

struct MeanOverRanks : torch::autograd::Function<MeanOverRanks> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& value,
                            world::Communicator* ranks) {
    context->saved_data["ranks"] = capsule(*ranks);
    const at::Tensor mean = value.contiguous().clone();
    all_reduce(mean, *ranks, world::ReduceOp::mean);
    return mean;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    refuse_second_derivative("a mean");
    const at::Tensor mean = gradients[0].contiguous().clone();
    all_reduce(mean, communicator_of(context), world::ReduceOp::mean);
    return {mean, at::Tensor()};
  }
};

}  // namespace

at::Tensor gather_rows(const at::Tensor& rows, world::Communicator& ranks) {
  if (ranks.size() == 1) return rows;
  return GatherRows::apply(rows, &ranks);
}

at::Tensor gather_rows_for_parts(const at::Tensor& rows, world::Communicator& ranks) {
  if (ranks.size() == 1) return rows;
  return GatherRowsForParts::apply(rows, &ranks);
}

at::Tensor mean_over_ranks(const at::Tensor& value, world::Communicator& ranks) {
  if (ranks.size() == 1) return value;
  return MeanOverRanks::apply(value, &ranks);
}

}  // namespace allmodes::gradients
