#pragma once

// Mean and covariance of features in place of samples: what published comparisons keep of their
// data.

#include <cstdint>
#include <filesystem>
#include <string>

#include "data/dataset.h"
#include "diagnosis/diagnosis.h"
#include "diagnostics/features/sample_features.h"
#include "diagnostics/metrics/frechet.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {

// Whether a file is such statistics: a .npz with arrays `mu` and `sigma`.
bool is_statistics(const std::string& path);

// Throws kNoInput, and kDataError for other shapes than [d] and [d][d], or numbers that are not
// finite.
diagnostics::Gaussian read_statistics(const std::string& path);

// As pytorch-fid, clean-fid and others read them: `mu` and `sigma`, float64. Throws kCannotCreate.
void write_statistics(const std::filesystem::path& path, const diagnostics::Gaussian& gaussian);

// Features that can be had without reals to fit them on. Collective; throws kUsage.
diagnostics::FeatureMap features_alone(const DiagnoseOptions& options, const data::Dataset& dataset,
                                       world::Communicator& control);

// Collective. Of `count` samples of the data set, all where they are fewer, in a random order of
// `seed`: mean and covariance. Pictures are read 250 at a time.
diagnostics::Gaussian statistics_of(world::Communicator& control, const data::Dataset& dataset,
                                    const diagnostics::FeatureMap& features, int64_t count,
                                    uint64_t seed);

// What can be had of statistics of the data and samples.
struct StatisticsComparison {
  std::string features;
  int64_t samples = 0;
  std::vector<Line> lines;
};

// Collective. Throws kDataError where the statistics are of features of another width.
StatisticsComparison compare_with_statistics(world::Communicator& control,
                                             const std::string& statistics,
                                             const data::Dataset& fakes,
                                             const diagnostics::FeatureMap& features,
                                             const DiagnoseOptions& options);

// The table, and what it lacks, in words; as JSON, whose `state` is null.
std::string to_text(const StatisticsComparison& comparison);
std::string to_json(const StatisticsComparison& comparison);

}  // namespace allmodes::diagnosis
