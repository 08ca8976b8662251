// Exact copies among the generated samples, beside as many real ones (copies.h): a data set may
// hold copies itself.

#include <algorithm>
#include <optional>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/sum_over_ranks.h"
#include "diagnostics/statistics/copies.h"

namespace allmodes::diagnostics {
namespace {

class CopiesCollector final : public Collector {
 public:
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    // The data do not change from one evaluation to the next.
    if (!of_reals_) of_reals_ = of_reals(evaluation);
    std::vector<int64_t> hashes(static_cast<size_t>(evaluation.made()), 0);
    for (const auto& chunk : generated) put(chunk.samples, chunk.first, hashes);
    const CopyFigures figures{.of_samples = counted(evaluation.control, std::move(hashes)),
                              .of_reals = *of_reals_};
    record.set("copies", figures.of_samples.copies);
    record.set("copies_real", figures.of_reals.copies);
    evidence.copies = figures;
  }

 private:
  static void put(const at::Tensor& samples, int64_t first, std::vector<int64_t>& hashes) {
    const auto rows = row_hashes(values_of(samples), samples.numel() / samples.size(0));
    std::ranges::copy(rows, hashes.begin() + first);
  }

  // A sum of one rank's hash and zeros is that hash.
  static Copies counted(world::Communicator& control, std::vector<int64_t> hashes) {
    sum_over_ranks(control, hashes);
    return count_copies({hashes.begin(), hashes.end()});
  }

  static Copies of_reals(const Evaluation& evaluation) {
    // Beyond its end the order of the data begins anew, with copies that are none.
    const int64_t count = std::min(evaluation.made(), evaluation.dataset.size());
    std::vector<int64_t> hashes(static_cast<size_t>(count), 0);
    for_each_chunk(count, evaluation.control, [&](int64_t first, int64_t rows) {
      put(real_samples(evaluation.dataset, evaluation.seed, first, rows), first, hashes);
    });
    return counted(evaluation.control, std::move(hashes));
  }

  std::optional<Copies> of_reals_;
};

constexpr records::Figure kCopiesCollectorFigures[] = {
    {"copies", "samples", "", "copies_real", "that equal another one to the last bit"},
    {"copies_real", "samples", "", "", "among as many reals that equal another one"},
};

}  // namespace

extern const CollectorRow kCopiesCollector{
    .name = "copies",
    .make = [](const CollectorSetup& /*setup*/, const std::shared_ptr<ModeFinder>& /*finder*/)
        -> std::unique_ptr<Collector> { return std::make_unique<CopiesCollector>(); },
    .figures = kCopiesCollectorFigures};

}  // namespace allmodes::diagnostics
