#include "diagnosis/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string_view>

#include "base/durable_file.h"
#include "base/error.h"
#include "records/coloured.h"
#include "records/plots.h"
#include "records/terminal.h"

namespace allmodes::diagnosis {
namespace {

// The state as an exit code; kCollapsed is that of `train --on-collapse stop`.
constexpr int kAtRisk = 2;

constexpr size_t kBars = 64;
constexpr int64_t kNearestPairs = 16;
constexpr size_t kMissingRows = 16;
constexpr size_t kMissingColumns = 12;

bool drawable(const data::SampleShape& shape) {
  return shape.image && (shape.channels == 1 || shape.channels == 3);
}

// A grid of the rows of one set, or of two.
class Grid {
 public:
  explicit Grid(const data::SampleShape& shape) : shape_(shape) {}

  void add(const DiagnosedSamples& set, size_t row) {
    const auto width = static_cast<size_t>(shape_.values());
    const auto part = std::span(set.values).subspan(row * width, width);
    pictures_.insert(pictures_.end(), part.begin(), part.end());
    ++count_;
  }
  // Black up to the end of the line.
  void fill(size_t columns) {
    while (count_ % columns != 0) {
      pictures_.insert(pictures_.end(), static_cast<size_t>(shape_.values()), -1.0F);
      ++count_;
    }
  }
  bool empty() const { return count_ == 0; }
  void write(const std::filesystem::path& path, size_t columns) const {
    records::write_png(
        path, records::image_grid(pictures_.data(), static_cast<int64_t>(count_), shape_.channels,
                                  shape_.height, shape_.width, static_cast<int64_t>(columns)));
  }

 private:
  data::SampleShape shape_;
  std::vector<float> pictures_;
  size_t count_ = 0;
};

void write_modes(const std::filesystem::path& folder, const Diagnosis& diagnosis) {
  const auto& modes = diagnosis.evidence.modes;
  if (!modes || modes->names.size() > kBars) return;
  std::vector<double> expected;
  for (const double share : modes->expected_share)
    expected.push_back(share * static_cast<double>(modes->samples));
  const std::vector<double> observed(modes->observed.begin(), modes->observed.end());
  std::vector<int64_t> missing;
  for (const auto& mode : diagnosis.verdict.missing) missing.push_back(mode.mode);
  records::write_png(folder / "modes.png",
                     records::bar_chart(modes->names, expected, observed,
                                        to_string(diagnosis.verdict.state), missing));
}

// What was learnt by heart stands out.
void write_nearest(const std::filesystem::path& folder, const DiagnosedSamples& reals,
                   const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  std::vector<size_t> order(diagnosis.nearest_square.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return diagnosis.nearest_square[a] < diagnosis.nearest_square[b];
  });
  order.resize(std::min<size_t>(order.size(), kNearestPairs));
  Grid grid(reals.shape);
  for (const size_t fake : order) grid.add(fakes, fake);
  for (const size_t fake : order)
    grid.add(reals, static_cast<size_t>(diagnosis.nearest_real[fake]));
  grid.write(folder / "nearest.png", order.size());
}

// Parts of the data that the samples lack, where the verdict says so; most lost first.
std::vector<const diagnostics::Part*> lost_parts(const Diagnosis& diagnosis) {
  std::vector<const diagnostics::Part*> parts;
  const auto& found = diagnosis.evidence.parts;
  const bool said = std::ranges::any_of(diagnosis.verdict.witnesses, [](const auto& witness) {
    return std::ranges::find(witness.sources, "parts") != witness.sources.end();
  });
  if (!found || !said) return parts;
  for (const auto* list : {&found->missing, &found->starved})
    for (const auto& part : *list) parts.push_back(&part);
  return parts;
}

void write_missing(const std::filesystem::path& folder, const DiagnosedSamples& reals,
                   const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  Grid grid(reals.shape);
  const auto& missing = diagnosis.verdict.missing;
  for (size_t m = 0; m < std::min(kMissingRows, missing.size()) && !reals.labels.empty(); ++m) {
    size_t shown = 0;
    for (size_t i = 0; i < reals.labels.size() && shown < kMissingColumns; ++i) {
      if (reals.labels[i] != missing[m].mode) continue;
      grid.add(reals, i);
      ++shown;
    }
    grid.fill(kMissingColumns);
  }
  // Two lines a part: its reals nearest to the middle, and the samples nearest to there.
  for (const auto* part : lost_parts(diagnosis)) {
    for (const int64_t real : part->reals) grid.add(reals, static_cast<size_t>(real));
    grid.fill(kMissingColumns);
    for (const int64_t fake : part->samples) grid.add(fakes, static_cast<size_t>(fake));
    grid.fill(kMissingColumns);
  }
  if (!grid.empty()) grid.write(folder / "missing.png", kMissingColumns);
}

// Reals of the lost parts as crosses.
void write_plane(const std::filesystem::path& folder, const DiagnosedSamples& reals,
                 const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  std::vector<float> crosses;
  for (const auto* part : lost_parts(diagnosis)) {
    for (const int64_t row : part->reals) {
      const auto real = static_cast<size_t>(row);
      crosses.insert(crosses.end(), {reals.values[2 * real], reals.values[2 * real + 1]});
    }
  }
  records::write_png(folder / "samples.png",
                     records::scatter_plot(fakes.values, reals.values, crosses, std::nullopt, {},
                                           "parts that are missing"));
}

// Precision beside recall, density beside coverage: what is lost, and on which side.
void write_scores(const std::filesystem::path& folder, const Diagnosis& diagnosis) {
  const auto value = [&](std::string_view name) {
    const auto line = std::ranges::find(diagnosis.lines, name, &Line::name);
    return line == diagnosis.lines.end() ? std::nan("") : line->value;
  };
  const records::ScorePlane planes[] = {
      {"recall", "precision", {value("recall"), value("precision")}, std::nullopt},
      {"coverage",
       "density",
       {value("coverage"), value("density")},
       records::ScorePlane::Place{value("coverage_expected"), 1.0}}};
  records::write_png(folder / "scores.png", records::score_planes(planes));
}

}  // namespace

