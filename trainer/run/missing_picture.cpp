#include "run/missing_picture.h"

#include <algorithm>
#include <numeric>

#include "diagnostics/collectors/shown_samples.h"
#include "diagnostics/verdict/lost_rows.h"
#include "records/picture_rows.h"
#include "records/plots.h"
#include "run/pictures.h"

namespace allmodes::run {
namespace {

using diagnostics::LostRows;

constexpr int64_t kPoints = 2000;
// Of a picture, which is written at each evaluation: of images of 256 pixels two parts fit.
constexpr int64_t kMostPixels = 4'000'000;

// The first of them, one at least.
void leave_what_fits(std::vector<LostRows>& lost, const data::SampleShape& shape) {
  int64_t left = kMostPixels;
  const auto too_many = std::ranges::find_if(lost, [&](const LostRows& line) {
    left -= (line.samples.empty() ? 1 : 2) * diagnostics::kLostRows * shape.height * shape.width;
    return left < 0;
  });
  lost.erase(std::max(lost.begin() + 1, too_many), lost.end());
}

std::vector<float> reals_of(const data::Dataset& dataset, const std::vector<int64_t>& rows) {
  std::vector<int64_t> indices;
  for (const int64_t row : rows) indices.push_back(diagnostics::compared_real(dataset, row));
  std::vector<float> values(rows.size() * static_cast<size_t>(dataset.shape().values()));
  dataset.copy(indices, values.data(), nullptr);
  return values;
}

// `samples`: those that the lines name, one after the other.
records::Image picture_rows(const data::Dataset& dataset, const std::vector<LostRows>& lost,
                            std::span<const float> samples) {
  const data::SampleShape shape = dataset.shape();
  const auto values = static_cast<size_t>(shape.values());
  records::PictureRows pictures(shape.channels, shape.height, shape.width, diagnostics::kLostRows);
  for (const LostRows& line : lost) {
    pictures.add(reals_of(dataset, line.reals));
    pictures.end_row();
    pictures.add(samples.first(line.samples.size() * values));
    pictures.end_row();
    samples = samples.subspan(line.samples.size() * values);
  }
  return pictures.image();
}

records::Image plane(const data::Dataset& dataset, const std::vector<LostRows>& lost,
                     std::span<const float> samples) {
  std::vector<float> crosses;
  for (const LostRows& line : lost) {
    const auto reals = reals_of(dataset, line.reals);
    crosses.insert(crosses.end(), reals.begin(), reals.end());
  }
  const at::Tensor reals = diagnostics::real_samples(dataset, diagnostics::kComparisonSeed, 0,
                                                     std::min(kPoints, dataset.size()));
  return records::scatter_plot(samples, diagnostics::values_of(reals), crosses, std::nullopt, {},
                               "parts that are missing");
}

}  // namespace

std::optional<records::Image> missing_picture(
    const diagnostics::Evaluation& evaluation,
    const std::vector<diagnostics::GeneratedChunk>& generated,
    const diagnostics::Evidence& evidence, const diagnostics::Verdict& verdict) {
  const data::Dataset& dataset = evaluation.dataset;
  const data::SampleShape shape = dataset.shape();
  const bool pictures = drawable(shape);
  if (!pictures && (!planar(shape) || dataset.mixture() != nullptr)) return std::nullopt;
  auto lost = diagnostics::lost_rows(evidence, verdict, evidence.mode_of_real);
  if (lost.empty()) return std::nullopt;
  if (pictures) leave_what_fits(lost, shape);
  std::vector<int64_t> numbers;
  if (pictures) {
    for (const LostRows& line : lost)
      numbers.insert(numbers.end(), line.samples.begin(), line.samples.end());
  } else {
    numbers.resize(static_cast<size_t>(std::min(kPoints, evaluation.made())));
    std::iota(numbers.begin(), numbers.end(), int64_t{0});
  }
  const at::Tensor samples = diagnostics::samples_of_numbers(evaluation, generated, numbers);
  if (evaluation.control.rank() != 0) return std::nullopt;
  const auto values = diagnostics::values_of(samples);
  return pictures ? picture_rows(dataset, lost, values) : plane(dataset, lost, values);
}

}  // namespace allmodes::run
