// Samples beside real ones in a feature space (comparison.h): coverage and spread of each mode, and
// distances, each with its tail under a null that is measured at the first evaluation: real samples
// in place of generated ones, as many, drawn again and again from reals that are not the reference.
//
// The reference, the pool and the draws are functions of the data set alone, the same on every rank
// and in every run. Images are classified once for it, a second or two of one core; their null is
// then kept in the cache, by the data set's fingerprint.
//
// Cost: an evaluation's samples by features, on every rank, and a few million distances.

#include <ATen/core/grad_mode.h>
#include <spdlog/spdlog.h>

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/cache_folder.h"
#include "base/durable_file.h"
#include "diagnostics/collectors/collector.h"
#include "diagnostics/collectors/shown_samples.h"
#include "diagnostics/features/classifier.h"
#include "diagnostics/features/classifier_training.h"
#include "diagnostics/metrics/place_evidence.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/principal.h"
#include "diagnostics/verdict/comparison_evidence.h"

namespace allmodes::diagnostics {
namespace {

constexpr int kRecipe = 5;  // of what is cached: raise it with every change to a figure
constexpr int64_t kFeatures = 8;
constexpr int64_t kPlaceFeatures = 32;  // near each other in 8, pictures are unlike in more of them
constexpr int64_t kProjectionReals = 2000;
constexpr int64_t kReferenceReals = 5000;
constexpr int64_t kPoolReals = 20'000;
constexpr int64_t kFewestReals = 100;

// Of all networks, forward, at the default cadence: who evaluates more often has asked for the
// cost.
double multiply_adds_between_evaluations(const CollectorSetup& setup) {
  double of_a_sample = 0;
  for (const auto& network : setup.objective.networks())
    of_a_sample += static_cast<double>(network.plan.multiply_adds());
  return of_a_sample *
         static_cast<double>(setup.config.batch * config::Diagnostics{}.evaluate_every);
}

class ComparisonCollector final : public Collector {
 public:
  ComparisonCollector(const CollectorSetup& setup, std::shared_ptr<ModeFinder> finder)
      : finder_(std::move(finder)),
        draws_(setup.config.diagnostics.calibration_draws),
        significance_(setup.config.verdict.significance),
        most_looked_at_(most_looked_at(multiply_adds_between_evaluations(setup))),
        comparison_{.reference = {},
                    .nulls = {},
                    .names = finder_ ? finder_->names() : std::vector<std::string>{"the data"},
                    .shares = finder_ ? finder_->shares() : std::vector<double>{1.0}} {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    if (evaluation.dataset.size() < kFewestReals) return;
    const at::NoGradGuard no_grad;
    if (comparison_.nulls.empty()) calibrate(evaluation);
    const Rows rows = features_of(evaluation, generated);
    const FeatureRows& samples = rows.compared;
    if (samples.size() == 0) return;
    comparison_.decoder_means = evaluation.objective.encodes();
    add_comparison(comparison_, samples, significance_, evidence);
    // Means of a decoder lie closer together than the data: in many places they are too few.
    if (evidence.parts && !comparison_.decoder_means)
      add_places_of_run(evaluation.control, places_, {rows.placed, places_.width}, comparison_,
                        {samples.features, samples.width}, significance_, evaluation.seed,
                        evidence);
    for (const CalibratedFigure& figure : evidence.calibrated) {
      record.set(figure.name, figure.value);
      record.set(figure.name + "_null_median", figure.null_median);
      record.set(figure.name + "_log10_p", figure.log10_tail);
    }
    if (evidence.parts) write_parts(*evidence.parts, record);
    if (finder_) evidence.mode_of_real = comparison_.reference.reals.modes;
    // A decoder answers with means, without the noise of its likelihood: of noisy data its samples
    // are narrower by design, which is recorded and not judged.
    if (evidence.parts && evaluation.objective.encodes()) {
      evidence.parts->narrow.clear();
      evidence.parts->width = 1;
    }
    write_modes("coverage", evidence.coverage_by_mode, record);
    write_modes("spread", evidence.spread_by_mode, record);
    write_modes("halves", evidence.halves_by_mode, record);
  }

 private:
  static void write_parts(const PartFindings& found, records::Record& record) {
    const auto names = [](const std::vector<Part>& parts) {
      std::vector<std::string> all;
      for (const Part& part : parts) all.push_back(part.name);
      return all;
    };
    record.set("parts_missing", names(found.missing));
    record.set("parts_starved", names(found.starved));
    record.set("parts_narrow", names(found.narrow));
    record.set("lost_mass", found.lost_mass);
    record.set("lost_mass_at_least", found.lost_mass_low);
    record.set("smallest_loss", found.smallest_loss);
  }

