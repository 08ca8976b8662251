#include "diagnosis/inputs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/error.h"
#include "data/formats/array_file.h"
#include "data/sampler.h"

namespace allmodes::diagnosis {
namespace {

config::Data data_of(const std::string& path, const std::string& labels) {
  config::Data data;
  data.dataset = "files";
  data.path = path;
  data.labels = labels;
  data.cache = "memory";
  return data;
}

std::string remedy_of(const data::SampleShape& real, const data::SampleShape& fake) {
  if (!real.image || !fake.image) return "save both with as many numbers a sample, in one order";
  if (real.height != fake.height || real.width != fake.width)
    return (
        "bring the larger to the size of the smaller as the model's training did (cut off what was "
        "padded, or resize with the same filter): resizing otherwise decides the figures");
  return real.channels == 1 || fake.channels == 1
             ? "average the channels of the colour images (x.mean over the channels), or repeat "
               "the "
               "grey one three times"
             : "leave out the channel that only one of them has";
}

void require_one_shape(const data::SampleShape& reals, const std::string& real,
                       const data::SampleShape& fakes, const std::string& fake) {
  if (reals == fakes) return;
  ALLMODES_FAIL(ExitCode::kDataError, "{} holds {}, {} holds {}: one shape was expected; {}", real,
                shape_text(reals), fake, shape_text(fakes), remedy_of(reals, fakes));
}

// The rows of the chosen samples; how many numbers one has.
int64_t take_rows(const std::string& path, const data::Dataset& dataset, DiagnosedSamples& chosen) {
  auto array = data::open_array(path);
  const auto shape = array.shape;
  if (shape.size() != 2 || static_cast<int64_t>(shape[0]) != dataset.size() || shape[1] < 1)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{} is an array of [{}]; a row of features for each of the {} samples of {} was "
                  "expected",
                  path, fmt::join(shape, ", "), dataset.size(), chosen.source);
  const auto values = data::read_float_array(array);
  const auto width = static_cast<size_t>(shape[1]);
  for (const int64_t index : chosen.indices) {
    const auto row = std::span(values).subspan(static_cast<size_t>(index) * width, width);
    if (!std::ranges::all_of(row, [](float value) { return std::isfinite(value); }))
      ALLMODES_FAIL(ExitCode::kDataError, "{}: row {} has numbers that are not finite", path,
                    index);
    chosen.own_features.insert(chosen.own_features.end(), row.begin(), row.end());
  }
  return static_cast<int64_t>(width);
}

// Of reals that are one point, or of which many are there more than once and the fakes are not:
// each row then stands for others that were not drawn by themselves.
void add_copies(const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                std::vector<std::string>& remarks) {
  constexpr double kMany = 0.05;
  constexpr double kFewer = 0.2;  // of the fakes, over those of the reals
  if (reals.count < 2) return;
  const auto of_reals = copies_of(reals);
  if (of_reals.repeats + 1 == reals.count) {
    remarks.push_back(fmt::format("all {} reals are equal: the data are one point", reals.count));
    return;
  }
  const auto of_fakes = copies_of(fakes);
  const double among_reals =
      static_cast<double>(of_reals.copies) / static_cast<double>(reals.count);
  const double among_fakes =
      static_cast<double>(of_fakes.copies) / static_cast<double>(std::max<int64_t>(1, fakes.count));
  if (among_reals < kMany || among_fakes > kFewer * among_reals) return;
  remarks.push_back(fmt::format(
      "{} of {} reals equal another one, {} of {} fakes do: where rows of the data are there more "
      "than once by mistake, leave them out; the comparison takes each for one that was drawn",
      of_reals.copies, reals.count, of_fakes.copies, fakes.count));
}

struct Extremes {
  float low = 0;
  float high = 0;
  double stretched = 0;  // share of the samples that reach both
};

Extremes extremes_of(const DiagnosedSamples& samples) {
  const auto [low, high] = std::ranges::minmax(samples.values);
  const auto width = static_cast<size_t>(samples.shape.values());
  int64_t stretched = 0;
  for (size_t at = 0; at < samples.values.size(); at += width) {
    const auto [least, most] = std::ranges::minmax(std::span(samples.values).subspan(at, width));
    stretched += least == low && most == high ? 1 : 0;
  }
  return {low, high, static_cast<double>(stretched) / static_cast<double>(samples.count)};
}

// What numbers that may be pictures' mean: their range, where it is one of the usual ones.
std::string range_of(std::span<const float> values) {
  const auto [low, high] = std::ranges::minmax(values);
  const bool whole = std::ranges::all_of(values, [](float v) { return v == std::floor(v); });
  if (whole && low >= 0 && high > 1 && high <= 255) return "0 to 255";
  if (low >= 0 && high <= 1) return "0 to 1";
  if (low >= -1 && high <= 1) return "-1 to 1";
  return "";
}

// An array of pictures and one whose pictures were flattened, both read as points: that their
// numbers have one range is not certain, since a range is only brought to another one of images.
void require_one_range(const data::Dataset& reals, const std::string& real,
                       const data::Dataset& fakes, const std::string& fake,
                       const data::SampleShape& image) {
  constexpr int64_t kLooked = 256;
  const std::string of_reals = range_of(choose_samples(reals, real, kLooked, 1).values);
  const std::string of_fakes = range_of(choose_samples(fakes, fake, kLooked, 1).values);
  if (of_reals == of_fakes) return;
  const auto words = [](const std::string& range) { return range.empty() ? "another" : range; };
  ALLMODES_FAIL(
      ExitCode::kDataError,
      "{} has numbers of the range {}, {} of {}, and one of them is flat: pictures of one "
      "range or of one shape were expected; save the flat one with the shape it had, "
      "x.reshape(-1, {}, {}, {}) or x.reshape(-1, {}, {}, {})",
      real, words(of_reals), fake, words(of_fakes), image.channels, image.height, image.width,
      image.height, image.width, image.channels);
}

}  // namespace

