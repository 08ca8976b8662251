// `allmodes diagnose`: what is wrong with samples, or a posterior, from whatever model.

#include <fmt/format.h>

#include <malloc.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "cli/commands.h"
#include "cli/feature_options.h"
#include "data/arrays.h"
#include "diagnosis/class_evidence.h"
#include "diagnosis/feature_statistics.h"
#include "diagnosis/memory_evidence.h"
#include "diagnosis/output.h"
#include "diagnosis/run_diagnosis.h"
#include "records/log.h"
#include "run/threads.h"
#include "world/device.h"

namespace allmodes::cli {
namespace {

struct DiagnoseArguments {
  std::string real;
  std::string fake;
  std::string labels;
  std::string fake_labels;
  std::string train;
  std::string test;
  std::string out;
  std::vector<std::string> posterior;
  std::string run;
  std::string step = "newest";
  std::string real_features;
  std::string fake_features;
  std::string save_statistics;
  diagnosis::DiagnoseOptions options;
  bool samples_given = false;
};

constexpr int64_t kMostTraining = 100'000;  // samples of --train that are looked at
constexpr int64_t kMostUnequal = 16;        // times as many of one set as of the other

// What was freed goes back to the system, so that the next stage's memory does not come on top.
void end_stage() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

// The folder of --out, made before anything is read so that one that cannot be made costs nothing;
// what was made of it and is still empty at the end, as after a refusal, is removed.
class OutFolder {
 public:
  explicit OutFolder(const std::filesystem::path& out) {
    std::error_code error;
    for (auto each = std::filesystem::absolute(out, error); !std::filesystem::exists(each, error);
         each = each.parent_path())
      made_.push_back(each);
    diagnosis::made_folder(out);
  }
  ~OutFolder() {
    // Those that hold something are not removed.
    std::error_code error;
    for (const auto& each : made_) std::filesystem::remove(each, error);
  }
  OutFolder(const OutFolder&) = delete;
  OutFolder& operator=(const OutFolder&) = delete;

