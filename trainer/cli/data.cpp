// `allmodes data`: what a data set is, and a data set as one ready file.

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <string_view>
#include <unordered_set>

#include "base/error.h"
#include "cli/commands.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/pack.h"
#include "data/paths.h"
#include "data/sampler.h"
#include "data/workers.h"
#include "world/start_watch.h"

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
  std::vector<uint64_t> hashes = {};  // of each sample looked at
  float low = 0;
  float high = 0;
  double sum = 0;
};

// Of samples first .. first + count - 1.
Looked look_at(const data::Dataset& dataset, const data::Share& part) {
  Looked looked{.of_class = std::vector<int64_t>(static_cast<size_t>(dataset.classes()), 0),
                .low = std::numeric_limits<float>::infinity(),
                .high = -std::numeric_limits<float>::infinity()};
  const auto width = static_cast<size_t>(dataset.shape().values());
  std::vector<int64_t> indices;
  std::vector<int64_t> labels;
  std::vector<float> samples;
  const int64_t end = part.first + part.count;
  for (int64_t first = part.first; first < end; first += kCheckedAtOnce) {
    indices.resize(static_cast<size_t>(std::min(kCheckedAtOnce, end - first)));
    for (size_t i = 0; i < indices.size(); ++i) indices[i] = first + static_cast<int64_t>(i);
    labels.resize(indices.size());
    samples.resize(indices.size() * width);
    dataset.copy(indices, samples.data(), labels.data());
    for (const float value : samples) {
      looked.low = std::min(looked.low, value);
      looked.high = std::max(looked.high, value);
      looked.sum += value;
    }
    for (size_t i = 0; i < indices.size(); ++i) {
      looked.hashes.push_back(XXH3_64bits(samples.data() + i * width, width * sizeof(float)));
      if (!looked.of_class.empty()) ++looked.of_class[static_cast<size_t>(labels[i])];
    }
  }
  return looked;
}

template <class T>
std::span<const std::byte> bytes_of(const std::vector<T>& values) {
  return std::as_bytes(std::span(values));
}

// Of all samples, each rank's part by that rank.
Looked look_together(const data::Dataset& dataset, const data::SharedReading& reading) {
  Looked looked = look_at(dataset, data::share(dataset.size(), reading.rank, reading.ranks));
  if (reading.ranks == 1) return looked;
  const std::vector<double> numbers = {looked.low, looked.high, looked.sum};
  const auto all_numbers = reading.gather(bytes_of(numbers));
  const auto all_hashes = reading.gather(bytes_of(looked.hashes));
  const auto all_classes = reading.gather(bytes_of(looked.of_class));
  const auto add = [](const std::vector<std::byte>& bytes, auto& values) {
    using T = std::decay_t<decltype(values[0])>;
    const size_t before = values.size();
    values.resize(before + bytes.size() / sizeof(T));
    if (!bytes.empty()) std::memcpy(values.data() + before, bytes.data(), bytes.size());
  };
  Looked all{.of_class = std::vector<int64_t>(looked.of_class.size(), 0),
             .low = looked.low,
             .high = looked.high};
  for (size_t rank = 0; rank < all_numbers.size(); ++rank) {
    std::vector<double> theirs;
    add(all_numbers[rank], theirs);
    all.low = std::min(all.low, static_cast<float>(theirs[0]));
    all.high = std::max(all.high, static_cast<float>(theirs[1]));
    all.sum += theirs[2];
    add(all_hashes[rank], all.hashes);
    std::vector<int64_t> classes;
    add(all_classes[rank], classes);
    for (size_t k = 0; k < classes.size(); ++k) all.of_class[k] += classes[k];
  }
  return all;
}

int64_t copies_among(const std::vector<uint64_t>& hashes) {
  const std::unordered_set<uint64_t> different(hashes.begin(), hashes.end());
  return std::ssize(hashes) - std::ssize(different);
}

void print_check(const data::Dataset& dataset, const Looked& looked) {
  fmt::print("{}\n", dataset.description());
  for (const std::string& remark : dataset.remarks()) fmt::print("  {}\n", remark);
  const double numbers =
      static_cast<double>(dataset.size()) * static_cast<double>(dataset.shape().values());
  fmt::print("  numbers     {:.4g} to {:.4g}, mean {:.4g}, as training sees them{}\n", looked.low,
             looked.high, looked.sum / numbers, dataset.holds_bytes() ? " (kept as bytes)" : "");
  fmt::print("  copies      {} samples equal another one\n", copies_among(looked.hashes));
  const auto names = dataset.class_names();
  for (size_t k = 0; k < std::min(names.size(), kMostClassesShown); ++k)
    fmt::print("  class       {:<24}{:>10}\n", names[k], looked.of_class[k]);
  if (names.size() > kMostClassesShown)
    fmt::print("  ...         {} classes more\n", names.size() - kMostClassesShown);
}

int check(Arguments& arguments, const data::SharedReading& reading) {
  arguments.data.path = data::expanded_path(arguments.data.path);
  arguments.data.labels = data::expanded_path(arguments.data.labels);
  const auto dataset = data::read_files(arguments.data, data::Split::kTraining, reading);
  const Looked looked = look_together(*dataset, reading);
  const auto held_out = data::read_files(arguments.data, data::Split::kHeldOut, reading);
  if (reading.rank > 0) return 0;
  print_check(*dataset, looked);
  if (held_out) {
    fmt::print("held out: {}\n", held_out->description());
    for (const std::string& remark : held_out->remarks()) fmt::print("  {}\n", remark);
  }
  fmt::print("fingerprint   {:016x}\n", dataset->fingerprint());
  return 0;
}

int check_together(Arguments& arguments, world::Runtime& runtime) {
  world::Communicator& ranks = runtime.control();
  return check(
      arguments,
      {.rank = ranks.rank(), .ranks = ranks.size(), .gather = [&](std::span<const std::byte> mine) {
         return ranks.all_gather_v(mine, "data");
       }});
}

int rank_given() {
  return world::launched_rank([](const char* name) { return std::getenv(name); });
}

bool launched() {
  return rank_given() >= 0;
}

// Under a launcher one rank writes the file, with the processors that its node's ranks have been
// given.
bool another_rank_does_it(config::Data& data) {
  if (data.threads == 0) data.threads = data::default_workers() * data::processes_beside();
  return rank_given() > 0;
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
      "Under mpirun each rank reads a part of a set of pictures.\n\n"
      "Exit codes: 0 all can be read, 65 what cannot is named, 66 nothing there.\n\n"
      "Example:\n  allmodes data check photos --image-size 64 --fit crop");
  check_command->callback([&dispatch, checked] {
    if (launched())
      dispatch.together = [checked](world::Runtime& runtime) {
        return check_together(*checked, runtime);
      };
    else
      dispatch.alone = [checked] { return check(*checked, {}); };
  });
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
