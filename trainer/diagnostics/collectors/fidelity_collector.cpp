// Reconstructions beside the pictures that they are of: differences, PSNR, SSIM, the family's
// perceptual distance (LPIPS); and whether the discriminator tells the two apart. Of families that do
// not draw, on held-out pictures.

#include <ATen/core/grad_mode.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "config/families.h"
#include "diagnostics/collectors/collector.h"
#include "diagnostics/metrics/picture_likeness.h"
#include "diagnostics/metrics/sum_over_ranks.h"

namespace allmodes::diagnostics {
namespace {

// Sums over pictures, in the order in which they are packed.
enum Sum : size_t {
  kPictures,
  kError,
  kErrorSquare,
  kPsnr,
  kSsim,
  kPerceived,  // pictures whose perceptual distance was measured
  kPerceptual,
  kTold,
  kReal,
  kFake,
  kSums
};

// Pixels whose perceptual distance is measured at once: the first features of LPIPS have 64 channels
// for each of them, of both pictures.
constexpr int64_t kPixelsAtOnce = 1 << 17;

class FidelityCollector final : public Collector {
 public:
  // `first_judged`: the step from which on the discriminator takes part.
  explicit FidelityCollector(uint64_t first_judged) : first_judged_(first_judged) {}

  void collect(const Evaluation& evaluation, const std::vector<GeneratedChunk>& generated,
               records::Record& record, Evidence& evidence) override {
    const at::NoGradGuard no_grad;
    std::vector<double> sums(kSums, 0.0);
    bool judged = false;
    for (const auto& chunk : generated) {
      add_likeness(chunk, sums);
      add_perceptual(evaluation, chunk, sums);
      judged = add_scores(evaluation, chunk, sums) || judged;
    }
    sums.push_back(judged ? 1 : 0);  // a rank without a chunk does not know
    sum_over_ranks(evaluation.control, sums);
    if (sums[kPictures] == 0) return;
    write(sums, record, evidence);
    if (sums.back() > 0) write_scores(evaluation.step, sums, record, evidence);
  }

 private:
  static void add_likeness(const GeneratedChunk& chunk, std::vector<double>& sums) {
    const auto likeness = picture_likeness(chunk.originals, chunk.samples);
    for (size_t i = 0; i < likeness.error.size(); ++i) {
      sums[kError] += likeness.error[i];
      sums[kErrorSquare] += likeness.error[i] * likeness.error[i];
      sums[kPsnr] += likeness.psnr[i];
      sums[kSsim] += likeness.ssim.empty() ? 0 : likeness.ssim[i];
    }
    sums[kPictures] += static_cast<double>(likeness.error.size());
  }

  // Without the weights of its network a run can still be looked at, if not trained.
  void add_perceptual(const Evaluation& evaluation, const GeneratedChunk& chunk,
                      std::vector<double>& sums) {
    if (perceptual_is_lost_) return;
    const at::Tensor& pictures = chunk.originals;
    const int64_t at_once =
        std::max<int64_t>(1, kPixelsAtOnce / (pictures.size(2) * pictures.size(3)));
    try {
      for (int64_t first = 0; first < pictures.size(0); first += at_once) {
        const int64_t count = std::min(at_once, pictures.size(0) - first);
        const auto part = [&](const at::Tensor& of) {
          return of.narrow(0, first, count).to(evaluation.device);
        };
        const at::Tensor distances =
            evaluation.objective.perceptual_distances(part(chunk.samples), part(pictures));
        if (!distances.defined()) return;
        sums[kPerceptual] += distances.to(at::kDouble).sum().item<double>();
        sums[kPerceived] += static_cast<double>(count);
      }
    } catch (const Error& error) {
      perceptual_is_lost_ = true;
      spdlog::warn("reconstruction_perceptual is not measured: {}", error.what());
    }
  }

  // Whether there is a discriminator.
  static bool add_scores(const Evaluation& evaluation, const GeneratedChunk& chunk,
                         std::vector<double>& sums) {
    const auto scores = [&](const at::Tensor& samples) {
      return evaluation.objective.scores_of(evaluation.forward, samples.to(evaluation.device));
    };
    const at::Tensor real = scores(chunk.originals);
    if (!real.defined()) return false;
    const at::Tensor fake = scores(chunk.samples);
    sums[kTold] += real.gt(fake).sum().item<double>();
    sums[kReal] += real.sum().item<double>();
    sums[kFake] += fake.sum().item<double>();
    return true;
  }

  void write(const std::vector<double>& sums, records::Record& record, Evidence& evidence) {
    const double n = sums[kPictures], mean = sums[kError] / n;
    const double variance = std::max(0.0, sums[kErrorSquare] / n - mean * mean);
    record.set("reconstruction_l1", mean);
    record.set("reconstruction_psnr", sums[kPsnr] / n);
    if (sums[kSsim] != 0) record.set("reconstruction_ssim", sums[kSsim] / n);
    if (sums[kPerceived] > 0)
      record.set("reconstruction_perceptual", sums[kPerceptual] / sums[kPerceived]);
    evidence.reconstruction = {.error = mean,
                               .standard_error = std::sqrt(variance / n),
                               .pictures = static_cast<int64_t>(n)};
  }

  void write_scores(uint64_t step, const std::vector<double>& sums, records::Record& record,
                    Evidence& evidence) const {
    const double n = sums[kPictures];
    record.set("logits_real", sums[kReal] / n);
    record.set("logits_fake", sums[kFake] / n);
    record.set("told_apart", sums[kTold] / n);
    if (step <= first_judged_) return;
    evidence.pairs = {.told = static_cast<int64_t>(sums[kTold]), .pairs = static_cast<int64_t>(n)};
  }

  uint64_t first_judged_;
  bool perceptual_is_lost_ = false;
};

constexpr records::Figure kFidelityCollectorFigures[] = {
    {"reconstruction_l1", "", ">= 0", "0",
     "mean absolute difference of reconstructions of held-out pictures from them, values in "
     "[-1, 1]"},
    {"reconstruction_psnr", "dB", "", "",
     "10 log10(1 / mean squared difference), values in [0, 1], mean over pictures"},
    {"reconstruction_ssim", "", "[-1, 1]", "1",
     "structural similarity (Gaussian window of 11 pixels, deviation 1.5), mean over pictures"},
    {"reconstruction_perceptual", "", ">= 0", "0",
     "distance of reconstructions of held-out pictures from them by first_stage.perceptual (LPIPS, "
     "or in features of EfficientNet-Lite0), mean over pictures"},
    {"logits_real", "", "", "", "mean score of the discriminator for held-out pictures"},
    {"logits_fake", "", "", "", "the same for their reconstructions"},
    {"told_apart", "share", "[0, 1]", "0.5",
     "of held-out pictures that the discriminator scores higher than their reconstructions"},
};

}  // namespace

extern const CollectorRow kFidelityCollector{
    .name = "fidelity",
    .make = [](const CollectorSetup& setup,
               const std::shared_ptr<ModeFinder>& /*finder*/) -> std::unique_ptr<Collector> {
      if (setup.objective.draws()) return nullptr;
      const auto* settings = std::get_if<config::FirstStage>(&setup.config.family);
      return std::make_unique<FidelityCollector>(
          settings != nullptr ? static_cast<uint64_t>(settings->discriminator_start) : 0);
    },
    .figures = kFidelityCollectorFigures};

}  // namespace allmodes::diagnostics
