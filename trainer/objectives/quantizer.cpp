#include "objectives/quantizer.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include <cmath>

#include "base/error.h"
#include "objectives/autoencoder.h"

namespace allmodes::objectives {
namespace {

constexpr const char* kPosteriorOfPixels = "posterior";
constexpr const char* kRestart = "restart";

// `value`, through which the gradient of `source` passes unchanged (Bengio et al., arXiv
// 1308.3432).
at::Tensor straight_through(const at::Tensor& value, const at::Tensor& source) {
  return value.detach() + (source - source.detach());
}

class GaussianPixels final : public Quantizer {
 public:
  GaussianPixels(const config::FirstStage& settings, networks::Shape image)
      : image_(std::move(image)), weight_(settings.kl_weight) {}

  int64_t outputs() const override { return 2; }
  std::vector<NoiseInput> noise() const override { return {{kPosteriorOfPixels, image_}}; }
  Quantized quantize(const PhaseInput& in, const at::Tensor& encoded) const override {
    const at::Tensor kl = kl_to_normal(halves_of(encoded)).flatten(1).sum(1).mean();
    return {sample_posterior(halves_of(encoded), in.noise(kPosteriorOfPixels)),
            {{"kl", kl, weight_ / static_cast<double>(in.samples[0].numel())}},
            {}};
  }
  at::Tensor code(const Forward&, const at::Tensor& encoded) const override {
    return encoded.chunk(2, 1)[0];
  }
  Objective::Posterior posterior(const Forward&, const at::Tensor& encoded) const override {
    const Objective::Posterior q = halves_of(encoded);
    return {q.mean.flatten(1), q.log_variance.flatten(1)};
  }

 private:
  // Mean and ln sigma^2, which is kept where its exponential is a number (as arXiv 2112.10752's).
  static Objective::Posterior halves_of(const at::Tensor& encoded) {
    const auto halves = encoded.chunk(2, 1);
    return {halves[0], halves[1].clamp(-30, 20)};
  }

  networks::Shape image_;
  double weight_;
};

// Vectors of a codebook (van den Oord et al., arXiv 1711.00937).
class VectorCodes final : public Quantizer {
 public:
  VectorCodes(const config::FirstStage& settings, const networks::Shape& image, int64_t batch)
      : settings_(settings), places_(image[1] * image[2]), vectors_(batch * places_) {}

  std::vector<NoiseInput> noise() const override {
    if (settings_.restart_below == 0) return {};
    return {
        {.name = kRestart, .shape = {settings_.codes}, .distribution = "uniform", .shared = true}};
  }

  // First vectors are U(-1 / codes, 1 / codes). Buffers as in Buffer.
  std::vector<NetworkSpec> networks() const override {
    const int64_t codes = settings_.codes, channels = settings_.channels;
    const double rate = 1 - settings_.codebook_decay;
    networks::Plan plan;
    plan.input = plan.output = {channels};
    plan.parameters = {{"weight", {codes, channels}, networks::Init::kFanIn, codes * codes}};
    plan.buffers = {{.name = "use", .shape = {codes}, .momentum = rate},
                    {.name = "sum", .shape = {codes, channels}, .momentum = rate},
                    {.name = "mass", .shape = {1}, .momentum = rate},
                    {.name = "age", .shape = {codes}, .momentum = 1.0},
                    {.name = "candidate", .shape = {codes, channels}, .momentum = 1.0}};
    config::Optimizer optimizer = settings_.optimizer;
    optimizer.weight_decay = 0;  // a vector has no reason to be small
    return {{kCodebook, std::move(plan), optimizer}};
  }

  std::vector<Phase::Settling> settling() const override {
    return {{kCodebook, [this](const UpdatedNetwork& codebook) { settle(codebook); }}};
  }

  Quantized quantize(const PhaseInput& in, const at::Tensor& encoded) const override {
    const at::Tensor vectors = in.forward.weights(kCodebook)[0];
    const at::Tensor points = pixels_of(encoded);
    const at::Tensor codes = nearest(points.detach(), vectors.detach());
    const at::Tensor found = at::embedding(vectors, codes);
    Quantized out{straight_through(image_of(found, encoded.sizes()), encoded), {}, {}};
    if (settings_.codebook == "gradient")
      out.losses.push_back({"codebook", (found - points.detach()).square().mean()});
    out.losses.push_back(
        {"commitment", (points - found.detach()).square().mean(), settings_.commitment});
    add_means(in, points.detach(), codes, out);
    return out;
  }
  at::Tensor code(const Forward& forward, const at::Tensor& encoded) const override {
    const at::Tensor vectors = forward.weights(kCodebook)[0];
    return image_of(at::embedding(vectors, nearest(pixels_of(encoded), vectors)), encoded.sizes());
  }
  int64_t codes() const override { return settings_.codes; }
  at::Tensor ages(const Forward& forward) const override {
    return forward.buffers(kCodebook)[kAge];
  }
  at::Tensor codes_of(const Forward& forward, const at::Tensor& encoded) const override {
    return nearest(pixels_of(encoded), forward.weights(kCodebook)[0]).view({encoded.size(0), -1});
  }