 private:
  std::vector<std::filesystem::path> made_;  // the innermost first
};

int finish(world::Runtime& runtime, const diagnosis::Diagnosis& diagnosis,
           const DiagnoseArguments& arguments,
           const std::optional<diagnosis::ComparedSamples>& compared = std::nullopt) {
  if (runtime.control().rank() == 0) {
    diagnosis::print(diagnosis, arguments.options.verbose);
    end_stage();
    if (!arguments.out.empty()) diagnosis::write_diagnosis(arguments.out, diagnosis, compared);
  }
  return diagnosis::exit_code_of(diagnosis.verdict.state);
}

int diagnose_codes(const DiagnoseArguments& arguments, world::Runtime& runtime) {
  const auto& options = arguments.options;
  const auto read = [&](const std::string& path) {
    return diagnosis::choose_samples(*diagnosis::read_samples(path, ""), path, options.samples,
                                     options.seed);
  };
  return finish(runtime,
                diagnosis::diagnose_posterior(runtime.control(), read(arguments.posterior[0]),
                                              read(arguments.posterior[1]), options),
                arguments);
}

// Fakes beside --train and held-out data (--test, or else the reals). The features are of the fakes
// alone, so that neither of the two is nearer to them for having been looked at.
diagnostics::TrainingCopies beside_training(const DiagnoseArguments& arguments,
                                            const diagnosis::DiagnosedSamples& reals,
                                            const diagnosis::DiagnosedSamples& fakes,
                                            const diagnostics::ClassifierSetup& setup) {
  const auto read = [&](const std::string& path, int64_t at_most) {
    return diagnosis::choose_samples(*diagnosis::read_like(path, reals), path, at_most,
                                     arguments.options.seed);
  };
  auto options = arguments.options;
  // It has seen the reals, or there are none of these samples.
  if (options.features.name == "classifier") options.features.name = "auto";
  const auto features =
      diagnosis::features_for(options, setup, {fakes.values, fakes.shape.values()}, "");
  const auto training = read(arguments.train, kMostTraining);
  const auto held_out = arguments.test.empty() ? reals : read(arguments.test, options.samples);
  return diagnosis::training_copies(setup.control, training, held_out, fakes, features);
}

int diagnose_files(const DiagnoseArguments& arguments, world::Runtime& runtime) {
  const auto& options = arguments.options;
  auto [reals, fakes, remarks] =
      diagnosis::read_pair(arguments.real, arguments.labels, arguments.fake, arguments.fake_labels);
  // Of the larger set so many that the neighbours of a row hold some of the other set.
  const auto count_beside = [&](int64_t own, int64_t other) {
    return std::min({options.samples, own, kMostUnequal * std::min(options.samples, other)});
  };
  auto chosen_fakes = diagnosis::choose_samples(
      *fakes, arguments.fake, count_beside(fakes->size(), reals->size()), options.seed);
  auto chosen_reals = diagnosis::choose_samples(
      *reals, arguments.real, count_beside(reals->size(), fakes->size()), options.seed);
  const int64_t own_width =
      arguments.real_features.empty()
          ? 0
          : diagnosis::read_own_features(arguments.real_features, *reals, chosen_reals,
                                         arguments.fake_features, *fakes, chosen_fakes);
  fakes.reset();
  diagnosis::check_sets(chosen_reals, chosen_fakes, options);
  if (!diagnosis::take_classes(chosen_fakes, chosen_reals) && !arguments.fake_labels.empty())
    ALLMODES_FAIL(ExitCode::kDataError,
                  "--fake-labels {}: classes that the reals do not have; --labels with the same "
                  "numbers were expected",
                  arguments.fake_labels);
  for (auto& remark : diagnosis::remarks_on_sets(chosen_reals, chosen_fakes))
    remarks.push_back(std::move(remark));
  if (runtime.control().rank() == 0)
    for (const std::string& remark : remarks) spdlog::warn("{}", remark);
  // Of both together, so that neither is nearer to the components than the other.
  std::vector<float> fitted = chosen_reals.values;
  fitted.insert(fitted.end(), chosen_fakes.values.begin(), chosen_fakes.values.end());
  const auto exchange = world::make_device_communicator(runtime.control(), runtime.world(), {});
  const diagnostics::ClassifierSetup setup{
      .dataset = *reals, .control = runtime.control(), .exchange = *exchange, .device = at::kCPU};
  const auto features =
      arguments.real_features.empty()
          ? diagnosis::features_for(
                options, setup, {fitted, chosen_reals.shape.values()},
                chosen_reals.shape.image
                    ? "; give --labels FILE, or a folder with a subfolder a class"
                    : "")
          : diagnostics::FeatureMap{.name = "own", .width = own_width, .map = {}, .given = true};
  diagnostics::Evidence evidence{.step = 1};
  if (!arguments.train.empty())
    evidence.training_copies = beside_training(arguments, chosen_reals, chosen_fakes, setup);
  reals.reset();
  fitted = {};
  end_stage();
  config::Verdict levels;
  levels.grace_steps = 0;  // nothing is trained here
  const diagnosis::Diagnosis diagnosis =
      diagnosis::diagnose_samples(runtime.control(), chosen_reals, chosen_fakes, features, options,
                                  std::move(evidence), levels);
  return finish(runtime, diagnosis, arguments,
                diagnosis::ComparedSamples{chosen_reals, chosen_fakes});
}

// --real STATISTICS.npz: a mean and a covariance in place of samples.
int diagnose_statistics(const DiagnoseArguments& arguments, world::Runtime& runtime) {
  const auto& options = arguments.options;
  const auto fakes = diagnosis::read_samples(arguments.fake, "");
  const auto features = diagnosis::features_alone(options, *fakes, runtime.control());
  const auto comparison = diagnosis::compare_with_statistics(runtime.control(), arguments.real,
                                                             *fakes, features, options);
  if (runtime.control().rank() != 0) return 0;
  fmt::print("{}", diagnosis::to_text(comparison));
  if (!arguments.out.empty())
    write_file_atomically(diagnosis::made_folder(arguments.out) / "diagnosis.json",
                          diagnosis::to_json(comparison));
  return 0;
}

// --save-statistics, of all samples of --real unless --samples is given.
int save_statistics(const DiagnoseArguments& arguments, world::Runtime& runtime) {
  const auto reals = diagnosis::read_samples(arguments.real, "");
  const auto features = diagnosis::features_alone(arguments.options, *reals, runtime.control());
  const int64_t count =
      arguments.samples_given ? std::min(arguments.options.samples, reals->size()) : reals->size();
  const auto gaussian =
      diagnosis::statistics_of(runtime.control(), *reals, features, count, arguments.options.seed);
  if (runtime.control().rank() != 0) return 0;
  diagnosis::write_statistics(arguments.save_statistics, gaussian);
  fmt::print("{}: mu and sigma of {} samples, features: {}\n", arguments.save_statistics, count,
             features.description());
  return 0;
}

// Throws kUsage for options that do not go together.
void check_arguments(const DiagnoseArguments& arguments) {
  const bool files = !arguments.real.empty() || !arguments.fake.empty();
  const int asked =
      (files ? 1 : 0) + (arguments.posterior.empty() ? 0 : 1) + (arguments.run.empty() ? 0 : 1);
  const bool saves = !arguments.save_statistics.empty();
  if (saves && (arguments.real.empty() || !arguments.fake.empty() || asked != 1))
    ALLMODES_FAIL(ExitCode::kUsage, "--save-statistics goes with --real alone");
  if (asked != 1 || (files && !saves && (arguments.real.empty() || arguments.fake.empty())))
    ALLMODES_FAIL(
        ExitCode::kUsage,
        "--real and --fake, or --run, or --posterior, were expected; see diagnose --help");
  if (arguments.real_features.empty() != arguments.fake_features.empty() ||
      (!arguments.real_features.empty() && (!files || saves)))
    ALLMODES_FAIL(ExitCode::kUsage,
                  "--real-features and --fake-features go together, beside --real and --fake");
  if (!arguments.real_features.empty() && arguments.options.features.name != "auto")
    ALLMODES_FAIL(ExitCode::kUsage, "--features {}: --real-features are the features already",
                  arguments.options.features.name);
}

// Fakes that hold NaN or infinity: nothing is measured, and that is the diagnosis.
int say_divergence(const data::NonFinite& fault, const DiagnoseArguments& arguments,
                   world::Runtime& runtime) {
  diagnosis::Diagnosis diagnosis;
  diagnosis.features = "none";
  diagnosis.samples = fault.total();
  diagnosis.verdict.state = diagnostics::State::collapsed;
  diagnosis.verdict.kind = "divergence";
  diagnosis.verdict.reason = fmt::format("{} of {} samples are not finite (the first: sample {})",
                                         fault.samples(), fault.total(), fault.first());
  diagnosis.verdict.witnesses.push_back({.state = diagnosis.verdict.state,
                                         .kind = diagnosis.verdict.kind,
                                         .reason = diagnosis.verdict.reason});
  return finish(runtime, diagnosis, arguments);
}

int diagnose(DiagnoseArguments arguments, world::Runtime& runtime) {
  const world::World world = runtime.world();
  world::refuse_singletons(world);
  records::setup_log(world.rank, world.host, std::nullopt, /*quiet=*/false,
                     records::may_color(STDERR_FILENO));
  run::use_threads(runtime);
  check_arguments(arguments);
  arguments.options.network_device = network_device(arguments.options.features, runtime);
  std::optional<OutFolder> out;
  if (!arguments.out.empty() && world.rank == 0) out.emplace(arguments.out);
  if (!arguments.save_statistics.empty()) return save_statistics(arguments, runtime);
  if (!arguments.real.empty()) {
    try {
      if (diagnosis::is_statistics(arguments.real)) return diagnose_statistics(arguments, runtime);
      return diagnose_files(arguments, runtime);
    } catch (const data::NonFinite& fault) {
      if (!fault.of(arguments.fake)) throw;
      return say_divergence(fault, arguments, runtime);
    }
  }
  if (!arguments.posterior.empty()) return diagnose_codes(arguments, runtime);
  return diagnosis::diagnose_run({.run = arguments.run,
                                  .step = arguments.step,
                                  .out = arguments.out,
                                  .own_samples = !arguments.samples_given,
                                  .diagnose = arguments.options},
                                 runtime);
}

constexpr const char* kFooter =
    R"(Samples: .npy, .npz, .safetensors (FILE:NAME picks an array), idx, or pictures (JPEG, PNG, WebP,
BMP, PNM) in a folder, a zip archive, tar or MDS shards; points, or images as bytes or in [0, 1] or
[-1, 1]. All of either are compared, at most --samples, and sixteen times the other set's number.
A run's checkpoints are sampled as its evaluations are; its data and classes are those of its
configuration.

Exit codes: 0 healthy, 2 at_risk, 3 collapsed; 64 command line, 65 damaged or mismatched data,
66 missing input, 73 cannot create output, 78 refused.

Examples:
  allmodes diagnose --real reals.npy --fake fakes.npy
  allmodes diagnose --real reals.npy --labels classes.npy --fake fakes.safetensors --out diagnosis
  allmodes diagnose --real test.npy --train train.npy --fake fakes.npy
  allmodes diagnose --posterior mu.npy log_variance.npy
  allmodes diagnose --real photos/ --fake made/ --features inception \
    --feature-weights inception.safetensors --protocol clean_fid
  allmodes diagnose --run runs/00000-ring_gan --step all
  mpirun -np 4 allmodes diagnose --real photos/ --fake generated/ --features random_conv)";

