#pragma once

// What `allmodes diagnose` reads: samples in any of the formats, as [rows][values] numbers.

#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "diagnostics/statistics/copies.h"

namespace allmodes::diagnosis {

// Whatever training reads as the data set "files" (data/files.h): pictures in folders and archives,
// arrays, idx. `labels` (may be empty): a file of classes of an array; a folder's classes are its
// subfolders. Throws kNoInput, kDataError (data::NonFinite where numbers are none).
std::unique_ptr<data::Dataset> read_samples(const std::string& path, const std::string& labels);

// "images 1 x 28 x 28", "points in 2 dimensions".
std::string shape_text(const data::SampleShape& shape);

struct SamplePair {
  std::unique_ptr<data::Dataset> reals;
  std::unique_ptr<data::Dataset> fakes;
  std::vector<std::string> remarks;  // what was found while reading, "the fakes: ..."
};

// Reals and fakes that can be compared: where one array was taken for images and the other, of as
// many numbers, for points, both are points; of one range, since only images are brought to
// another. Throws as read_samples(), and kDataError with the remedy for samples of different sizes,
// ranges or numbers of channels. `fake_labels` (may be empty): classes that were asked for, of an
// array.
SamplePair read_pair(const std::string& real, const std::string& labels, const std::string& fake,
                     const std::string& fake_labels = "");

struct DiagnosedSamples {
  std::string source = {};
  data::SampleShape shape = {};
  std::vector<float> values = {};    // [count][shape.values()]
  std::vector<int64_t> labels = {};  // [count], empty when unlabelled
  std::vector<std::string> class_names = {};
  int64_t count = 0;
  std::vector<int64_t> indices = {};     // [count], in the data set; empty: all of it, in order
  std::vector<float> own_features = {};  // [count][width], of read_own_features()
};

// Samples that are compared with `like` later, as points where those are. Throws as read_pair().
std::unique_ptr<data::Dataset> read_like(const std::string& path, const DiagnosedSamples& like);

// `count` of the samples from `first` on (at most all there are), in a fixed random order of
// `seed`.
DiagnosedSamples choose_samples(const data::Dataset& dataset, const std::string& source,
                                int64_t count, uint64_t seed, int64_t first = 0);

// Features that somebody has computed, a row a sample, in the order of the data set (pictures of a
// folder: of their names). Rows of both sets' chosen samples become their own_features; returns how
// many numbers a row has. Throws kNoInput, kDataError where rows and samples are not as many, or
// the two have rows of different lengths, or numbers that are not finite.
int64_t read_own_features(const std::string& real, const data::Dataset& reals,
                          DiagnosedSamples& chosen_reals, const std::string& fake,
                          const data::Dataset& fakes, DiagnosedSamples& chosen_fakes);

// How many of the samples equal another one to the last bit.
diagnostics::Copies copies_of(const DiagnosedSamples& samples);

// Sentences on what the two sets' numbers do not have in common although samples of one range
// would: fakes without a dark pixel, fakes each stretched to its own smallest and largest value,
// both of images; reals of which many are there more than once where fakes are not, or that are all
// equal.
std::vector<std::string> remarks_on_sets(const DiagnosedSamples& reals,
                                         const DiagnosedSamples& fakes);

}  // namespace allmodes::diagnosis
