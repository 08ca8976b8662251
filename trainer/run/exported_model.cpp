#include "run/exported_model.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>

#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/version.h"
#include "checkpoints/safetensors.h"
#include "config/families.h"
#include "networks/plan_json.h"
#include "run/model_py.h"
#include "training/noise.h"

namespace allmodes::run {
namespace {

// Tensors on their way into a safetensors file; keeps what the views point into.
class NamedTensors {
 public:
  void add(const std::string& name, const at::Tensor& tensor) {
    storage_.push_back(tensor.detach().to(at::kCPU).contiguous());
    const at::Tensor& kept = storage_.back();
    views_.push_back({.name = name,
                      .dtype = kept.scalar_type() == at::kLong ? checkpoints::DType::kI64
                                                               : checkpoints::DType::kF32,
                      .shape = kept.sizes().vec(),
                      .data = kept.data_ptr(),
                      .bytes = static_cast<size_t>(kept.nbytes())});
  }
  const std::vector<checkpoints::TensorView>& views() const { return views_; }

 private:
  std::vector<at::Tensor> storage_;
  std::vector<checkpoints::TensorView> views_;
};

// The network's weights and what its layers keep: what training keeps beside it is no part of it.
// A network without layers is nothing but what it keeps.
NamedTensors weights_of(const gradients::FlatNetwork& flat, std::span<const at::Tensor> buffers,
                        bool raw) {
  NamedTensors tensors;
  for (size_t i = 0; i < flat.plan.parameters.size(); ++i)
    tensors.add(flat.plan.parameters[i].name,
                raw ? flat.parameter_views[i] : flat.average_views[i]);
  for (size_t i = 0; i < flat.plan.buffers.size(); ++i)
    if (flat.plan.layers.empty() || networks::is_of_a_layer(flat.plan.buffers[i]))
      tensors.add(flat.plan.buffers[i].name, buffers[i]);
  return tensors;
}

// A number of samples that every group of the layers divides.
int64_t example_samples(const std::vector<networks::LayerPlan>& layers, int64_t samples) {
  for (const auto& layer : layers) {
    if (const auto* stddev = std::get_if<config::MinibatchStddev>(&layer.layer.kind))
      samples = std::lcm(samples, stddev->group);
    samples = example_samples(layer.inner, samples);
    samples = example_samples(layer.shortcut, samples);
  }
  return samples;
}

NamedTensors example_of(const networks::Plan& plan, const std::string& name,
                        const objectives::Forward& forward) {
  const int64_t samples = example_samples(plan.layers, 4);
  const at::Tensor input =
      training::make_noise({.name = "input", .shape = plan.input},
                           {.seed = 1, .prefix = "export", .count = samples}, at::kCPU);
  NamedTensors tensors;
  tensors.add("input", input);
  at::Tensor labels;
  if (plan.classes > 0) {
    labels = at::arange(samples, at::kLong).remainder(plan.classes);
    tensors.add("labels", labels);
  }
  tensors.add("output", forward(name, input, labels));
  return tensors;
}

// Plain fields of a block of the configuration.
struct BlockWriter {
  nlohmann::json out;
  template <class T, class Rule>
  void field(std::string_view name, const T& value, const Rule&, std::string_view) {
    out[std::string(name)] = value;
  }
};

nlohmann::json description_of(const training::NetworkState& network, const LoadedModel& loaded,
                              bool raw) {
  nlohmann::json json = networks::to_json(network.flat.plan);
  const auto& config = loaded.run.config();
  json["format"] = 1;
  json["name"] = network.flat.name;
  json["weights"] = raw ? "raw" : "ema";
  json["step"] = loaded.checkpoint.state.step;
  json["run"] = config.name;
  json["family"] = config::family_name(config);
  json["allmodes"] = kVersionDescription;
  const auto& objective = *loaded.run.objective;
  if (objective.generator() != network.flat.name) return json;
  if (objective.draws()) {
    BlockWriter latent;
    config::describe(latent, objective.latent());
    json["latent"] = latent.out;
  }
  if (const auto* settings = config::autoencoder_of(config))
    json["likelihood"] = settings->likelihood;
  const auto shape = loaded.run.facts.shape;
  json["samples"] = {{"shape", objectives::network_shape(shape)}};
  if (shape.image) json["samples"]["range"] = {-1, 1};
  return json;
}

std::map<std::string, std::string> metadata_of(const nlohmann::json& description) {
  return {{"network", description["name"]},
          {"weights", description["weights"]},
          {"step", std::to_string(description["step"].get<uint64_t>())},
          {"description", description["name"].get<std::string>() + ".json"}};
}

}  // namespace

std::vector<std::filesystem::path> export_model(const LoadedModel& loaded, bool raw,
                                                const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) ALLMODES_FAIL(ExitCode::kCannotCreate, "{}: {}", folder.string(), failed.message());
  const at::NoGradGuard no_grad;
  const auto forward = loaded.model->evaluation_forward(!raw);
  std::vector<std::filesystem::path> written;
  const auto path = [&](const std::string& name) {
    written.push_back(folder / name);
    return written.back();
  };
  for (const auto& network : loaded.model->networks()) {
    const auto& flat = network->flat;
    const auto description = description_of(*network, loaded, raw);
    const auto buffers = loaded.model->evaluation_buffers(flat.name, !raw);
    checkpoints::write_safetensors(path(flat.name + ".safetensors"),
                                   weights_of(flat, buffers, raw).views(),
                                   metadata_of(description));
    if (flat.plan.layers.empty()) continue;  // vectors of a codebook: they are not run
    write_file_atomically(path(flat.name + ".json"), description.dump(1) + "\n");
    checkpoints::write_safetensors(path(flat.name + ".example.safetensors"),
                                   example_of(flat.plan, flat.name, forward).views());
  }
  write_file_atomically(path("model.py"), kModelPy);
  return written;
}

}  // namespace allmodes::run
