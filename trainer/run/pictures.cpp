#include "run/pictures.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/remainder.h>

#include <algorithm>

#include "data/mixture.h"
#include "diagnostics/collectors/collector.h"
#include "objectives/fit.h"
#include "records/image.h"
#include "records/plots.h"
#include "training/noise.h"

namespace allmodes::run {
namespace {

constexpr int64_t kScatterPoints = 2000;
constexpr size_t kBars = 100;  // more do not fit a picture

std::span<const float> values_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<float>(), static_cast<size_t>(tensor.numel())};
}

std::string numbered(const char* stem, uint64_t step) {
  return fmt::format("{}-{:08d}.png", stem, step);
}

void write_grid(const std::filesystem::path& path, const at::Tensor& images,
                const data::SampleShape& shape, int64_t columns = 0) {
  records::write_png(path, records::image_grid(images.data_ptr<float>(), images.size(0),
                                               shape.channels, shape.height, shape.width, columns));
}

// Rows of inputs, each above the row of their reconstructions.
void write_reconstructions(const records::RunFolder& folder, uint64_t step, const CheckedRun& run,
                           const objectives::Forward& forward, at::Device device) {
  constexpr int64_t kColumns = 8;
  const int64_t rows = std::max<int64_t>(1, run.config().images.count / (2 * kColumns));
  std::vector<int64_t> numbers;
  const at::Tensor inputs =
      diagnostics::real_samples(*run.dataset, run.config().seed, 0, rows * kColumns, &numbers);
  at::Tensor labels;
  if (run.objective->conditional())
    labels = at::from_blob(numbers.data(), {rows * kColumns}, at::kLong).clone().to(device);
  const auto posterior = run.objective->encode(forward, inputs.to(device), labels);
  const at::Tensor outputs = run.objective->generate(forward, posterior.mean, labels).to(at::kCPU);
  std::vector<at::Tensor> lines;
  for (int64_t row = 0; row < rows; ++row) {
    lines.push_back(inputs.narrow(0, row * kColumns, kColumns));
    lines.push_back(outputs.narrow(0, row * kColumns, kColumns));
  }
  write_grid(folder.images() / numbered("reconstructions", step), at::cat(lines).contiguous(),
             run.dataset->shape(), kColumns);
}

// One and two deviations of a fitted density's components; empty for other families.
std::vector<records::Ellipse> fitted_ellipses(const CheckedRun& run,
                                              const objectives::Forward& forward,
                                              at::Device device) {
  const auto* fit = std::get_if<config::Fit>(&run.config().family);
  if (fit == nullptr) return {};
  const auto q = objectives::fitted_mixture(forward, *fit, at::TensorOptions().device(device));
  const at::Tensor means = q.means.to(at::kCPU).contiguous();
  const at::Tensor deviations = q.log_deviations.exp().to(at::kCPU).contiguous();
  std::vector<records::Ellipse> ellipses;
  for (int64_t k = 0; k < means.size(0); ++k) {
    const float* centre = means.data_ptr<float>() + 2 * k;
    const float* deviation = deviations.data_ptr<float>() + 2 * k;
    for (const double reach : {1.0, 2.0})
      ellipses.push_back({centre[0], centre[1], reach * deviation[0], reach * deviation[1]});
  }
  return ellipses;
}

// Of points [count, 2] in the plane.
records::PlotRange range_of_points(const at::Tensor& points) {
  const auto low = points.amin(0), high = points.amax(0);
  return {low[0].item<double>(), high[0].item<double>(), low[1].item<double>(),
          high[1].item<double>()};
}

}  // namespace

bool drawable(const data::SampleShape& shape) {
  return shape.image && (shape.channels == 1 || shape.channels == 3);
}

bool planar(const data::SampleShape& shape) {
  return !shape.image && shape.values() == 2;
}

at::Tensor labels_in_turn(const CheckedRun& run, int64_t count, int64_t first) {
  if (!run.objective->conditional()) return {};
  // A class without a sample was never trained.
  const auto existing = at::tensor(run.existing_classes, at::kLong);
  return existing.index_select(
      0, at::arange(first, first + count, at::kLong).remainder(existing.numel()));
}

records::Image scatter_picture(const CheckedRun& run, const at::Tensor& fakes,
                               std::span<const records::Ellipse> ellipses) {
  const auto fakes_xy = fakes.defined() ? values_of(fakes) : std::span<const float>();
  if (!run.dataset)
    return records::scatter_plot(fakes_xy, {}, {}, range_of_points(fakes), ellipses);
  const at::Tensor reals =
      diagnostics::real_samples(*run.dataset, run.config().seed, 0, kScatterPoints);
  std::vector<float> means;
  if (const auto* mixture = run.dataset->mixture())
    for (const auto& mean : mixture->means)
      for (const double x : mean) means.push_back(static_cast<float>(x));
  return records::scatter_plot(fakes_xy, values_of(reals), means, std::nullopt, ellipses);
}

void write_sample_pictures(const records::RunFolder& folder, uint64_t step, const CheckedRun& run,
                           const objectives::Forward& forward, at::Device device) {
  const auto shape = run.dataset->shape();
  const bool points = planar(shape);
  if (!points && !drawable(shape)) return;
  if (!run.objective->draws()) {
    write_reconstructions(folder, step, run, forward, device);
    return;
  }
  const int64_t count = points ? kScatterPoints : run.config().images.count;
  const at::Tensor latent =
      training::make_noise(objectives::latent_noise("latent", run.objective->latent()),
                           {run.config().seed, "pictures", 0, 0, count}, device);
  const at::Tensor labels = labels_in_turn(run, count);
  const at::Tensor fakes =
      run.objective->generate(forward, latent, labels.defined() ? labels.to(device) : labels)
          .to(at::kCPU)
          .contiguous();
  const auto path = folder.images() / numbered("fakes", step);
  const auto reals_path = folder.images() / "reals.png";
  if (points) {
    records::write_png(path, scatter_picture(run, fakes, fitted_ellipses(run, forward, device)));
    if (!std::filesystem::exists(reals_path)) records::write_png(reals_path, scatter_picture(run));
    return;
  }
  write_grid(path, fakes, shape);
  if (!std::filesystem::exists(reals_path)) {
    write_grid(reals_path, diagnostics::real_samples(*run.dataset, run.config().seed, 0, count),
               shape);
  }
  if (run.objective->encodes()) write_reconstructions(folder, step, run, forward, device);
}

void write_histogram_picture(const records::RunFolder& folder, uint64_t step,
                             const diagnostics::ModeHistogram& histogram,
                             const diagnostics::Verdict& verdict) {
  if (histogram.names.size() > kBars) return;
  std::vector<double> expected;
  std::vector<double> observed;
  for (size_t k = 0; k < histogram.names.size(); ++k) {
    expected.push_back(histogram.expected_share[k] * static_cast<double>(histogram.samples));
    observed.push_back(static_cast<double>(histogram.observed[k]));
  }
  std::vector<int64_t> missing;
  for (const auto& mode : verdict.missing) missing.push_back(mode.mode);
  records::write_png(
      folder.images() / numbered("modes", step),
      records::bar_chart(histogram.names, expected, observed,
                         fmt::format("step {}: {}", step, diagnostics::to_string(verdict.state)),
                         missing));
}

void write_missing_picture(const records::RunFolder& folder, uint64_t step,
                           const records::Image& picture) {
  records::write_png(folder.images() / numbered("missing", step), picture);
}

}  // namespace allmodes::run
