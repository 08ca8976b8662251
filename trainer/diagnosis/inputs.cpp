#include "diagnosis/inputs.h"

#include <algorithm>
#include <cstring>
#include <filesystem>

#include "base/error.h"
#include "checkpoints/safetensors.h"
#include "data/array_dataset.h"
#include "data/idx.h"
#include "data/input_file.h"
#include "data/npy.h"
#include "data/pixels.h"
#include "data/png_folder.h"
#include "data/sampler.h"

namespace allmodes::diagnosis {
namespace {

bool begins_as_npy(const std::string& path) {
  data::InputFile file(path);
  char magic[6] = {};
  file.read(magic, sizeof magic, "the first bytes of an .npy or idx file");
  return std::memcmp(magic, "\x93NUMPY", sizeof magic) == 0;
}

data::Labels labels_of(const std::string& labels, int64_t samples) {
  return labels.empty() ? data::Labels{} : data::read_labels(labels, samples);
}

// Values of T as floats; what does not fit is refused with its place in the file.
template <class T>
std::vector<float> read_tensor(const checkpoints::SafetensorsFile& file, const std::string& name,
                               uint64_t count, bool image) {
  const auto& entry = file.at(name);
  std::vector<T> stored(count);
  file.read(name, stored.data(), count * sizeof(T));
  std::vector<float> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    values[i] = static_cast<float>(stored[i]);
    if (const auto message = data::misfit(static_cast<double>(values[i]), image))
      ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: tensor '{}': {}", file.path().string(),
                    entry.begin + i * sizeof(T), name, *message);
  }
  return values;
}

std::unique_ptr<data::Dataset> read_safetensors(const std::string& path, std::string name,
                                                const std::string& labels) {
  const checkpoints::SafetensorsFile file(path);
  if (name.empty()) {
    if (file.names().size() != 1) {
      ALLMODES_FAIL(ExitCode::kDataError, "{} holds {} tensors; name one: {}:NAME (it has {})",
                    path, file.names().size(), path, fmt::join(file.names(), ", "));
    }
    name = file.names().front();
  }
  const auto& entry = file.at(name);
  const auto refuse = [&](const std::string& message) {
    ALLMODES_FAIL(ExitCode::kDataError, "{}, byte {}: tensor '{}': {}", path, entry.begin, name,
                  message);
  };
  const std::vector<uint64_t> dimensions(entry.shape.begin(), entry.shape.end());
  const auto layout = data::layout_of(dimensions);
  const auto count = data::product(dimensions);
  if (!layout || !count || *count == 0) {
    refuse(fmt::format("the shape {}; [N, D], [N, H, W], [N, H, W, C] or [N, C, H, W] was expected",
                       data::bracketed(dimensions)));
  }
  const auto samples = static_cast<int64_t>(dimensions[0]);
  data::require_memory(dimensions[0], *count / dimensions[0] * sizeof(float), path);
  const auto finish = [&]<class T>(std::vector<T> values, T black) {
    return data::make_array_dataset(
        path, layout->shape,
        data::prepare_samples(std::move(values), *layout, layout->shape, black),
        labels_of(labels, samples));
  };
  switch (entry.dtype) {
    case checkpoints::DType::kF32:
      return finish(read_tensor<float>(file, name, *count, layout->shape.image), -1.0F);
    case checkpoints::DType::kF64:
      return finish(read_tensor<double>(file, name, *count, layout->shape.image), -1.0F);
    case checkpoints::DType::kU8: {
      std::vector<uint8_t> values(*count);
      file.read(name, values.data(), values.size());
      return finish(std::move(values), uint8_t{0});
    }
    default:
      refuse(fmt::format("values of type {}; F32, F64 or U8 were expected",
                         checkpoints::dtype_name(entry.dtype)));
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<data::Dataset> read_samples(const std::string& path, const std::string& labels) {
  if (std::filesystem::is_directory(path)) {
    if (!labels.empty()) {
      ALLMODES_FAIL(ExitCode::kUsage, "--labels {}: the labels of a folder are its subfolders",
                    labels);
    }
    return data::read_png_folder(path, 0);
  }
  constexpr std::string_view kSuffix = ".safetensors";
  const size_t suffix = path.rfind(kSuffix);
  if (suffix != std::string::npos) {
    const std::string rest = path.substr(suffix + kSuffix.size());
    if (rest.empty() || rest.front() == ':') {
      return read_safetensors(path.substr(0, suffix + kSuffix.size()),
                              rest.empty() ? rest : rest.substr(1), labels);
    }
  }
  if (begins_as_npy(path)) return data::read_npy_dataset(path, labels, 0);
  return data::read_idx_dataset({.name = path, .images = path, .labels = labels});
}

DiagnosedSamples choose_samples(const data::Dataset& dataset, const std::string& source,
                                int64_t count, uint64_t seed) {
  DiagnosedSamples samples{.source = source,
                           .shape = dataset.shape(),
                           .values = {},
                           .labels = {},
                           .class_names = dataset.class_names(),
                           .count = std::min(count, dataset.size())};
  const auto rows = static_cast<size_t>(samples.count);
  std::vector<int64_t> indices(rows);
  data::Sampler(dataset.size(), seed).indices(0, samples.count, indices.data());
  samples.values.resize(rows * static_cast<size_t>(samples.shape.values()));
  if (dataset.classes() > 0) samples.labels.resize(rows);
  dataset.copy(indices, samples.values.data(),
               samples.labels.empty() ? nullptr : samples.labels.data());
  return samples;
}

}  // namespace allmodes::diagnosis