  static void write_modes(const std::string& name, const std::vector<ModeFigure>& modes,
                          records::Record& record) {
    if (modes.empty()) return;
    std::vector<std::string> names;
    std::vector<double> values;
    for (const ModeFigure& mode : modes) {
      names.push_back(mode.name);
      values.push_back(mode.value);
    }
    record.set(name + "_modes", names);
    record.set(name + "_by_mode", values);
  }

  // Nothing is hidden within the modes of a mixture; within classes something may be. Evaluations
  // of an autoencoder of such data already cost what they may (docs/performance.md).
  bool looks_for_parts(const Evaluation& evaluation) const {
    return !finder_ || (evaluation.dataset.mixture() == nullptr && !evaluation.objective.encodes());
  }

  std::vector<int64_t> modes_of(const at::Tensor& samples) const {
    return finder_ ? finder_->find(samples)
                   : std::vector<int64_t>(static_cast<size_t>(samples.size(0)), 0);
  }

  // Samples in the features that figures and parts are measured in, and in those of places.
  struct Rows {
    FeatureRows compared;
    std::vector<float> placed;  // [n][places_.width]
  };

  size_t packed_width() const {
    return static_cast<size_t>(projection_.dimensions + 1 + place_projection_.dimensions);
  }

  // Rows of `total`, of which this rank has filled its chunks, from all ranks.
  Rows gathered(world::Communicator& control, std::vector<double> packed) const {
    sum_over_ranks(control, packed);
    const auto width = static_cast<size_t>(projection_.dimensions);
    Rows rows{.compared = {.width = projection_.dimensions, .features = {}, .modes = {}},
              .placed = {}};
    for (size_t i = 0; i < packed.size(); ++i) {
      const size_t column = i % packed_width();
      if (column == width) {
        rows.compared.modes.push_back(static_cast<int64_t>(packed[i]));
      } else {
        (column < width ? rows.compared.features : rows.placed)
            .push_back(static_cast<float>(packed[i]));
      }
    }
    return rows;
  }

  void put(std::vector<double>& packed, int64_t first, const at::Tensor& samples,
           const std::vector<int64_t>& modes) const {
    const std::vector<float> features = project(projection_, values_of(samples));
    std::vector<float> of_places;
    if (place_projection_.dimensions > 0)
      of_places = project(place_projection_, values_of(samples));
    const auto width = static_cast<std::ptrdiff_t>(projection_.dimensions);
    const auto place_width = static_cast<std::ptrdiff_t>(place_projection_.dimensions);
    auto to = packed.begin() + first * static_cast<std::ptrdiff_t>(packed_width());
    for (std::ptrdiff_t i = 0; i < std::ssize(modes); ++i) {
      to = std::copy_n(features.begin() + i * width, width, to);
      *to++ = static_cast<double>(modes[static_cast<size_t>(i)]);
      to = std::copy_n(of_places.begin() + i * place_width, place_width, to);
    }
  }

  Rows features_of(const Evaluation& evaluation,
                   const std::vector<GeneratedChunk>& generated) const {
    std::vector<double> packed(static_cast<size_t>(evaluation.made()) * packed_width());
    for (const GeneratedChunk& chunk : generated) {
      put(packed, chunk.first, chunk.samples,
          finder_ ? modes_of_chunk(*finder_, chunk) : modes_of(chunk.samples));
    }
    return gathered(evaluation.control, std::move(packed));
  }

  // The reals at [first, first + count) of the data in a fixed order.
  Rows reals(const Evaluation& evaluation, int64_t first, int64_t count) const {
    std::vector<double> packed(static_cast<size_t>(count) * packed_width());
    for_each_chunk(count, evaluation.control, [&](int64_t from, int64_t rows) {
      const at::Tensor samples =
          real_samples(evaluation.dataset, kComparisonSeed, first + from, rows);
      put(packed, from, samples, modes_of(samples));
    });
    return gathered(evaluation.control, std::move(packed));
  }

