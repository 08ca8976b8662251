#pragma once

// What is odd about the data itself, looked at once before training: what a generator is blamed for
// should not be what it was shown.

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "diagnostics/statistics/copies.h"
#include "records/figure.h"
#include "records/record.h"
#include "world/communicator.h"

namespace allmodes::diagnostics {

struct DataAudit {
  int64_t size = 0;  // samples of the data set
  std::vector<std::string> class_names;
  std::vector<int64_t> labels;         // [classes], of those looked at; empty when unlabelled
  Copies copies;                       // of those looked at, whose number is copies.samples
  int64_t constant = 0;                // images all of whose numbers are equal
  int64_t batch = 0;                   // global
  std::vector<int64_t> batch_of_rank;  // samples of each rank in a batch
  std::vector<std::string> remarks;    // of whoever read the data set
  data::ColumnScale columns;           // of a table
  // Of points, largest less smallest value of each column [columns], of those looked at.
  std::vector<double> spans;
};

// Of all samples, or of so many, and at most so many numbers, in a fixed random order: about a
// second of one core.
inline constexpr int64_t kMostAudited = 100'000;
inline constexpr int64_t kMostAuditedNumbers = 250'000'000;

// Collective; ranks share the work. The same on every rank, and on any number of them but for
// batch_of_rank.
DataAudit audit_data(const data::Dataset& dataset, world::Communicator& control, int64_t batch);

// What deserves a warning, a sentence each: what was remarked while reading, a class without a
// sample or with less than a tenth of the mean, one class alone, more than 1 % of copies, constant
// images, fewer samples than a batch, a column of points that spans ten thousand times as much as
// half of the others. That a class is rare or missing in the data is no collapse:
// every expectation is the data's own.
std::vector<std::string> data_faults(const DataAudit& audit);

// The fields of the record "data".
void fill(const DataAudit& audit, records::Record& record);

// What fill() writes, beside "copies", which evaluations have too.
inline constexpr records::Figure kDataFigures[] = {
    {"dataset_size", "samples", "", "", "of the data set"},
    {"looked_at", "samples", "", "", "that were looked at before the first step"},
    {"class_names", "names", "", "",
     "of the classes, in the order of labels, class_samples and their kind"},
    {"labels", "samples", "", "", "of each class, among those looked at"},
    {"columns", "names", "", "", "of what each coordinate of a table stands for"},
    {"column_mean", "", "", "", "of a table: what was taken from each column"},
    {"column_deviation", "", "> 0", "", "of a table: what each column was then divided by"},
    {"constant", "images", "", "", "of one colour all over, among those looked at"},
    {"batch_of_rank", "samples", "", "", "of each rank in a batch"},
    {"faults", "", "", "", "what is odd about the data, in sentences that are also warnings"},
};

}  // namespace allmodes::diagnostics
