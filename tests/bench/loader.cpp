// Filling a batch from a data set in memory: 64 colour images of 64 x 64 pixels, as bytes (what
// goes to a GPU) and as floats, beside PyTorch's index_select and scaling; and from a memory-mapped
// array of bytes as `allmodes data pack` writes it, beside memcpy of the same images from memory.
// One thread; one line of JSON a round, microseconds an image.
//
//   build/tests/bench_loader [ROUNDS]

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/index_select.h>
#include <fmt/format.h>

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/random.h"
#include "data/array_dataset.h"
#include "data/pack.h"
#include "data/sampler.h"

namespace {

using namespace allmodes;
using Clock = std::chrono::steady_clock;

constexpr int64_t kImages = 8192;  // 100 MB, far beyond the caches
constexpr int64_t kBatch = 64;
constexpr int64_t kValues = 3 * 64 * 64;

// Microseconds an image over one epoch.
template <typename Fill>
double time_of(const data::Sampler& sampler, Fill fill) {
  std::vector<int64_t> indices(kBatch);
  const auto start = Clock::now();
  for (int64_t first = 0; first + kBatch <= kImages; first += kBatch) {
    sampler.indices(static_cast<uint64_t>(first), kBatch, indices.data());
    fill(indices);
  }
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() / kImages;
}

// The bytes as an array of NumPy's, in a file that is gone with this.
class PackedFile {
 public:
  explicit PackedFile(const data::Dataset& dataset)
      : path_((std::filesystem::temp_directory_path() /
               fmt::format("allmodes-bench-{}.npy", getpid()))
                  .string()) {
    data::pack(dataset, path_);
  }
  ~PackedFile() { std::filesystem::remove(path_); }
  PackedFile(const PackedFile&) = delete;
  PackedFile& operator=(const PackedFile&) = delete;

  std::unique_ptr<data::Dataset> mapped() const {
    config::Data data;
    data.dataset = "npy";
    data.path = path_;
    data.memory_map = true;
    return data::make_dataset(data, 1);
  }

 private:
  std::string path_;
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  at::set_num_threads(1);
  const at::NoGradGuard no_grad;
  std::vector<uint8_t> pixels(kImages * kValues);
  Random random({.seed = 1, .purpose = Purpose("pixels")});
  for (uint8_t& pixel : pixels) pixel = static_cast<uint8_t>(random.below(256));
  at::Tensor images = at::from_blob(pixels.data(), {kImages, kValues}, at::kByte).clone();
  const auto dataset = data::make_array_dataset(
      "images", {.channels = 3, .height = 64, .width = 64, .image = true}, std::move(pixels), {});
  const PackedFile file(*dataset);
  const auto packed = file.mapped();
  const data::Sampler sampler(kImages, 1);
  std::vector<uint8_t> bytes(kBatch * kValues);
  std::vector<float> floats(kBatch * kValues);
  for (int round = 0; round < rounds; ++round) {
    const double as_bytes = time_of(sampler, [&](const std::vector<int64_t>& indices) {
      dataset->copy_bytes(indices, bytes.data(), nullptr);
    });
    const double as_floats = time_of(sampler, [&](const std::vector<int64_t>& indices) {
      dataset->copy(indices, floats.data(), nullptr);
    });
    const auto chosen = [&](const std::vector<int64_t>& indices) {
      return at::index_select(
          images, 0, at::from_blob(const_cast<int64_t*>(indices.data()), {kBatch}, at::kLong));
    };
    const double torch_bytes = time_of(sampler, chosen);
    const double torch_floats = time_of(sampler, [&](const std::vector<int64_t>& indices) {
      return chosen(indices).to(at::kFloat).div_(127.5).sub_(1);
    });
    const double from_file = time_of(sampler, [&](const std::vector<int64_t>& indices) {
      packed->copy_bytes(indices, bytes.data(), nullptr);
    });
    const auto* all = images.const_data_ptr<uint8_t>();
    const double copied = time_of(sampler, [&](const std::vector<int64_t>& indices) {
      uint8_t* out = bytes.data();
      for (const int64_t index : indices) {
        std::memcpy(out, all + index * kValues, kValues);
        out += kValues;
      }
    });
    fmt::print(
        R"({{"bytes": {}, "floats": {}, "packed": {}, "torch_bytes": {}, "torch_floats": {}, "memcpy": {}}})"
        "\n",
        as_bytes, as_floats, from_file, torch_bytes, torch_floats, copied);
  }
}
