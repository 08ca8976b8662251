// `allmodes data`: what a data set is, and a data set as one ready file.

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "cli/commands.h"
#include "data/dataset.h"
#include "data/pack.h"
#include "data/workers.h"

namespace allmodes::cli {
namespace {

constexpr int64_t kCheckedAtOnce = 256;
constexpr size_t kMostClassesShown = 20;

struct Arguments {
  config::Data data;
  std::string out;
};

struct Looked {
  std::vector<int64_t> of_class;
  int64_t copies = 0;  // samples equal to an earlier one
  float low = 0;
  float high = 0;
  double mean = 0;
};

Looked look_at(const data::Dataset& dataset) {
  Looked looked{.of_class = std::vector<int64_t>(static_cast<size_t>(dataset.classes()), 0)};
  std::unordered_set<uint64_t> seen;
  const auto width = static_cast<size_t>(dataset.shape().values());
  std::vector<int64_t> indices;
  std::vector<int64_t> labels;
  std::vector<float> samples;
  double sum = 0;
  for (int64_t first = 0; first < dataset.size(); first += kCheckedAtOnce) {
    indices.resize(static_cast<size_t>(std::min(kCheckedAtOnce, dataset.size() - first)));
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = first + static_cast<int64_t>(i);
    labels.resize(indices.size());
    samples.resize(indices.size() * width);
    dataset.copy(indices, samples.data(), labels.data());
    if (first == 0) looked.low = looked.high = samples[0];
    for (const float value : samples) {
      looked.low = std::min(looked.low, value);
      looked.high = std::max(looked.high, value);
      sum += value;
    }
    for (size_t i = 0; i < indices.size(); ++i) {
      if (!seen.insert(XXH3_64bits(samples.data() + i * width, width * sizeof(float))).second)
        ++looked.copies;
      if (!looked.of_class.empty()) ++looked.of_class[static_cast<size_t>(labels[i])];
    }
  }
  looked.mean = sum / (static_cast<double>(dataset.size()) * static_cast<double>(width));
  return looked;
}

// Under a launcher one rank does the work, with the processors that its node's ranks have been
// given, and says it once.
bool another_rank_does_it(config::Data& data) {
  if (data.threads == 0) data.threads = data::default_workers() * data::processes_beside();
  for (const char* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (const char* rank = std::getenv(name)) return std::string_view(rank) != "0";
  return false;
}

int check(Arguments& arguments) {
  if (another_rank_does_it(arguments.data)) return 0;
  const auto dataset = data::make_dataset(arguments.data, 1);
  fmt::print("{}\n", dataset->description());
  for (const std::string& remark : dataset->remarks()) fmt::print("  {}\n", remark);
  const Looked looked = look_at(*dataset);
  fmt::print("  numbers     {:.4g} to {:.4g}, mean {:.4g}, as training sees them{}\n", looked.low,
             looked.high, looked.mean, dataset->holds_bytes() ? " (kept as bytes)" : "");
  fmt::print("  copies      {} samples equal another one\n", looked.copies);
  const auto names = dataset->class_names();
  for (size_t k = 0; k < std::min(names.size(), kMostClassesShown); ++k)
    fmt::print("  class       {:<24}{:>10}\n", names[k], looked.of_class[k]);
  if (names.size() > kMostClassesShown)
    fmt::print("  ...         {} classes more\n", names.size() - kMostClassesShown);
  if (const auto held_out = data::make_held_out_dataset(arguments.data, 1))
    fmt::print("held out: {}\n", held_out->description());
  fmt::print("fingerprint   {:016x}\n", dataset->fingerprint());
  return 0;
}

int pack(Arguments& arguments) {
  if (another_rank_does_it(arguments.data)) return 0;
  const auto dataset = data::make_dataset(arguments.data, 1);
  for (const std::string& path : data::pack(*dataset, arguments.out)) fmt::print("{}\n", path);
  return 0;
}

void add_data_options(CLI::App& command, config::Data& data) {
  data.dataset = "files";
  command
      .add_option("PATH", data.path,
                  "Pictures in a folder, a zip archive, tar shards (\"NAME-{000..012}.tar\") or a "
                  "folder of MDS shards; .npy, .npz, .safetensors (FILE:NAME), idx")
      ->required();
  command.add_option("--labels", data.labels, "Classes of an array's samples: a file");
  command.add_option("--image-size", data.image_size, "Make pictures this square, as --fit says");
  command.add_option("--fit", data.fit, "pad, crop or adm")
      ->check(CLI::IsMember({"pad", "crop", "adm"}))
      ->capture_default_str();
  command.add_option("--filter", data.filter, "Of the resizing")
      ->check(CLI::IsMember({"auto", "area", "box", "bilinear", "bicubic", "lanczos"}))
      ->capture_default_str();
  command.add_option("--classes", data.classes, "folders, or none where folders are only places")
      ->check(CLI::IsMember({"folders", "none"}))
      ->capture_default_str();
  command.add_option("--colour", data.colour, "Of pictures")
      ->check(CLI::IsMember({"auto", "grey", "rgb"}))
      ->capture_default_str();
  command.add_option("--exif", data.exif, "Whether pictures are turned as their camera wrote")
      ->check(CLI::IsMember({"apply", "ignore"}))
      ->capture_default_str();
  command.add_option("--on-damage", data.on_damage, "refuse, or skip what cannot be read")
      ->check(CLI::IsMember({"refuse", "skip"}))
      ->capture_default_str();
  command.add_option("--most-damaged", data.most_damaged, "skip: at most this share")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command.add_option("--threads", data.threads, "That decode; 0: as many as there are processors")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void add_data(CLI::App& app, Dispatch& dispatch) {
  auto* command = app.add_subcommand("data", "Look at a data set, or make one ready file of it");
  command->require_subcommand(1);
  auto* check_command =
      command->add_subcommand("check", "Read everything once and say what it is and what is wrong");
  auto checked = std::make_shared<Arguments>();
  add_data_options(*check_command, checked->data);
  check_command->footer(
      "Exit codes: 0 all can be read, 65 what cannot is named, 66 nothing there.\n\n"
      "Example:\n  allmodes data check photos --image-size 64 --fit crop");
  check_command->callback(
      [&dispatch, checked] { dispatch.alone = [checked] { return check(*checked); }; });
  auto* pack_command = command->add_subcommand(
      "pack", "Write samples as they are trained on: .npy to be mapped, or StyleGAN's .zip");
  auto packed = std::make_shared<Arguments>();
  add_data_options(*pack_command, packed->data);
  pack_command->add_option("--out", packed->out, "FILE.npy or FILE.zip")->required();
  pack_command->footer(
      "Example:\n  allmodes data pack photos --image-size 64 --fit crop --out photos64.npy");
  pack_command->callback(
      [&dispatch, packed] { dispatch.alone = [packed] { return pack(*packed); }; });
}

}  // namespace

extern const Command kData{.place = 8, .add = add_data};

}  // namespace allmodes::cli
