#include "diagnosis/output.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/durable_file.h"
#include "base/error.h"
#include "diagnosis/page.h"
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
constexpr size_t kInventedShown = 24;

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
  records::Image image(size_t columns) const {
    return records::image_grid(pictures_.data(), static_cast<int64_t>(count_), shape_.channels,
                               shape_.height, shape_.width, static_cast<int64_t>(columns));
  }

 private:
  data::SampleShape shape_;
  std::vector<float> pictures_;
  size_t count_ = 0;
};

// The pictures of one folder, with a title each for the page.
class Album {
 public:
  explicit Album(std::filesystem::path folder) : folder_(std::move(folder)) {}

  void add(const std::string& file, const std::string& title, const records::Image& image) {
    records::write_png(folder_ / file, image);
    pictures_.push_back({folder_ / file, title});
  }
  const std::vector<DrawnPicture>& pictures() const { return pictures_; }

 private:
  std::filesystem::path folder_;
  std::vector<DrawnPicture> pictures_;
};

void draw_modes(Album& album, const Diagnosis& diagnosis) {
  const auto& modes = diagnosis.evidence.modes;
  if (!modes || modes->names.size() > kBars) return;
  std::vector<double> expected;
  for (const double share : modes->expected_share)
    expected.push_back(share * static_cast<double>(modes->samples));
  const std::vector<double> observed(modes->observed.begin(), modes->observed.end());
  std::vector<int64_t> missing;
  for (const auto& mode : diagnosis.verdict.missing) missing.push_back(mode.mode);
  album.add("modes.png", "Samples of each class",
            records::bar_chart(modes->names, expected, observed, to_string(diagnosis.verdict.state),
                               missing));
}

// What was learnt by heart stands out.
void draw_nearest(Album& album, const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                  const Diagnosis& diagnosis) {
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
  album.add("nearest.png", "Samples that lie nearest to a real one, above it",
            grid.image(order.size()));
}

void draw_missing(Album& album, const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                  const Diagnosis& diagnosis) {
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
  for (const auto* part : lost_parts(diagnosis.evidence, diagnosis.verdict)) {
    for (const int64_t real : part->reals) grid.add(reals, static_cast<size_t>(real));
    grid.fill(kMissingColumns);
    for (const int64_t fake : part->samples) grid.add(fakes, static_cast<size_t>(fake));
    grid.fill(kMissingColumns);
  }
  if (!grid.empty())
    album.add("missing.png", "Reals of what is missing, over the samples nearest to them",
              grid.image(kMissingColumns));
}

// Samples where no data is, those that were found first.
void draw_invented(Album& album, const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  const auto& found = diagnosis.verdict.witnesses;
  if (std::ranges::none_of(found, [](const auto& w) { return w.kind == "unformed"; })) return;
  Grid grid(fakes.shape);
  size_t shown = 0;
  for (size_t i = 0; i < diagnosis.invented.size() && shown < kInventedShown; ++i) {
    if (diagnosis.invented[i] == 0) continue;
    grid.add(fakes, i);
    ++shown;
  }
  if (!grid.empty())
    album.add("invented.png", "Samples where no data is", grid.image(kMissingColumns));
}

// Reals of the lost parts as crosses.
void draw_plane(Album& album, const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                const Diagnosis& diagnosis) {
  std::vector<float> crosses;
  for (const auto* part : lost_parts(diagnosis.evidence, diagnosis.verdict)) {
    for (const int64_t row : part->reals) {
      const auto real = static_cast<size_t>(row);
      crosses.insert(crosses.end(), {reals.values[2 * real], reals.values[2 * real + 1]});
    }
  }
  album.add("samples.png", "Samples over the reals; crosses: reals of what is missing",
            records::scatter_plot(fakes.values, reals.values, crosses, std::nullopt, {},
                                  "parts that are missing"));
}

// Precision beside recall, density beside coverage: what is lost, and on which side.
void draw_scores(Album& album, const Diagnosis& diagnosis) {
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
  album.add("scores.png", "Precision over recall, density over coverage",
            records::score_planes(planes));
}

void draw_kl(Album& album, const Diagnosis& diagnosis) {
  const auto& kl = diagnosis.kl_per_dimension;
  if (kl.empty() || kl.size() > kBars) return;
  std::vector<std::string> names;
  for (size_t i = 0; i < kl.size(); ++i) names.push_back(fmt::format("{}", i));
  const char* title = "KL per dimension, nats, largest first";
  album.add("kl.png", title, records::bar_chart(names, {}, kl, title));
}

void draw_samples(Album& album, const Diagnosis& diagnosis, const DiagnosedSamples& reals,
                  const DiagnosedSamples& fakes) {
  draw_modes(album, diagnosis);
  draw_scores(album, diagnosis);
  if (drawable(reals.shape)) {
    draw_missing(album, reals, fakes, diagnosis);
    draw_invented(album, fakes, diagnosis);
    draw_nearest(album, reals, fakes, diagnosis);
  } else if (!reals.shape.image && reals.shape.values() == 2) {
    draw_plane(album, reals, fakes, diagnosis);
  }
}

}  // namespace

void print(const Diagnosis& diagnosis, bool verbose) {
  const std::string text =
      to_text(diagnosis, static_cast<size_t>(records::terminal_columns(STDOUT_FILENO)), verbose);
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

void write_diagnosis(const std::filesystem::path& folder, const Diagnosis& diagnosis,
                     const std::optional<ComparedSamples>& compared) {
  write_file_atomically(made_folder(folder) / "diagnosis.json", to_json(diagnosis));
  Album album(folder);
  if (compared) draw_samples(album, diagnosis, compared->reals, compared->fakes);
  draw_kl(album, diagnosis);
  write_file_atomically(folder / "report.html", diagnosis_page(diagnosis, album.pictures()));
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
