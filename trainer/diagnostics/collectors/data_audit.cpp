#include "diagnostics/collectors/data_audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <span>

#include "data/sampler.h"
#include "diagnostics/verdict/witnesses.h"

namespace allmodes::diagnostics {
namespace {

constexpr uint64_t kAuditSeed = 1;
constexpr int64_t kAuditBlock = 250;         // samples read together
constexpr double kRare = 0.1;                // of the mean number of samples of a class
constexpr double kManyAuditedCopies = 0.01;  // of the samples
constexpr double kSpansFarMore = 1e4;        // than half of the columns

std::string percent(int64_t part, int64_t whole) {
  return fmt::format("{:.3g} %", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

int64_t audited(const data::Dataset& dataset) {
  const int64_t by_numbers = std::max<int64_t>(1, kMostAuditedNumbers / dataset.shape().values());
  return std::min({dataset.size(), kMostAudited, by_numbers});
}

std::vector<double> in_double(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

bool is_constant(std::span<const float> image) {
  return std::ranges::all_of(image, [&](float value) { return value == image.front(); });
}

// Sums over ranks what each finds in its blocks.
struct Findings {
  std::vector<int64_t> hashes;  // [audited], 0 where another rank looked
  std::vector<int64_t> counts;  // [classes + 1]: labels, and the constant images
  std::vector<double> highest;  // [2 * columns] of points: values, and their negatives
};

Findings look(const data::Dataset& dataset, int64_t count, int rank, int ranks) {
  const auto width = static_cast<size_t>(dataset.shape().values());
  Findings found{.hashes = std::vector<int64_t>(static_cast<size_t>(count), 0),
                 .counts = std::vector<int64_t>(static_cast<size_t>(dataset.classes()) + 1, 0),
                 .highest = {}};
  if (!dataset.shape().image)
    found.highest.assign(2 * width, -std::numeric_limits<double>::infinity());
  const data::Sampler order(dataset.size(), kAuditSeed);
  std::vector<int64_t> indices, labels;
  std::vector<float> samples;
  for (int64_t first = rank * kAuditBlock; first < count; first += ranks * kAuditBlock) {
    const auto rows = static_cast<size_t>(std::min(kAuditBlock, count - first));
    indices.resize(rows);
    labels.resize(rows);
    samples.resize(rows * width);
    order.indices(static_cast<uint64_t>(first), std::ssize(indices), indices.data());
    dataset.copy(indices, samples.data(), labels.data());
    std::ranges::copy(row_hashes(samples, static_cast<int64_t>(width)),
                      found.hashes.begin() + first);
    for (size_t i = 0; i < rows; ++i) {
      if (dataset.classes() > 0) ++found.counts[static_cast<size_t>(labels[i])];
      if (dataset.shape().image && is_constant(std::span(samples).subspan(i * width, width)))
        ++found.counts.back();
    }
    if (found.highest.empty()) continue;
    for (size_t i = 0; i < rows; ++i) {
      for (size_t j = 0; j < width; ++j) {
        const auto value = static_cast<double>(samples[i * width + j]);
        found.highest[j] = std::max(found.highest[j], value);
        found.highest[width + j] = std::max(found.highest[width + j], -value);
      }
    }
  }
  return found;
}

void add_label_faults(const DataAudit& audit, std::vector<std::string>& faults) {
  const auto classes = static_cast<double>(audit.labels.size());
  const double mean = static_cast<double>(audit.copies.samples) / std::max(1.0, classes);
  // With so few of each, that one is missing says nothing.
  if (classes < 2 || mean < 10) return;
  std::vector<std::string> empty, rare;
  for (size_t k = 0; k < audit.labels.size(); ++k) {
    const int64_t count = audit.labels[k];
    if (count == audit.copies.samples) {
      faults.push_back(fmt::format("all samples have the label '{}'", audit.class_names[k]));
      return;
    }
    if (count == 0) empty.push_back(audit.class_names[k]);
    if (count > 0 && static_cast<double>(count) < kRare * mean)
      rare.push_back(fmt::format("{}: {}", audit.class_names[k], count));
  }
  if (!empty.empty())
    faults.push_back(fmt::format("{} of {} classes have no sample ({})", empty.size(),
                                 audit.labels.size(), list_of(empty)));
  if (!rare.empty())
    faults.push_back(
        fmt::format("{} of {} classes are rare, with less than a tenth of the mean "
                    "of {:.0f} samples ({})",
                    rare.size(), audit.labels.size(), mean, list_of(rare)));
}

void add_column_faults(const std::vector<double>& spans, std::vector<std::string>& faults) {
  std::vector<double> varying;
  std::ranges::copy_if(spans, std::back_inserter(varying), [](double span) { return span > 0; });
  if (varying.size() < 2) return;
  std::ranges::sort(varying);
  const double middle = varying[(varying.size() - 1) / 2];
  if (varying.back() < kSpansFarMore * middle) return;
  const auto widest = std::ranges::max_element(spans) - spans.begin();
  faults.push_back(
      fmt::format("the values of column {} span {:.2g}, {:.1g} times as much as those of half of "
                  "the columns: the loss is that column's alone; give columns one scale "
                  "(subtract the mean, divide by the deviation)",
                  widest, varying.back(), varying.back() / middle));
}

}  // namespace

DataAudit audit_data(const data::Dataset& dataset, world::Communicator& control, int64_t batch) {
  const int64_t count = audited(dataset);
  Findings found = look(dataset, count, control.rank(), control.size());
  world::all_reduce_host(control, std::span(found.hashes), world::ReduceOp::sum);
  world::all_reduce_host(control, std::span(found.counts), world::ReduceOp::sum);
  if (!found.highest.empty())
    world::all_reduce_host(control, std::span(found.highest), world::ReduceOp::max);
  DataAudit audit{.size = dataset.size(),
                  .class_names = dataset.class_names(),
                  .labels = {},
                  .copies = count_copies({found.hashes.begin(), found.hashes.end()}),
                  .constant = found.counts.back(),
                  .batch = batch,
                  .batch_of_rank = {},
                  .remarks = dataset.remarks(),
                  .columns = {},
                  .spans = {}};
  for (size_t j = 0; j < found.highest.size() / 2; ++j)
    audit.spans.push_back(found.highest[j] + found.highest[j + found.highest.size() / 2]);
  if (const auto* scale = dataset.column_scale()) audit.columns = *scale;
  found.counts.pop_back();
  audit.labels = std::move(found.counts);
  for (int rank = 0; rank < control.size(); ++rank)
    audit.batch_of_rank.push_back(data::share(batch, rank, control.size()).count);
  return audit;
}

std::vector<std::string> data_faults(const DataAudit& audit) {
  const int64_t looked_at = audit.copies.samples;
  std::vector<std::string> faults = audit.remarks;
  add_label_faults(audit, faults);
  if (static_cast<double>(audit.copies.copies) >
      kManyAuditedCopies * static_cast<double>(looked_at))
    faults.push_back(fmt::format("{} of {} samples ({}) equal another one", audit.copies.copies,
                                 looked_at, percent(audit.copies.copies, looked_at)));
  if (audit.constant > 0)
    faults.push_back(fmt::format("{} of {} images ({}) are one colour all over", audit.constant,
                                 looked_at, percent(audit.constant, looked_at)));
  add_column_faults(audit.spans, faults);
  if (audit.size < audit.batch)
    faults.push_back(
        fmt::format("{} samples make no whole batch of {}: every step sees some of "
                    "them twice",
                    audit.size, audit.batch));
  return faults;
}

void fill(const DataAudit& audit, records::Record& record) {
  record.set("dataset_size", audit.size);
  record.set("looked_at", audit.copies.samples);
  if (!audit.labels.empty()) {
    record.set("class_names", audit.class_names);
    record.set("labels", audit.labels);
  }
  if (!audit.columns.names.empty()) {
    record.set("columns", audit.columns.names);
    record.set("column_mean", in_double(audit.columns.mean));
    record.set("column_deviation", in_double(audit.columns.deviation));
  }
  record.set("copies", audit.copies.copies);
  record.set("constant", audit.constant);
  record.set("batch_of_rank", audit.batch_of_rank);
  record.set("faults", data_faults(audit));
}

}  // namespace allmodes::diagnostics
