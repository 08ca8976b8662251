// What the codes of a book are used for, over all pictures of an evaluation and all ranks: counts
// of the codes as the encoder finds them, as a whole and by the place in the small image.

#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cmath>

#include "diagnostics/collectors/collector.h"
#include "diagnostics/latents/code_use.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

// Counts by place and code take memory: not kept for more than so many.
constexpr int64_t kMostCounts = int64_t{1} << 22;

class CodeCollector final : public Collector {
 public:
  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    const int64_t codes = evaluation.objective.codes();
    CodeCounts counts{.of_code = std::vector<int64_t>(static_cast<size_t>(codes), 0)};
    for (const auto& chunk : generated) {
      const at::Tensor found =
          evaluation.objective.codes_of(evaluation.forward, chunk.originals.to(evaluation.device))
              .to(at::kCPU)
              .contiguous();
      add(counts, {found.data_ptr<int64_t>(), static_cast<size_t>(found.numel())}, found.size(1),
          kMostCounts);
    }
    sum(counts, evaluation, codes);
    if (counts.pictures == 0) return;
    write(counts, evaluation, record, evidence);
  }

 private:
  // A rank without a chunk has no counts by place.
  static void sum(CodeCounts& counts, const Evaluation& evaluation, int64_t codes) {
    sum_over_ranks(evaluation.control, counts.of_code);
    std::vector<int64_t> sizes{counts.pictures, counts.places, counts.pictures > 0 ? 1 : 0};
    sum_over_ranks(evaluation.control, sizes);
    counts.pictures = sizes[0];
    counts.places = sizes[2] > 0 ? sizes[1] / sizes[2] : 0;
    if (counts.places * codes > kMostCounts) return;
    counts.of_place.resize(static_cast<size_t>(counts.places * codes), 0);
    sum_over_ranks(evaluation.control, counts.of_place);
  }

  static void write(const CodeCounts& counts, const Evaluation& evaluation, records::Record& record,
                    Evidence& evidence) {
    CodeFigures figures = code_figures(counts);
    record.set("codes", figures.codes);
    record.set("codes_used", figures.used);
    record.set("codes_used_expected", figures.expected_used);
    record.set("code_places", figures.places);
    record.set("code_perplexity", figures.perplexity);
    record.set("code_perplexity_floor", expected_perplexity(figures.codes, figures.places));
    if (!counts.of_place.empty())
      record.set("code_entropy_by_place", entropy_by_place(counts.of_place, counts.places));
    const at::Tensor ages = evaluation.objective.code_ages(evaluation.forward);
    if (ages.defined()) {
      const at::Tensor host = ages.to(at::kCPU).contiguous();
      if (const auto dead = ages_of_dead(counts.of_code, values_of(host)); !dead.empty()) {
        figures.dead_for = static_cast<int64_t>(dead.front());
        record.set("dead_code_age_median", dead[dead.size() / 2]);
        record.set("dead_code_age_least", dead.front());
      }
    }
    evidence.codes = figures;
  }
};

constexpr records::Figure kCodeCollectorFigures[] = {
    {"codes", "", "", "", "codes that the book has"},
    {"codes_used", "", "", "codes_used_expected", "codes that some place of some picture has"},
    {"codes_used_expected", "", "", "", "the same of as many draws of equally likely codes"},
    {"code_places", "", "", "", "places of all pictures that a code was found for"},
    {"code_perplexity", "", "[1, codes]", "",
     "exponential of the entropy of the codes' shares; 1: one code for everything"},
    {"code_perplexity_floor", "", "", "",
     "the most that is to be expected: of as many draws of equally likely codes"},
    {"code_entropy_by_place", "nats", ">= 0", "",
     "entropy of the codes at each place of the small image, in rows"},
    {"dead_code_age_median", "steps", ">= 0", "",
     "since a batch had it, of a code that no picture has, median"},
    {"dead_code_age_least", "steps", ">= 0", "",
     "the same of the one whose last use is the latest"},
};

}  // namespace

extern const CollectorRow kCodeCollector{
    .name = "codes",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (setup.objective.codes() == 0 || setup.objective.draws()) return nullptr;
      return std::make_unique<CodeCollector>();
    },
    .figures = kCodeCollectorFigures};

}  // namespace allmodes::diagnostics