void add_diagnose(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand(
      "diagnose",
      "Samples of anyone's, or a run's checkpoints, beside real ones: figures and a verdict");
  auto arguments = std::make_shared<DiagnoseArguments>();
  auto& options = arguments->options;
  command->add_option("--real", arguments->real, "The data: FILE or FOLDER");
  command->add_option("--fake", arguments->fake, "What was generated: FILE or FOLDER");
  command->add_option("--labels", arguments->labels,
                      "Classes of the real samples: idx, or .npy of integers");
  command->add_option("--fake-labels", arguments->fake_labels,
                      "Classes that were asked for, of the fakes, in the numbers of --labels: idx, "
                      "or .npy of integers");
  auto* train =
      command->add_option("--train", arguments->train,
                          "What the model was trained on, where --real was not: are fakes "
                          "nearer to it than held-out data are?");
  command->add_option("--test", arguments->test, "Held-out data for that; default those of --real")
      ->needs(train);
  add_feature_options(*command, options.features);
  command->add_option(
      "--real-features", arguments->real_features,
      "Features of your own instead: an array with a row for each sample of --real");
  command->add_option("--fake-features", arguments->fake_features, "And for each of --fake");
  command->add_option("--save-statistics", arguments->save_statistics,
                      "FILE.npz for mean and covariance of the features of --real, which --real "
                      "FILE.npz then stands for; no --fake");
  command
      ->add_option("--k", options.k,
                   "Nearest neighbours; default 3 for precision and recall, 5 for density and "
                   "coverage")
      ->check(CLI::Range(int64_t{1}, int64_t{1000}));
  auto* samples = command->add_option("--samples", options.samples,
                                      "At most so many of either, chosen at random; of a run as "
                                      "many as its evaluations have, if not given");
  samples->check(CLI::Range(int64_t{2}, int64_t{10'000'000}))->capture_default_str();
  command->add_option("--seed", options.seed, "Of that choice")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--verbose", options.verbose,
                    "Findings that follow from the one that decides, too");
  command->add_option("--out", arguments->out,
                      "Folder for diagnosis.json and pictures; of a run RUN/diagnosis");
  auto* run = command->add_option("--run", arguments->run,
                                  "A run's folder: its checkpoints, instead of samples");
  command->add_option("--step", arguments->step, "Which of them: a number, newest or all")
      ->needs(run)
      ->capture_default_str();
  command
      ->add_option("--posterior", arguments->posterior,
                   "MEAN LOG_VARIANCE, [N, D] each: the posteriors of a VAE, instead of samples")
      ->expected(2);
  command->footer(kFooter);
  command->callback([&dispatch, arguments, samples] {
    arguments->samples_given = samples->count() > 0;
    dispatch.together = [arguments](world::Runtime& runtime) {
      return diagnose(*arguments, runtime);
    };
  });
}

}  // namespace

extern const Command kDiagnose{.place = 3, .add = add_diagnose};

}  // namespace allmodes::cli