std::string shape_text(const data::SampleShape& shape) {
  return shape.image ? fmt::format("images {} x {} x {}", shape.channels, shape.height, shape.width)
                     : fmt::format("points in {} dimensions", shape.channels);
}

std::unique_ptr<data::Dataset> read_samples(const std::string& path, const std::string& labels) {
  return data::make_dataset(data_of(path, labels), 1);
}

SamplePair read_pair(const std::string& real, const std::string& labels, const std::string& fake,
                     const std::string& fake_labels) {
  SamplePair pair;
  pair.reals = read_samples(real, labels);
  pair.fakes = read_samples(fake, fake_labels);
  const auto is_image = [](const auto& set) { return set->shape().image; };
  if (is_image(pair.reals) != is_image(pair.fakes) &&
      pair.reals->shape().values() == pair.fakes->shape().values()) {
    const bool real_image = is_image(pair.reals);
    const data::SampleShape image = (real_image ? pair.reals : pair.fakes)->shape();
    config::Data data = data_of(real_image ? real : fake, real_image ? labels : fake_labels);
    data.layout = "points";
    (real_image ? pair.reals : pair.fakes) = data::make_dataset(data, 1);
    require_one_range(*pair.reals, real, *pair.fakes, fake, image);
    pair.remarks.push_back(fmt::format("{} is read as points, as the other set is", data.path));
  }
  require_one_shape(pair.reals->shape(), real, pair.fakes->shape(), fake);
  for (const auto& remark : pair.reals->remarks()) pair.remarks.push_back("the reals: " + remark);
  for (const auto& remark : pair.fakes->remarks()) pair.remarks.push_back("the fakes: " + remark);
  return pair;
}