 private:
  enum Buffer : size_t { kUse, kSum, kMass, kAge, kCandidate };

  void add_means(const PhaseInput& in, const at::Tensor& points, const at::Tensor& codes,
                 Quantized& out) const {
    const at::Tensor each = codes.unsqueeze(1)
                                .eq(at::arange(settings_.codes, codes.options()))
                                .to(points.scalar_type());
    const auto add = [&](Buffer buffer, const at::Tensor& value) {
      out.means.push_back({kCodebook, buffer, value});
    };
    add(kUse, each.mean(0));
    add(kSum, at::matmul(each.t(), points) / static_cast<double>(points.size(0)));
    add(kMass, at::ones({1}, points.options()));
    if (settings_.restart_below == 0) return;
    // For each code one vector of the whole batch, of which this part may or may not be the owner.
    const double all = static_cast<double>(in.batch * places_);
    const at::Tensor chosen = (in.noise(kRestart)[0].to(at::kDouble) * all).floor().to(at::kLong);
    const at::Tensor here = chosen - in.first * places_;
    const at::Tensor owned =
        here.ge(0).logical_and(here.lt(points.size(0))).to(points.scalar_type());
    // The mean over the parts is the owner's vector: the others have zeros.
    const at::Tensor share = owned * (all / static_cast<double>(points.size(0)));
    add(kCandidate, points.index_select(0, here.clamp(0, points.size(0) - 1)) * share.unsqueeze(1));
  }

  void settle(const UpdatedNetwork& of) const {
    const CodebookState state{of.weights[0],    of.averages[0],    of.buffers[kUse],
                              of.buffers[kSum], of.buffers[kMass], of.buffers[kAge]};
    CodebookStep step{of.means[kUse], {}};
    double below = 0;
    if (settings_.restart_below > 0) {
      step.candidate = of.means[kCandidate];
      below = settings_.restart_below;
    }
    settle_codebook(state, step, below / static_cast<double>(vectors_),
                    settings_.codebook == "ema");
  }

  config::FirstStage settings_;
  int64_t places_;   // of a small image
  int64_t vectors_;  // of a global batch
};

// Each value rounded to one of its levels (Mentzer et al., "Finite scalar quantization", arXiv
// 2309.15505, appendix A.1; with the shift that takes 0 to the middle exactly).
class ScalarLevels final : public Quantizer {
 public:
  explicit ScalarLevels(const config::FirstStage& settings) : levels_(settings.levels) {}

  Quantized quantize(const PhaseInput&, const at::Tensor& encoded) const override {
    const at::Tensor bounded = bound(encoded);
    return {straight_through(bounded.round(), bounded) / half_width(encoded), {}, {}};
  }
  at::Tensor code(const Forward&, const at::Tensor& encoded) const override {
    return bound(encoded).round() / half_width(encoded);
  }
  int64_t codes() const override {
    int64_t product = 1;
    for (const int64_t levels : levels_) product *= levels;
    return product;
  }
  at::Tensor codes_of(const Forward&, const at::Tensor& encoded) const override {
    const at::Tensor digits = (bound(encoded).round() + half_width(encoded)).to(at::kLong);
    at::Tensor code = at::zeros_like(digits.select(1, 0));
    int64_t place = 1;
    for (size_t i = 0; i < levels_.size(); ++i) {
      code = code + digits.select(1, static_cast<int64_t>(i)) * place;
      place *= levels_[i];
    }
    return code.flatten(1);
  }

 private:
  template <class Function>
  at::Tensor each(const at::Tensor& like, const Function& of_levels) const {
    // Filled on the device: a copy from the host could not be recorded in a graph.
    std::vector<at::Tensor> values;
    for (const int64_t levels : levels_)
      values.push_back(at::full({1}, of_levels(static_cast<double>(levels)),
                                like.options().requires_grad(false)));
    return at::cat(values).view({1, -1, 1, 1});
  }
  at::Tensor half_width(const at::Tensor& like) const {
    return each(like, [](double levels) { return std::floor(levels / 2); });
  }
  at::Tensor bound(const at::Tensor& x) const {
    constexpr double kMargin = 1e-3;
    const auto half = [](double levels) { return (levels - 1) * (1 - kMargin) / 2; };
    const auto offset = [](double levels) { return std::fmod(levels, 2) == 0 ? 0.5 : 0.0; };
    const at::Tensor shift =
        each(x, [&](double levels) { return std::atanh(offset(levels) / half(levels)); });
    return (x + shift).tanh() * each(x, half) - each(x, offset);
  }

  std::vector<int64_t> levels_;
};

// The sign of each value, 2^channels codes (Yu et al., "Language model beats diffusion", arXiv
// 2310.05737, section 3.1). The entropies are those of the bits, each by itself.
class Signs final : public Quantizer {
 public:
  explicit Signs(const config::FirstStage& settings) : settings_(settings) {}

