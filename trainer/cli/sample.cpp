#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "records/image.h"
#include "run/pictures.h"
#include "run/saved_model.h"
#include "training/noise.h"

namespace allmodes::cli {
namespace {

struct Arguments {
  std::string path;
  std::string out = "samples.png";
  int64_t count = 64;
  uint64_t seed = 1;
  bool raw = false;
};

// NumPy's format, version 1.0: float32, C order.
std::string npy(const at::Tensor& samples) {
  std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({},), }}",
                                   fmt::join(samples.sizes().vec(), ", "));
  header.append(63 - (10 + header.size()) % 64, ' ').push_back('\n');
  std::string text("\x93NUMPY\x01\x00", 8);
  text.push_back(static_cast<char>(header.size() & 0xFF));
  text.push_back(static_cast<char>(header.size() >> 8));
  text += header;
  text.append(static_cast<const char*>(samples.data_ptr()), static_cast<size_t>(samples.nbytes()));
  return text;
}

void write_picture(const at::Tensor& samples, const run::CheckedRun& run, const std::string& path) {
  const auto shape = run.dataset->shape();
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

int sample(const Arguments& arguments) {
  const bool as_npy = arguments.out.ends_with(".npy");
  if (!as_npy && !arguments.out.ends_with(".png"))
    ALLMODES_FAIL(ExitCode::kUsage, "--out {}: end it with .png or .npy", arguments.out);
  run::LoadedModel loaded = run::load_model(arguments.path);
  const at::NoGradGuard no_grad;
  const auto& objective = *loaded.run.objective;
  const auto forward = loaded.model->evaluation_forward(!arguments.raw);
  const at::Tensor latent = training::make_noise(
      objectives::latent_noise("latent", objective.latent()),
      {arguments.seed, "sample", 0, 0, arguments.count}, loaded.model->device());
  const at::Tensor samples =
      objective.generate(forward, latent, labels_in_turn(loaded.run, arguments.count)).contiguous();
  if (as_npy) {
    write_file_atomically(arguments.out, npy(samples));
  } else {
    write_picture(samples, loaded.run, arguments.out);
  }
  fmt::print("{}\n", arguments.out);
  return 0;
}

}  // namespace

void add_sample(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("sample", "Draw samples from a trained model");
  auto arguments = std::make_shared<Arguments>();
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
  command->add_flag("--raw", arguments->raw, "The trained weights instead of their average (EMA)");
  command->footer("Example:\n  allmodes sample runs/00000-ring_gan --count 10000 --out fakes.npy");
  command->callback(
      [&dispatch, arguments] { dispatch.alone = [arguments] { return sample(*arguments); }; });
}

}  // namespace allmodes::cli
