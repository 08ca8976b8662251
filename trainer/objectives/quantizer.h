#pragma once

// What a first stage does with the encoder's output, a small image of codes: a Gaussian a value, or
// one of finitely many codes a pixel.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "objectives/objective.h"

namespace allmodes::objectives {

// The network that holds the vectors of a codebook.
inline constexpr const char* kCodebook = "codebook";

struct Quantized {
  at::Tensor image;  // [n, channels, h, w] for the decoder, with its gradient to the encoder
  std::vector<LossTerm> losses;
  std::vector<BufferMean> means;
};

class Quantizer {
 public:
  virtual ~Quantizer() = default;

  // Channels of the encoder's output over those of the decoder's input.
  virtual int64_t outputs() const { return 1; }
  virtual std::vector<NoiseInput> noise() const { return {}; }
  // Networks of its own, and what follows their update.
  virtual std::vector<NetworkSpec> networks() const { return {}; }
  virtual std::vector<Phase::Settling> settling() const { return {}; }

  // In training. `encoded`: [n, outputs() * channels, h, w]. Its gradient is one of the image and
  // one of the losses, so that their sum has the same bits whether both come from one call, or the
  // losses from a later one on what an earlier phase handed on.
  virtual Quantized quantize(const PhaseInput& in, const at::Tensor& encoded) const = 0;
  // In evaluation: what the decoder is given, without noise, [n, channels, h, w].
  virtual at::Tensor code(const Forward& forward, const at::Tensor& encoded) const = 0;
  // The same as rows [n, channels * h * w]; of a Gaussian with its logarithmic variance.
  virtual Objective::Posterior posterior(const Forward& forward, const at::Tensor& encoded) const {
    return {code(forward, encoded).flatten(1), {}};
  }
  // Codes that there are, 0 where a value may be anything; and those of `encoded`, [n, h * w].
  virtual int64_t codes() const { return 0; }
  virtual at::Tensor codes_of(const Forward& forward, const at::Tensor& encoded) const;
  // As Objective::code_ages().
  virtual at::Tensor ages(const Forward& /*forward*/) const { return {}; }
};

// For small images [channels, height, width] of `batch` samples over all ranks; or nothing, with
// its errors added.
std::unique_ptr<Quantizer> make_quantizer(const config::FirstStage& settings,
                                          const networks::Shape& image, int64_t batch,
                                          std::vector<ConfigurationError>& errors);

// The rows [n h w, channels] of images [n, channels, h, w], and back.
at::Tensor pixels_of(const at::Tensor& images);
at::Tensor image_of(const at::Tensor& pixels, at::IntArrayRef shape);

// The nearest of `vectors` [k, d] to each of `points` [m, d] in Euclidean distance, [m]; of equally
// near ones the first.
at::Tensor nearest(const at::Tensor& points, const at::Tensor& vectors);

// What a codebook is after a step. All [codes] or [codes, channels]; in place.
struct CodebookState {
  at::Tensor vectors, average;  // of the current weights and of their moving average
  at::Tensor use;               // running share of the vectors of a batch
  at::Tensor sum;               // running sum of those, over all vectors of a batch
  at::Tensor mass;              // [1], 1 - decay^steps: what `use` sums to
  at::Tensor age;               // steps since the code was used last
};

struct CodebookStep {
  at::Tensor use;        // [codes], shares of this batch's vectors
  at::Tensor candidate;  // [codes, channels], a vector of the batch for each code
};

// `restart_below`: of the vectors of a batch, as a share. `follow_means`: vectors become the
// running means of what was nearest to them (van den Oord et al., arXiv 1711.00937, appendix A.1),
// which of a code that was never used are its first values. A code that falls below the share is
// put where its candidate is, with twice that share.
void settle_codebook(const CodebookState& state, const CodebookStep& step, double restart_below,
                     bool follow_means);

}  // namespace allmodes::objectives