void print(const Diagnosis& diagnosis) {
  const std::string text =
      to_text(diagnosis, static_cast<size_t>(records::terminal_columns(STDOUT_FILENO)));
  // The table of figures names no state; the first that is named is the verdict's.
  fmt::print("{}", records::coloured_for(STDOUT_FILENO, text));
}

std::filesystem::path made_folder(const std::filesystem::path& out) {
  std::error_code failed;
  std::filesystem::create_directories(out, failed);
  if (failed)
    ALLMODES_FAIL(ExitCode::kCannotCreate, "--out {}: {}", out.string(), failed.message());
  return out;
}

void write_diagnosis(const std::filesystem::path& folder, const Diagnosis& diagnosis) {
  write_file_atomically(made_folder(folder) / "diagnosis.json", to_json(diagnosis));
  const auto& kl = diagnosis.kl_per_dimension;
  if (kl.empty() || kl.size() > kBars) return;
  std::vector<std::string> names;
  for (size_t i = 0; i < kl.size(); ++i) names.push_back(fmt::format("{}", i));
  records::write_png(folder / "kl.png",
                     records::bar_chart(names, {}, kl, "KL per dimension, nats, largest first"));
}

void write_pictures(const std::filesystem::path& folder, const Diagnosis& diagnosis,
                    const DiagnosedSamples& reals, const DiagnosedSamples& fakes) {
  write_modes(folder, diagnosis);
  write_scores(folder, diagnosis);
  if (drawable(reals.shape)) {
    write_nearest(folder, reals, fakes, diagnosis);
    write_missing(folder, reals, fakes, diagnosis);
  } else if (!reals.shape.image && reals.shape.values() == 2) {
    write_plane(folder, reals, fakes, diagnosis);
  }
}

int exit_code_of(diagnostics::State state) {
  switch (state) {
    case diagnostics::State::healthy:
      return 0;
    case diagnostics::State::at_risk:
      return kAtRisk;
    case diagnostics::State::collapsed:
      return static_cast<int>(ExitCode::kCollapsed);
  }
  return static_cast<int>(ExitCode::kSoftware);
}

}  // namespace allmodes::diagnosis
