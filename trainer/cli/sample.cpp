#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <filesystem>
#include <numeric>
#include <optional>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "config/families.h"
#include "data/dataset.h"
#include "data/formats/npy_header.h"
#include "records/image.h"
#include "run/pictures.h"
#include "run/saved_model.h"
#include "training/noise.h"

namespace allmodes::cli {
namespace {

struct SampleArguments {
  std::string path;
  std::string out = "samples.png";
  int64_t count = 64;
  uint64_t seed = 1;
  bool raw = false;
  std::string latents;       // file to take them from
  std::string save_latents;  // file to write them to
};

// Latents of a file as the model takes them: [count, dimension], for points samples of "files".
struct GivenLatents {
  std::vector<float> values;
  int64_t count = 0;
  int64_t dimension = 0;
};

std::optional<GivenLatents> read_latents(const SampleArguments& arguments, int64_t dimension) {
  if (arguments.latents.empty()) return std::nullopt;
  config::Data described;
  described.dataset = "npy";
  described.path = arguments.latents;
  const auto rows = data::make_dataset(described, 1);
  const int64_t width = rows->shape().values();
  if (width != dimension)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "--latents {}: rows of {} numbers; the model's latent has {}: an array [N, {}]",
                  arguments.latents, width, dimension, dimension);
  GivenLatents given{.values = {}, .count = rows->size(), .dimension = width};
  given.values.resize(static_cast<size_t>(given.count * width));
  std::vector<int64_t> indices(static_cast<size_t>(given.count));
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<int64_t> labels(indices.size());
  rows->copy(indices, given.values.data(), labels.data());
  return given;
}

// Samples of a saved model, some at a time: a network's activations take many times the memory of
// its samples.
class Sampler {
 public:
  Sampler(run::LoadedModel& loaded, const SampleArguments& arguments)
      : run_(loaded.run),
        device_(loaded.model->device()),
        forward_(loaded.model->evaluation_forward(!arguments.raw)),
        seed_(arguments.seed),
        given_(read_latents(arguments, run_.objective->latent().dimension)) {
    if (!given_ && !run_.objective->draws())
      ALLMODES_FAIL(ExitCode::kUsage,
                    "a {} has no prior to draw from: its codes are for a model of codes, which is "
                    "trained on them; give codes with --latents FILE.npy, rows of {} numbers",
                    config::family_name(run_.config()), run_.objective->latent().dimension);
  }

  // How many there are to draw: the rows of --latents, where they are given.
  int64_t count(int64_t asked) const { return given_ ? given_->count : asked; }

  // [count, sample shape...] on the host: samples `first` and following, the same whatever part is
  // asked for.
  at::Tensor draw(int64_t first, int64_t count) const {
    const at::NoGradGuard no_grad;
    return run_.objective
        ->generate(forward_, latents(first, count), labels_in_turn(run_, count, first))
        .to(at::kCPU)
        .contiguous();
  }

  // [count, dimension]: those of samples `first` and following.
  at::Tensor latents(int64_t first, int64_t count) const {
    if (!given_)
      return training::make_noise(objectives::latent_noise("latent", run_.objective->latent()),
                                  {seed_, "sample", 0, first, count}, device_);
    float* rows = const_cast<float*>(given_->values.data()) + first * given_->dimension;
    return at::from_blob(rows, {count, given_->dimension}, at::kFloat).to(device_);
  }
  const run::CheckedRun& run() const { return run_; }

