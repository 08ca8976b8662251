// The data sets by name. Adding one is a builder and a line in the table.

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/error.h"
#include "data/arrays.h"
#include "data/cifar10.h"
#include "data/dataset.h"
#include "data/files.h"
#include "data/idx.h"
#include "data/mixture.h"
#include "data/paths.h"
#include "data/pictures.h"
#include "data/stacked.h"
#include "data/table.h"

namespace allmodes::data {
namespace {

using config::Data;

struct Entry {
  const char* name;
  const char* summary;
  std::vector<std::string> fields;  // besides dataset and prefetch
  bool held_out;                    // has a part that is held out
  std::unique_ptr<Dataset> (*build)(const Data& data, uint64_t seed, Split split);
};

constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";
// Held-out stacks of digits: as many as the published protocols evaluate on.
constexpr int64_t kHeldOutStacks = 26'000;

// The fields with paths as a shell would have them.
Data with_expanded_paths(Data data) {
  data.path = expanded_path(data.path);
  data.labels = expanded_path(data.labels);
  return data;
}

const std::string& needed_path(const Data& data) {
  if (data.path.empty())
    ALLMODES_FAIL(ExitCode::kConfiguration, "data.path: the data set '{}' needs it", data.dataset);
  return data.path;
}

// The four files of the MNIST family, plain or gzip.
std::unique_ptr<Dataset> mnist_files(const std::string& name, const std::string& folder,
                                     const Data& data, Split split,
                                     std::vector<std::string> classes, const std::string& remedy) {
  const std::string part = split == Split::kTraining ? "train" : "t10k";
  const auto file = [&](const char* rest) {
    const auto plain = std::filesystem::path(folder) / (part + rest);
    std::error_code error;
    return std::filesystem::exists(plain, error) ? plain.string() : plain.string() + ".gz";
  };
  return read_idx_dataset({.name = name,
                           .images = file("-images-idx3-ubyte"),
                           .labels = file("-labels-idx1-ubyte"),
                           .image_size = data.image_size,
                           .class_names = std::move(classes),
                           .remedy = remedy});
}

std::unique_ptr<Dataset> fashion_mnist(const Data& data, uint64_t /*seed*/, Split split) {
  const std::string folder = data.path.empty() ? kFashionMnistFolder : data.path;
  return mnist_files("Fashion-MNIST", folder, data, split,
                     {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                      "Sneaker", "Bag", "Ankle boot"},
                     "Fashion-MNIST is in the Debian and Ubuntu package dataset-fashion-mnist (apt "
                     "install dataset-fashion-mnist); or set data.path to a folder with its files");
}

std::unique_ptr<Dataset> digits(const Data& data, Split split) {
  return mnist_files("MNIST", needed_path(data), data, split,
                     {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                     "data.path is to be a folder with the four idx files of the MNIST family, "
                     "plain or .gz");
}

std::unique_ptr<Dataset> mnist(const Data& data, uint64_t /*seed*/, Split split) {
  return digits(data, split);
}

std::unique_ptr<Dataset> stacked_mnist(const Data& data, uint64_t seed, Split split) {
  const bool training = split == Split::kTraining;
  return make_stacked_dataset(
      "stacked MNIST", digits(data, split), training ? data.samples : kHeldOutStacks, seed,
      Purpose(training ? "data/stacked_mnist" : "data/stacked_mnist/held_out"));
}

std::unique_ptr<Dataset> cifar10(const Data& data, uint64_t /*seed*/, Split split) {
  const std::string& folder = needed_path(data);
  const auto files =
      split == Split::kTraining ? cifar10_training_files(folder) : cifar10_held_out_files(folder);
  if (files.empty()) return nullptr;
  return read_cifar10(folder, files, data.image_size, data.memory_map);
}

const std::vector<Entry>& registry() {
  static const std::vector<Entry> entries = {
      {"cifar10",
       "50000 colour images 32 x 32 of animals and vehicles, 10 classes; binary batches",
       {"path", "image_size", "memory_map"},
       true,
       cifar10},
      {"fashion_mnist",
       "60000 grey images 28 x 28 of clothes, 10 classes",
       {"path", "image_size"},
       true,
       fashion_mnist},
      {"files",
       "pictures, arrays, idx or a table, told by content",
       {"path",         "labels",     "image_size", "memory_map",   "range",
        "layout",       "classes",    "split",      "held_out",     "fit",
        "filter",       "colour",     "background", "exif",         "flip",
        "threads",      "cache",      "on_damage",  "most_damaged", "largest_picture",
        "label_column", "standardize"},
       true,
       [](const Data& d, uint64_t, Split split) {
         needed_path(d);
         return read_files(d, split);
       }},
      {"grid",
       "mixture of equal Gaussians on a square grid in the plane",
       {"samples", "modes", "spacing", "std"},
       false,
       [](const Data& d, uint64_t seed, Split) {
         return make_mixture_dataset("grid", grid_mixture(d.modes, d.spacing, d.std), d.samples,
                                     seed);
       }},
      {"idx",
       "images (and labels) in idx files, plain or gzip",
       {"path", "labels", "image_size", "memory_map"},
       false,
       [](const Data& d, uint64_t, Split) {
         return read_idx_dataset({.name = needed_path(d),
                                  .images = d.path,
                                  .labels = d.labels,
                                  .image_size = d.image_size,
                                  .memory_map = d.memory_map});
       }},
      {"images",
       "JPEG, PNG, WebP, BMP and PNM pictures in folders, a zip archive, tar or MDS shards",
       {"path", "image_size", "classes", "split", "held_out", "fit", "filter", "colour",
        "background", "exif", "flip", "threads", "cache", "on_damage", "most_damaged",
        "largest_picture"},
       true,
       [](const Data& d, uint64_t, Split split) {
         needed_path(d);
         return read_pictures(d, split);
       }},
      {"mixture",
       "mixture of the Gaussians listed in data.mode",
       {"samples", "mode"},
       false,
       [](const Data& d, uint64_t seed, Split) {
         return make_mixture_dataset("mixture", custom_mixture(d.mode), d.samples, seed);
       }},
      {"mnist",
       "60000 grey images 28 x 28 of digits, 10 classes",
       {"path", "image_size"},
       true,
       mnist},
      {"npy",
       "points or images (and labels) in arrays: .npy, .npz, safetensors",
       {"path", "labels", "image_size", "memory_map", "range", "layout"},
       false,
       [](const Data& d, uint64_t, Split) {
         needed_path(d);
         return read_arrays(d);
       }},
      {"ring",
       "mixture of equal Gaussians on a circle in the plane",
       {"samples", "modes", "radius", "std"},
       false,
       [](const Data& d, uint64_t seed, Split) {
         return make_mixture_dataset("ring", ring_mixture(d.modes, d.radius, d.std), d.samples,
                                     seed);
       }},
      {"stacked_mnist",
       "three MNIST digits on the channels of one image, 1000 classes",
       {"path", "samples", "image_size"},
       true,
       stacked_mnist},
      {"table",
       "rows of a CSV file with a header: numbers and categories",
       {"path", "label_column", "standardize"},
       false,
       [](const Data& d, uint64_t, Split) {
         needed_path(d);
         return read_table(d);
       }},
  };
  return entries;
}

const Entry& find(const std::string& name) {
  for (const Entry& entry : registry())
    if (name == entry.name) return entry;
  std::string names;
  for (const Entry& entry : registry())
    names += (names.empty() ? "" : ", ") + std::string(entry.name);
  ALLMODES_FAIL(ExitCode::kConfiguration, "data.dataset: '{}' is not known; there are {}", name,
                names);
}

}  // namespace

std::unique_ptr<Dataset> make_dataset(const Data& data, uint64_t seed) {
  return find(data.dataset).build(with_expanded_paths(data), seed, Split::kTraining);
}

std::unique_ptr<Dataset> make_held_out_dataset(const Data& data, uint64_t seed) {
  const Entry& entry = find(data.dataset);
  return entry.held_out ? entry.build(with_expanded_paths(data), seed, Split::kHeldOut) : nullptr;
}

std::vector<std::string> dataset_names() {
  std::vector<std::string> names;
  for (const Entry& entry : registry()) names.emplace_back(entry.name);
  std::sort(names.begin(), names.end());
  return names;
}

std::string dataset_summary(const std::string& name) {
  return find(name).summary;
}

std::vector<std::string> dataset_fields(const std::string& name) {
  std::vector<std::string> fields = find(name).fields;
  fields.insert(fields.begin(), {"dataset", "prefetch"});
  return fields;
}

}  // namespace allmodes::data
