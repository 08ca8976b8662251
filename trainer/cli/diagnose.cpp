// `allmodes diagnose`: what is wrong with samples, or a posterior, from whatever model.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <numeric>

#include "base/error.h"
#include "cli/commands.h"
#include "cli/diagnosis.h"
#include "cli/threads.h"
#include "records/durable_file.h"
#include "records/plots.h"

namespace allmodes::cli {
namespace {

// The state as an exit code; kCollapsed is that of `train --on-collapse stop`.
constexpr int kAtRisk = 2;

constexpr size_t kBars = 64;
constexpr int64_t kPictures = 16;

struct Arguments {
  std::string real;
  std::string fake;
  std::string labels;
  std::string out;
  std::vector<std::string> posterior;
  DiagnoseOptions options;
};

std::filesystem::path made_folder(const std::string& out) {
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  if (failed) ALLMODES_FAIL(ExitCode::kCannotCreate, "--out {}: {}", out, failed.message());
  return out;
}

void write_modes(const std::filesystem::path& folder, const Diagnosis& diagnosis) {
  const auto& modes = diagnosis.evidence.modes;
  if (!modes || modes->names.size() > kBars) return;
  std::vector<double> expected;
  for (const double share : modes->expected_share)
    expected.push_back(share * static_cast<double>(modes->samples));
  const std::vector<double> observed(modes->observed.begin(), modes->observed.end());
  std::vector<int64_t> missing;
  for (const auto& mode : diagnosis.verdict.missing) missing.push_back(mode.mode);
  records::write_png(folder / "modes.png",
                     records::bar_chart(modes->names, expected, observed,
                                        to_string(diagnosis.verdict.state), missing));
}

// The fakes that are nearest to a real one, each above it: what was learnt by heart stands out.
void write_nearest(const std::filesystem::path& folder, const DiagnosedSamples& reals,
                   const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  const auto& shape = reals.shape;
  if (!shape.image) {
    if (shape.values() == 2)
      records::write_png(folder / "samples.png",
                         records::scatter_plot(fakes.values, reals.values, {}));
    return;
  }
  if (shape.channels != 1 && shape.channels != 3) return;
  std::vector<size_t> order(diagnosis.nearest_square.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return diagnosis.nearest_square[a] < diagnosis.nearest_square[b];
  });
  order.resize(std::min<size_t>(order.size(), kPictures));
  const auto width = static_cast<size_t>(shape.values());
  std::vector<float> pictures;
  const auto append = [&](const DiagnosedSamples& set, size_t row) {
    const auto begin = set.values.begin() + static_cast<std::ptrdiff_t>(row * width);
    pictures.insert(pictures.end(), begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  for (const size_t fake : order) append(fakes, fake);
  for (const size_t fake : order) append(reals, static_cast<size_t>(diagnosis.nearest_real[fake]));
  const auto columns = static_cast<int64_t>(order.size());
  records::write_png(folder / "nearest.png",
                     records::image_grid(pictures.data(), 2 * columns, shape.channels, shape.height,
                                         shape.width, columns));
}

int finish(world::Runtime& runtime, const Diagnosis& diagnosis, const std::string& out) {
  if (runtime.control().rank() == 0) {
    fmt::print("{}", to_text(diagnosis));
    if (!out.empty())
      records::write_file_atomically(made_folder(out) / "diagnosis.json", to_json(diagnosis));
  }
  switch (diagnosis.verdict.state) {
    case diagnostics::State::healthy:
      return 0;
    case diagnostics::State::at_risk:
      return kAtRisk;
    case diagnostics::State::collapsed:
      return static_cast<int>(ExitCode::kCollapsed);
  }
  return static_cast<int>(ExitCode::kSoftware);
}

int diagnose(const Arguments& arguments, world::Runtime& runtime) {
  const world::World world = runtime.world();
  world::refuse_singletons(world);
  use_threads(runtime);
  const auto& options = arguments.options;
  if (!arguments.out.empty() && world.rank == 0) made_folder(arguments.out);
  if (!arguments.posterior.empty()) {
    const auto read = [&](const std::string& path) {
      return choose_samples(*read_samples(path, ""), path, options.samples, options.seed);
    };
    return finish(runtime,
                  diagnose_posterior(runtime.control(), read(arguments.posterior[0]),
                                     read(arguments.posterior[1]), options),
                  arguments.out);
  }
  if (arguments.real.empty() || arguments.fake.empty())
    ALLMODES_FAIL(ExitCode::kUsage,
                  "--real and --fake, or --posterior, were expected; see diagnose --help");
  const auto reals = read_samples(arguments.real, arguments.labels);
  const auto fakes = read_samples(arguments.fake, "");
  // As many of either, so that figures of both sides compare.
  const int64_t count = std::min({options.samples, reals->size(), fakes->size()});
  const auto chosen_reals = choose_samples(*reals, arguments.real, count, options.seed);
  const auto chosen_fakes = choose_samples(*fakes, arguments.fake, count, options.seed);
  const Diagnosis diagnosis =
      diagnose_samples(runtime.control(), chosen_reals, chosen_fakes, options);
  const int code = finish(runtime, diagnosis, arguments.out);
  if (!arguments.out.empty() && world.rank == 0) {
    write_modes(arguments.out, diagnosis);
    write_nearest(arguments.out, chosen_reals, chosen_fakes, diagnosis);
  }
  return code;
}

constexpr const char* kFooter =
    R"(Samples: .npy, .safetensors (FILE:NAME picks a tensor), idx, their gzip, or a folder of PNG images;
[N, D] points, or images in [-1, 1] or bytes. As many of either are compared, at most --samples.

Exit codes: 0 healthy, 2 at_risk, 3 collapsed; 64 command line, 65 damaged or mismatched data,
66 missing input, 73 cannot create output, 78 refused.

Examples:
  allmodes diagnose --real reals.npy --fake fakes.npy
  allmodes diagnose --real reals.npy --labels classes.npy --fake fakes.safetensors --out diagnosis
  allmodes diagnose --posterior mu.npy log_variance.npy
  mpirun -np 4 allmodes diagnose --real photos/ --fake generated/ --features random_conv)";

}  // namespace

void add_diagnose(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "diagnose", "Compare anyone's samples with real ones: figures and a verdict");
  auto arguments = std::make_shared<Arguments>();
  auto& options = arguments->options;
  command->add_option("--real", arguments->real, "The data: FILE or FOLDER");
  command->add_option("--fake", arguments->fake, "What was generated: FILE or FOLDER");
  command->add_option("--labels", arguments->labels,
                      "Classes of the real samples: idx, or .npy of integers");
  command
      ->add_option("--features", options.features,
                   "Where distances are measured: pixels (the numbers as they are), pca (64 "
                   "principal components of the real samples), random_conv (a fixed random network "
                   "on images); auto: pca of images, else pixels")
      ->check(CLI::IsMember({"auto", "pixels", "pca", "random_conv"}))
      ->capture_default_str();
  command
      ->add_option("--k", options.k,
                   "Nearest neighbours; default 3 for precision and recall, 5 for density and "
                   "coverage")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}));
  command->add_option("--samples", options.samples, "At most so many of either, chosen at random")
      ->check(CLI::Range(int64_t{2}, int64_t{10'000'000}))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Of that choice")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--out", arguments->out, "Folder for diagnosis.json and pictures");
  command
      ->add_option("--posterior", arguments->posterior,
                   "MEAN LOG_VARIANCE, [N, D] each: the posteriors of a VAE, instead of samples")
      ->expected(2);
  command->footer(kFooter);
  command->callback([&dispatch, arguments] {
    dispatch.together = [arguments](world::Runtime& runtime) {
      return diagnose(*arguments, runtime);
    };
  });
}

}  // namespace allmodes::cli