std::unique_ptr<data::Dataset> read_like(const std::string& path, const DiagnosedSamples& like) {
  auto dataset = read_samples(path, "");
  if (dataset->shape().image && !like.shape.image &&
      dataset->shape().values() == like.shape.values()) {
    config::Data data = data_of(path, "");
    data.layout = "points";
    dataset = data::make_dataset(data, 1);
  }
  require_one_shape(like.shape, like.source, dataset->shape(), path);
  return dataset;
}

DiagnosedSamples choose_samples(const data::Dataset& dataset, const std::string& source,
                                int64_t count, uint64_t seed, int64_t first) {
  DiagnosedSamples samples{.source = source,
                           .shape = dataset.shape(),
                           .values = {},
                           .labels = {},
                           .class_names = dataset.class_names(),
                           .count = std::min(count, dataset.size() - first)};
  const auto rows = static_cast<size_t>(samples.count);
  std::vector<int64_t> indices(rows);
  data::Sampler(dataset.size(), seed)
      .indices(static_cast<uint64_t>(first), samples.count, indices.data());
  samples.values.resize(rows * static_cast<size_t>(samples.shape.values()));
  if (dataset.classes() > 0) samples.labels.resize(rows);
  dataset.copy(indices, samples.values.data(),
               samples.labels.empty() ? nullptr : samples.labels.data());
  samples.indices = std::move(indices);
  return samples;
}

int64_t read_own_features(const std::string& real, const data::Dataset& reals,
                          DiagnosedSamples& chosen_reals, const std::string& fake,
                          const data::Dataset& fakes, DiagnosedSamples& chosen_fakes) {
  const int64_t width = take_rows(real, reals, chosen_reals);
  const int64_t other = take_rows(fake, fakes, chosen_fakes);
  if (width != other)
    ALLMODES_FAIL(ExitCode::kDataError,
                  "{} has rows of {} numbers, {} of {}: features of one kind were expected", real,
                  width, fake, other);
  return width;
}

diagnostics::Copies copies_of(const DiagnosedSamples& samples) {
  return diagnostics::count_copies(diagnostics::row_hashes(samples.values, samples.shape.values()));
}

std::vector<std::string> remarks_on_sets(const DiagnosedSamples& reals,
                                         const DiagnosedSamples& fakes) {
  // A few samples may reach both ends by themselves, a fixed pattern may in all; both sets then do.
  constexpr double kMost = 0.95;
  constexpr double kFew = 0.5;
  constexpr float kDark = -0.5F;
  std::vector<std::string> remarks;
  add_copies(reals, fakes, remarks);
  if (!reals.shape.image || reals.count < 2 || fakes.count < 2) return remarks;
  const Extremes real = extremes_of(reals);
  const Extremes fake = extremes_of(fakes);
  const auto compare_low = [&](const char* one, const Extremes& a, const char* other,
                               const Extremes& b) {
    if (a.low >= -1e-3F && a.high > a.low && b.low < kDark)
      remarks.push_back(
          fmt::format("the {}' smallest value is {:.2f}, the {}' is {:.2f}: are the {} "
                      "in [0, 1]?",
                      one, a.low, other, b.low, one));
  };
  compare_low("fakes", fake, "reals", real);
  compare_low("reals", real, "fakes", fake);
  const auto compare_stretch = [&](const char* one, const Extremes& a, const char* other,
                                   const Extremes& b) {
    if (a.stretched > kMost && b.stretched < kFew)
      remarks.push_back(
          fmt::format("{:.0f} % of the {} reach exactly from {:.3g} to {:.3g}, of the "
                      "{} {:.0f} %: was each stretched to its own smallest and largest "
                      "value? Save them as the model gave them",
                      100 * a.stretched, one, a.low, a.high, other, 100 * b.stretched));
  };
  compare_stretch("fakes", fake, "reals", real);
  compare_stretch("reals", real, "fakes", fake);
  return remarks;
}

}  // namespace allmodes::diagnosis
