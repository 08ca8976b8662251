#include "diagnosis/feature_statistics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/formats/array_file.h"
#include "data/formats/npz_writer.h"
#include "data/sampler.h"
#include "diagnosis/figure_table.h"

namespace allmodes::diagnosis {
namespace {

constexpr int64_t kSlab = 5000;  // samples whose features are in memory at once
constexpr const char* kNotHad =
    "No verdict: statistics of the data are a mean and a covariance. Precision, recall, density, "
    "coverage, parts that are missing and copies need the samples: --real FOLDER.\n";

std::vector<double> numbers_of(const std::string& path, std::vector<uint64_t>& shape) {
  auto array = data::open_array(path);
  shape = array.shape;
  auto values = data::read_double_array(array);
  if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }))
    ALLMODES_FAIL(ExitCode::kDataError, "{}: numbers that are not finite", path);
  return values;
}

// Rows [count][width] of the samples `first`, `first` + 1, ... of the order; on every rank.
std::vector<float> rows_from(world::Communicator& control, const data::Dataset& dataset,
                             const diagnostics::FeatureMap& features, int64_t first, int64_t count,
                             uint64_t seed) {
  const auto values = static_cast<size_t>(dataset.shape().values());
  const auto width = static_cast<size_t>(features.width);
  std::vector<float> rows(static_cast<size_t>(count) * width, 0.0F);
  diagnostics::for_each_chunk(count, control, [&](int64_t begin, int64_t chunk) {
    std::vector<int64_t> indices(static_cast<size_t>(chunk));
    data::Sampler(dataset.size(), seed)
        .indices(static_cast<uint64_t>(first + begin), chunk, indices.data());
    std::vector<float> samples(indices.size() * values);
    dataset.copy(indices, samples.data(), nullptr);
    const auto found = features.map(samples, {0, chunk});
    std::ranges::copy(found, rows.begin() + begin * features.width);
  });
  world::all_reduce_host(control, std::span<float>(rows), world::ReduceOp::sum);
  return rows;
}

}  // namespace

bool is_statistics(const std::string& path) {
  const auto names = data::array_names(path);
  return std::ranges::count(names, "mu") + std::ranges::count(names, "sigma") == 2;
}

diagnostics::Gaussian read_statistics(const std::string& path) {
  std::vector<uint64_t> of_mean, of_covariance;
  diagnostics::Gaussian gaussian{.mean = numbers_of(path + ":mu", of_mean),
                                 .covariance = numbers_of(path + ":sigma", of_covariance)};
  if (of_mean.size() != 1 || of_covariance != std::vector<uint64_t>{of_mean[0], of_mean[0]})
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{}: mu of [{}] and sigma of [{}], [d] and [d, d] were expected", path,
                  fmt::join(of_mean, ", "), fmt::join(of_covariance, ", "));
  return gaussian;
}

void write_statistics(const std::filesystem::path& path, const diagnostics::Gaussian& gaussian) {
  const auto width = std::ssize(gaussian.mean);
  const data::NamedArray arrays[] = {{"mu", {width}, gaussian.mean},
                                     {"sigma", {width, width}, gaussian.covariance}};
  data::write_npz(path, arrays);
}

diagnostics::FeatureMap features_alone(const DiagnoseOptions& options, const data::Dataset& dataset,
                                       world::Communicator& control) {
  pretrained::NetworkChoice choice = options.features;
  choice.name = diagnostics::resolved_features(choice.name, dataset.shape());
  if (choice.name == "pca" || choice.name == "classifier")
    ALLMODES_FAIL(ExitCode::kUsage,
                  "--features {}: these features are fitted to the samples that are compared; "
                  "statistics are of fixed ones: pixels, random_conv, {}",
                  choice.name, fmt::join(pretrained::network_names(), ", "));
  const std::string complaint = diagnostics::features_complaint(choice, dataset.shape(), 0);
  if (!complaint.empty())
    ALLMODES_FAIL(ExitCode::kUsage, "--features {}: {}", choice.name, complaint);
  if (choice.name == "pixels") return diagnostics::pixel_features(dataset.shape());
  if (choice.name == "random_conv") return diagnostics::random_conv_features(dataset.shape());
  return diagnostics::network_features(choice, control, dataset.shape(), options.network_device);
}

diagnostics::Gaussian statistics_of(world::Communicator& control, const data::Dataset& dataset,
                                    const diagnostics::FeatureMap& features, int64_t count,
                                    uint64_t seed) {
  count = std::min(count, dataset.size());
  if (count < 2)
    ALLMODES_FAIL(ExitCode::kDataError, "a covariance of {} samples; two at least were expected",
                  count);
  std::optional<diagnostics::FeatureMoments> all;
  for (int64_t first = 0; first < count; first += kSlab) {
    const auto rows =
        rows_from(control, dataset, features, first, std::min(kSlab, count - first), seed);
    const diagnostics::Features slab{rows, features.width};
    const auto shift = all ? std::vector<float>(all->shift.begin(), all->shift.end())
                           : std::vector<float>(rows.begin(), rows.begin() + features.width);
    auto part = diagnostics::feature_moments(slab, shift, diagnostics::all_rows(slab));
    if (all)
      diagnostics::merge(*all, part);
    else
      all = std::move(part);
  }
  return diagnostics::gaussian_of(*all, features.population_covariance);
}

StatisticsComparison compare_with_statistics(world::Communicator& control,
                                             const std::string& statistics,
                                             const data::Dataset& fakes,
                                             const diagnostics::FeatureMap& features,
                                             const DiagnoseOptions& options) {
  const auto reals = read_statistics(statistics);
  if (std::ssize(reals.mean) != features.width)
    ALLMODES_FAIL(ExitCode::kDataError, "{} is of {} features, {} has {}", statistics,
                  reals.mean.size(), features.name, features.width);
  const int64_t count = std::min(options.samples, fakes.size());
  const auto rows = rows_from(control, fakes, features, 0, count, options.seed);
  const diagnostics::Features made{rows, features.width};
  if (count < 2)
    ALLMODES_FAIL(ExitCode::kDataError, "{} samples; two at least were expected", count);
  StatisticsComparison comparison{
      .features = features.description(), .samples = count, .lines = {}};
  const auto moments = diagnostics::feature_moments(made, made.row(0), diagnostics::all_rows(made));
  comparison.lines.push_back(
      {features.frechet_name,
       diagnostics::frechet_distance(
           reals, diagnostics::gaussian_of(moments, features.population_covariance))});
  if (const auto score = diagnostics::inception_score(features, rows))
    comparison.lines.push_back({"inception_score", score->mean,
                                fmt::format("+- {:.2g} over ten parts", score->deviation)});
  return comparison;
}

std::string to_text(const StatisticsComparison& comparison) {
  std::string text = fmt::format("N = {}, features: {}\n", comparison.samples, comparison.features);
  TextTable table(false);
  for (const Line& line : comparison.lines) table.add(line);
  text += table.text();
  return text + kNotHad;
}

std::string to_json(const StatisticsComparison& comparison) {
  nlohmann::ordered_json json = {
      {"state", nullptr}, {"features", comparison.features}, {"samples", comparison.samples}};
  for (const Line& line : comparison.lines) json[line.name] = line.value;
  return json.dump(2) + "\n";
}

}  // namespace allmodes::diagnosis