  Quantized quantize(const PhaseInput& in, const at::Tensor& encoded) const override {
    const at::Tensor code = sign(encoded);
    const at::Tensor judged = encoded.view_as(encoded);
    Quantized out{straight_through(code, encoded), {}, {}};
    out.losses.push_back({"commitment", (judged - code).square().mean(), settings_.commitment});
    if (settings_.entropy_weight > 0) {
      // Of the softmax of -(distance to either sign)^2 / temperature.
      const at::Tensor up = at::sigmoid(pixels_of(judged) * (4 / settings_.entropy_temperature));
      const at::Tensor mean = in.coupling.mean(up.mean(0));
      out.losses.push_back(
          {"entropy", entropy(up).sum(1).mean() - entropy(mean).sum(), settings_.entropy_weight});
    }
    return out;
  }
  at::Tensor code(const Forward&, const at::Tensor& encoded) const override {
    return sign(encoded);
  }
  int64_t codes() const override { return int64_t{1} << settings_.channels; }
  at::Tensor codes_of(const Forward&, const at::Tensor& encoded) const override {
    at::Tensor code = at::zeros_like(encoded.select(1, 0), at::kLong);
    for (int64_t bit = 0; bit < settings_.channels; ++bit)
      code = code + encoded.select(1, bit).gt(0).to(at::kLong) * (int64_t{1} << bit);
    return code.flatten(1);
  }

 private:
  static at::Tensor sign(const at::Tensor& x) {
    return x.detach().gt(0).to(x.scalar_type()) * 2 - 1;
  }
  // Of a bit that is 1 with probability p, nats.
  static at::Tensor entropy(const at::Tensor& p) {
    const at::Tensor inside = p.clamp(1e-7, 1 - 1e-7);
    return -(inside * inside.log() + (1 - inside) * (1 - inside).log());
  }

  config::FirstStage settings_;
};

}  // namespace

at::Tensor Quantizer::codes_of(const Forward&, const at::Tensor&) const {
  ALLMODES_FAIL(ExitCode::kSoftware, "this quantizer has no codes");
}

at::Tensor pixels_of(const at::Tensor& images) {
  return images.permute({0, 2, 3, 1}).reshape({-1, images.size(1)});
}

at::Tensor image_of(const at::Tensor& pixels, at::IntArrayRef shape) {
  return pixels.view({shape[0], shape[2], shape[3], shape[1]}).permute({0, 3, 1, 2}).contiguous();
}

at::Tensor nearest(const at::Tensor& points, const at::Tensor& vectors) {
  return (vectors.square().sum(1) - at::matmul(points, vectors.t()) * 2).argmin(1);
}

void settle_codebook(const CodebookState& state, const CodebookStep& step, double restart_below,
                     bool follow_means) {
  state.age.copy_(at::where(step.use.gt(0), at::zeros_like(state.age), state.age + 1));
  if (follow_means) {
    // Far below, use and sum lose their digits, and their ratio with them.
    constexpr double kLeastUse = 1e-12;
    const at::Tensor used = state.use.gt(kLeastUse).unsqueeze(1);
    const at::Tensor mean =
        state.sum / at::where(used, state.use.unsqueeze(1), at::ones({1}, state.use.options()));
    state.vectors.copy_(at::where(used, mean, state.vectors));
  }
  if (!step.candidate.defined()) return;
  const at::Tensor share = state.use / state.mass;
  const at::Tensor dead = share.lt(restart_below).logical_and(at::isfinite(step.candidate).all(1));
  const at::Tensor rows = dead.unsqueeze(1);
  const at::Tensor fresh = state.mass * (2 * restart_below);
  state.vectors.copy_(at::where(rows, step.candidate, state.vectors));
  state.average.copy_(at::where(rows, step.candidate, state.average));
  state.use.copy_(at::where(dead, fresh, state.use));
  state.sum.copy_(at::where(rows, step.candidate * fresh, state.sum));
}

std::unique_ptr<Quantizer> make_quantizer(const config::FirstStage& settings,
                                          const networks::Shape& image, int64_t batch,
                                          std::vector<ConfigurationError>& errors) {
  if (settings.quantizer == "kl") return std::make_unique<GaussianPixels>(settings, image);
  if (settings.quantizer == "vq") return std::make_unique<VectorCodes>(settings, image, batch);
  if (settings.quantizer == "lfq") {
    constexpr int64_t kMostBits = 24;
    if (settings.channels <= kMostBits) return std::make_unique<Signs>(settings);
    errors.push_back({"first_stage.channels",
                      fmt::format("channels: lfq has 2^channels codes: at most {}", kMostBits)});
    return nullptr;
  }
  if (static_cast<int64_t>(settings.levels.size()) == settings.channels)
    return std::make_unique<ScalarLevels>(settings);
  errors.push_back({"first_stage.levels",
                    fmt::format("levels: fsq needs one for each of the {} channels, here are {}",
                                settings.channels, settings.levels.size())});
  return nullptr;
}

}  // namespace allmodes::objectives