 private:
  const run::CheckedRun& run_;
  at::Device device_;
  objectives::Forward forward_;
  uint64_t seed_;
  std::optional<GivenLatents> given_;
};

constexpr int64_t kAtOnce = 256;

// Calls use(samples) for all `count` samples, in order.
template <typename Use>
void draw_all(const Sampler& sampler, int64_t count, Use use) {
  for (int64_t first = 0; first < count; first += kAtOnce)
    use(sampler.draw(first, std::min(kAtOnce, count - first)));
}

at::Tensor row_of(const std::vector<float>& values) {
  return at::from_blob(const_cast<float*>(values.data()), {std::ssize(values)}, at::kFloat);
}

// The numbers and dimensions that the data's own file has: columns of a table are brought back to
// their means and deviations, sequences to their steps.
at::Tensor as_in_the_file(at::Tensor samples, const run::CheckedRun& run) {
  if (!run.column_means.empty())
    samples = samples * row_of(run.column_deviations) + row_of(run.column_means);
  std::vector<int64_t> dimensions = run.sample_dimensions;
  dimensions.insert(dimensions.begin(), samples.size(0));
  return samples.reshape(dimensions).contiguous();
}

// A .npy file of `count` rows, which rows(first, how many) makes some at a time.
template <typename Rows>
void write_rows(const std::filesystem::path& path, int64_t count, Rows rows) {
  write_file_atomically(path, [&](DurableFile& file) {
    for (int64_t first = 0; first < count; first += kAtOnce) {
      const at::Tensor samples =
          rows(first, std::min(kAtOnce, count - first)).to(at::kCPU).contiguous();
      if (file.bytes() == 0) {
        auto shape = samples.sizes().vec();
        shape.front() = count;
        const std::string header = data::npy_header("<f4", shape);
        file.write(header.data(), header.size());
      }
      file.write(samples.data_ptr(), static_cast<size_t>(samples.nbytes()));
    }
  });
}

void write_picture(const at::Tensor& samples, const run::CheckedRun& run, const std::string& path) {
  const auto shape = run.facts.shape;
  if (shape.image) {
    records::write_png(path, records::image_grid(samples.data_ptr<float>(), samples.size(0),
                                                 shape.channels, shape.height, shape.width));
  } else if (shape.values() == 2) {
    records::write_png(path, scatter_picture(run, samples));
  } else {
    ALLMODES_FAIL(ExitCode::kUsage, "samples of {} values make no picture; write --out FILE.npy",
                  shape.values());
  }
}

int sample(const SampleArguments& arguments) {
  const bool as_npy = arguments.out.ends_with(".npy");
  if (!as_npy && !arguments.out.ends_with(".png"))
    ALLMODES_FAIL(ExitCode::kUsage, "--out {}: end it with .png or .npy", arguments.out);
  run::LoadedModel loaded = run::load_model(arguments.path);
  const Sampler sampler(loaded, arguments);
  const int64_t count = sampler.count(arguments.count);
  if (!arguments.save_latents.empty()) {
    write_rows(arguments.save_latents, count,
               [&](int64_t first, int64_t some) { return sampler.latents(first, some); });
  }
  if (as_npy) {
    write_rows(arguments.out, count, [&](int64_t first, int64_t some) {
      return as_in_the_file(sampler.draw(first, some), sampler.run());
    });
  } else {
    std::vector<at::Tensor> parts;
    draw_all(sampler, count, [&](at::Tensor part) { parts.push_back(std::move(part)); });
    write_picture(at::cat(parts), loaded.run, arguments.out);
  }
  fmt::print("{}\n", arguments.out);
  return 0;
}

void add_sample(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("sample", "Draw samples from a trained model");
  auto arguments = std::make_shared<SampleArguments>();
  command->add_option("PATH", arguments->path, "A run's or a checkpoint's folder")->required();
  command->add_option("--out", arguments->out, "FILE.png (a picture) or FILE.npy (numbers)")
      ->capture_default_str();
  command->add_option("--count", arguments->count, "How many")
      ->check(CLI::Range(int64_t{1}, int64_t{10'000'000}))
      ->capture_default_str();
  command->add_option("--seed", arguments->seed, "Of the latents")
      ->check([](const std::string& text) {
        return text.starts_with("-") ? "a number from 0 up was expected" : std::string();
      })
      ->capture_default_str();
  command->add_option("--latents", arguments->latents,
                      "Decode these instead of drawing: an array [N, dimension] (.npy, "
                      "safetensors); N samples");
  command->add_option("--save-latents", arguments->save_latents,
                      "FILE.npy: what each sample was made from");
  command->add_flag("--raw", arguments->raw, "The trained weights instead of their average (EMA)");
  command->footer("Example:\n  allmodes sample runs/00000-ring_gan --count 10000 --out fakes.npy");
  command->callback(
      [&dispatch, arguments] { dispatch.alone = [arguments] { return sample(*arguments); }; });
}

}  // namespace

extern const Command kSample{.place = 4, .add = add_sample};

}  // namespace allmodes::cli