  void calibrate(const Evaluation& evaluation) {
    const data::Dataset& dataset = evaluation.dataset;
    const int64_t size = dataset.size();
    const at::Tensor some =
        real_samples(dataset, kComparisonSeed, 0, std::min(kProjectionReals, size)).contiguous();
    const auto project_to = [&](int64_t features) {
      return principal_projection(
          values_of(some), dataset.shape().values(), features,
          {.seed = kComparisonSeed, .purpose = Purpose("principal directions")});
    };
    projection_ = project_to(kFeatures);
    const bool has_parts = looks_for_parts(evaluation);
    if (has_parts) place_projection_ = project_to(kPlaceFeatures);
    const int64_t reference = std::min(size / 2, std::max(kReferenceReals, evaluation.made()));
    const int64_t pool = std::min(size - reference, std::max(kPoolReals, 8 * evaluation.made()));
    const int64_t count = std::max<int64_t>(2, std::min(evaluation.made(), pool / 2));
    Rows of_reference = reals(evaluation, 0, reference);
    places_ = {std::move(of_reference.placed), place_projection_.dimensions, most_looked_at_};
    comparison_.reference =
        make_reference(std::move(of_reference.compared), std::ssize(comparison_.names));
    const FeatureRows& rows = comparison_.reference.reals;
    // Squares of what is larger leave single precision; such data cannot be trained on either, and
    // that is what the verdict will say.
    const bool can_be_squared = std::ranges::all_of(
        rows.features, [](float value) { return std::abs(value) <= kLargestFeature; });
    if (has_parts && can_be_squared)
      comparison_.reference.parts = make_part_reference({rows.features, rows.width});
    const auto cache = cache_folder("calibrations");
    const auto file =
        cache ? *cache / file_name(dataset, {reference, pool, count}) : std::filesystem::path();
    auto values = read_cache(evaluation.control, file);
    if (!values) {
      const bool images = dataset.shape().image;
      if (images && evaluation.control.rank() == 0)
        spdlog::info("calibrating the verdict: {} times {} real samples beside {} others", draws_,
                     count, reference);
      values = draw(evaluation.control, reals(evaluation, reference, pool).compared, count);
      if (images && cache && evaluation.control.rank() == 0) write_cache(file, *values);
    }
    for (size_t i = 0; i < figures().size(); ++i)
      comparison_.nulls.emplace_back(as_fresh((*values)[i], count, pool), figures()[i].worse);
  }

  // [figures][draws], each rank every so many.
  std::vector<std::vector<double>> draw(world::Communicator& control, const FeatureRows& pool,
                                        int64_t count) const {
    const auto draws = static_cast<size_t>(draws_);
    std::vector<double> packed(figures().size() * draws, 0.0);
    for (auto i = static_cast<size_t>(control.rank()); i < draws; i += size_t(control.size())) {
      const auto values = null_draw(pool, comparison_.reference, count, kComparisonSeed, i);
      for (size_t f = 0; f < values.size(); ++f) packed[f * draws + i] = values[f];
    }
    sum_over_ranks(control, packed);
    std::vector<std::vector<double>> values;
    for (size_t f = 0; f < figures().size(); ++f) {
      const auto from = packed.begin() + static_cast<std::ptrdiff_t>(f * draws);
      values.emplace_back(from, from + static_cast<std::ptrdiff_t>(draws));
    }
    return values;
  }

  // It holds all that the draws depend on: data, recipe, modes, and the rows of each kind.
  std::string file_name(const data::Dataset& dataset, const std::array<int64_t, 3>& rows) const {
    return fmt::format("{:016x}-{}-{}-{}-{}-{}.json", dataset.fingerprint(), kRecipe,
                       finder_ ? kClassifierRecipe : 0, comparison_.names.size(),
                       fmt::join(rows, "-"), draws_);
  }

  // Rank 0's file, on every rank; nothing where there is none that fits, or no name of one.
  std::optional<std::vector<std::vector<double>>> read_cache(
      world::Communicator& control, const std::filesystem::path& file) const {
    const auto draws = static_cast<size_t>(draws_);
    std::vector<double> packed(figures().size() * draws + 1, 0.0);
    std::error_code ignored;
    if (control.rank() == 0 && std::filesystem::exists(file, ignored)) {
      try {
        const auto json = nlohmann::json::parse(read_file(file));
        size_t at = 0;
        for (const Figure& figure : figures()) {
          const auto values = json.at(figure.name).get<std::vector<double>>();
          if (values.size() != draws)
            ALLMODES_FAIL(ExitCode::kDataError, "{} draws", values.size());
          std::ranges::copy(values, packed.begin() + static_cast<std::ptrdiff_t>(at));
          at += draws;
        }
        packed.back() = 1;
      } catch (const std::exception& error) {
        spdlog::warn("the cached calibration '{}' is not used: {}", file.string(), error.what());
        std::ranges::fill(packed, 0.0);
      }
    }
    sum_over_ranks(control, packed);
    if (packed.back() == 0) return std::nullopt;
    std::vector<std::vector<double>> values;
    for (size_t f = 0; f < figures().size(); ++f) {
      const auto from = packed.begin() + static_cast<std::ptrdiff_t>(f * draws);
      values.emplace_back(from, from + static_cast<std::ptrdiff_t>(draws));
    }
    return values;
  }

