// The data sets of the MNIST family: four idx files each.

#include <filesystem>

#include "data/idx.h"
#include "data/registry.h"
#include "data/stacked.h"

namespace allmodes::data {
namespace {

constexpr const char* kFashionMnistFolder = "/usr/share/datasets/fashion-mnist";
// Held-out stacks of digits: as many as the published protocols evaluate on.
constexpr int64_t kHeldOutStacks = 26'000;

constexpr std::string_view kMnistFields[] = {"path", "image_size"};
constexpr std::string_view kStackedMnistFields[] = {"path", "samples", "image_size"};

// The four files of the MNIST family, plain or gzip.
std::unique_ptr<Dataset> mnist_files(const std::string& name, const std::string& folder,
                                     const config::Data& data, Split split,
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

std::unique_ptr<Dataset> fashion_mnist(const config::Data& data, uint64_t /*seed*/, Split split) {
  const std::string folder = data.path.empty() ? kFashionMnistFolder : data.path;
  return mnist_files("Fashion-MNIST", folder, data, split,
                     {"T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt",
                      "Sneaker", "Bag", "Ankle boot"},
                     "Fashion-MNIST is in the Debian and Ubuntu package dataset-fashion-mnist (apt "
                     "install dataset-fashion-mnist); or set data.path to a folder with its files");
}

std::unique_ptr<Dataset> digits(const config::Data& data, Split split) {
  return mnist_files("MNIST", needed_path(data), data, split,
                     {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"},
                     "data.path is to be a folder with the four idx files of the MNIST family, "
                     "plain or .gz");
}

std::unique_ptr<Dataset> mnist_digits(const config::Data& data, uint64_t /*seed*/, Split split) {
  return digits(data, split);
}

std::unique_ptr<Dataset> stacked_mnist(const config::Data& data, uint64_t seed, Split split) {
  const bool training = split == Split::kTraining;
  return make_stacked_dataset(
      "stacked MNIST", digits(data, split), training ? data.samples : kHeldOutStacks, seed,
      Purpose(training ? "data/stacked_mnist" : "data/stacked_mnist/held_out"));
}

}  // namespace

extern const DatasetRow kFashionMnistDataset{
    .name = "fashion_mnist",
    .summary = "60000 grey images 28 x 28 of clothes, 10 classes",
    .fields = kMnistFields,
    .held_out = true,
    .build = fashion_mnist};

extern const DatasetRow kMnistDataset{.name = "mnist",
                                      .summary = "60000 grey images 28 x 28 of digits, 10 classes",
                                      .fields = kMnistFields,
                                      .held_out = true,
                                      .build = mnist_digits};

extern const DatasetRow kStackedMnistDataset{
    .name = "stacked_mnist",
    .summary = "three MNIST digits on the channels of one image, 1000 classes",
    .fields = kStackedMnistFields,
    .held_out = true,
    .build = stacked_mnist};

}  // namespace allmodes::data
