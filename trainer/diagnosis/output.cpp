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
#include "diagnostics/verdict/lost_rows.h"
#include "records/coloured.h"
#include "records/picture_rows.h"
#include "records/plots.h"
#include "records/terminal.h"
#include "report/page_sections.h"
#include "run/pictures.h"

namespace allmodes::diagnosis {
namespace {

// The state as an exit code; kCollapsed is that of `train --on-collapse stop`.
constexpr int kAtRisk = 2;

constexpr size_t kBars = 64;
constexpr int64_t kNearestPairs = 16;
constexpr int64_t kInventedColumns = 12;
constexpr size_t kInventedShown = 24;

records::PictureRows rows_of_pictures(const data::SampleShape& shape, int64_t columns) {
  return {shape.channels, shape.height, shape.width, columns};
}

std::span<const float> picture_of(const DiagnosedSamples& set, size_t row) {
  const auto width = static_cast<size_t>(set.shape.values());
  return std::span(set.values).subspan(row * width, width);
}

void add_row(const DiagnosedSamples& set, const std::vector<int64_t>& rows,
             records::PictureRows& to) {
  for (const int64_t row : rows) to.add(picture_of(set, static_cast<size_t>(row)));
  to.end_row();
}

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
  auto pictures = rows_of_pictures(reals.shape, std::ssize(order));
  for (const size_t fake : order) pictures.add(picture_of(fakes, fake));
  for (const size_t fake : order)
    pictures.add(picture_of(reals, static_cast<size_t>(diagnosis.nearest_real[fake])));
  album.add("nearest.png", "Samples that lie nearest to a real one, above it", pictures.image());
}

void draw_missing(Album& album, const DiagnosedSamples& reals, const DiagnosedSamples& fakes,
                  const Diagnosis& diagnosis) {
  auto pictures = rows_of_pictures(reals.shape, diagnostics::kLostRows);
  for (const auto& lost : lost_rows(diagnosis.evidence, diagnosis.verdict, reals.labels)) {
    add_row(reals, lost.reals, pictures);
    if (!lost.samples.empty()) add_row(fakes, lost.samples, pictures);
  }
  if (!pictures.empty()) album.add("missing.png", report::kMissingTitle, pictures.image());
}

// Samples where no data is, those that were found first.
void draw_invented(Album& album, const DiagnosedSamples& fakes, const Diagnosis& diagnosis) {
  const auto& found = diagnosis.verdict.witnesses;
  if (std::ranges::none_of(found, [](const auto& w) { return w.kind == "unformed"; })) return;
  auto pictures = rows_of_pictures(fakes.shape, kInventedColumns);
  size_t shown = 0;
  for (size_t i = 0; i < diagnosis.invented.size() && shown < kInventedShown; ++i) {
    if (diagnosis.invented[i] == 0) continue;
    pictures.add(picture_of(fakes, i));
    ++shown;
  }
  if (!pictures.empty()) album.add("invented.png", "Samples where no data is", pictures.image());
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
  if (run::drawable(reals.shape)) {
    draw_missing(album, reals, fakes, diagnosis);
    draw_invented(album, fakes, diagnosis);
    draw_nearest(album, reals, fakes, diagnosis);
  } else if (run::planar(reals.shape)) {
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