  static void write_cache(const std::filesystem::path& file,
                          const std::vector<std::vector<double>>& values) {
    try {
      prepare_cache_folder(file.parent_path());
      nlohmann::json json;
      for (size_t f = 0; f < figures().size(); ++f) json[figures()[f].name] = values[f];
      write_file_atomically(file, json.dump());
    } catch (const std::exception& error) {
      spdlog::warn("the calibration is not cached: {}", error.what());
    }
  }

  std::shared_ptr<ModeFinder> finder_;
  int64_t draws_;
  double significance_;
  int64_t most_looked_at_;
  Projection projection_;
  Projection place_projection_;  // where parts are looked for
  PlaceReference places_;        // likewise
  Comparison comparison_;        // without nulls until it is calibrated
};

constexpr records::Figure kComparisonCollectorFigures[] = {
    {"lowest_coverage", "share", "[0, 1]", "lowest_coverage_null_median",
     "coverage of the least covered mode"},
    {"on_data", "share", "[0, 1]", "on_data_null_median",
     "of samples in the ball of some real, to its 5th nearest"},
    {"spread_deficit", "", "", "spread_deficit_null_median",
     "(1 - spread) in units of its sampling error, of the worst mode"},
    {"half_deficit", "", "", "half_deficit_null_median",
     "(1 - share of a half) in units of its sampling error, of the worst mode"},
    {"distance_ratio", "", ">= 0", "1", "median distance of two samples over that of two reals"},
    {"near_duplicates", "share", "[0, 1]", "0.01",
     "of samples as near to another one as the nearest hundredth of reals are"},
    {"local_shortage", "share", "[-1, 1]", "0; measured",
     "of reals around which there are far too few samples, by walks from neighbour to neighbour, "
     "less that of samples: a part that is made too rarely; of a run, of data that are no mixture"},
    {"local_surplus", "share", "[-1, 1]", "0; measured",
     "the same of samples around which there are far too few reals, beyond what is too many for "
     "local_shortage"},
    {"local_loss", "share", "[-1, 1]", "0; measured",
     "of reals around which there are hardly any samples, less that of samples: a part that is not "
     "made; of a run, of data that are no mixture"},
    {"local_excess", "share", "[-1, 1]", "0; measured",
     "of samples around which there are hardly any reals, less that of reals"},
    {"FIGURE_null_median", "", "", "",
     "median of FIGURE for real samples in place of generated ones"},
    {"FIGURE_log10_p", "", "<= 0", "",
     "log10 of the chance that real samples have this value of FIGURE or a worse one"},
    {"coverage_modes", "names", "", "", "of the modes of coverage_by_mode"},
    {"coverage_by_mode", "share", "[0, 1]", "lowest_coverage_null_median or more",
     "of the reals of a mode in whose ball, to the 5th nearest real, a sample lies"},
    {"spread_modes", "names", "", "", "of the modes of spread_by_mode"},
    {"spread_by_mode", "", ">= 0", "1",
     "variance of a mode over that of its reals, in the direction in which it falls shortest"},
    {"halves_modes", "names", "", "", "of the modes of halves_by_mode"},
    {"halves_by_mode", "", "[0, 1]", "1",
     "share of samples in the half of a mode that has fewest, over that of the reals"},
    {"parts_missing", "names", "", "none",
     "of parts of the data without samples, of data that are no mixture"},
    {"parts_starved", "names", "", "none", "of parts of the data with far too few samples"},
    {"parts_narrow", "names", "", "none",
     "of parts of the data that are made narrower than they are"},
    {"lost_mass", "share", "[0, 1]", "0", "of the data that samples lack"},
    {"lost_mass_at_least", "share", "[0, 1]", "0", "lower confidence bound of lost_mass"},
    {"smallest_loss", "share", "[0, 1]", "",
     "of the data whose loss would have been found with 99 %, if it stands apart"},
};

}  // namespace

extern const CollectorRow kComparisonCollector{
    .name = "comparison",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& finder) -> std::unique_ptr<Collector> {
      return std::make_unique<ComparisonCollector>(setup, finder);
    },
    .figures = kComparisonCollectorFigures};

}  // namespace allmodes::diagnostics
