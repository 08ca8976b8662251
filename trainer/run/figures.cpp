#include "run/figures.h"

#include "diagnostics/collectors/collector.h"

namespace allmodes::run {
namespace {

// What Reporter writes by itself; the rest is of the collectors.
constexpr records::Figure kFromFigures[] = {
    {"checkpoint", "", "", "",
     "of a run that began with the weights of another one (--from): the checkpoint of that one"},
    {"taken", "", "", "", "tensors that were taken from it"},
    {"kept", "names", "", "", "of tensors of this run that kept their start, and why"},
    {"unused", "names", "", "", "of tensors of the checkpoint that were not used"},
};

constexpr records::Figure kTrainFigures[] = {
    {"loss_NAME", "", "", "",
     "mean over the batch of the term NAME, unweighted: discriminator, generator, code, "
     "reconstruction, kl (nats), mmd, or a penalty"},
    {"d_real", "", "[0, 1]", "0.5", "mean of the sigmoid of the scores of reals"},
    {"d_fake", "", "[0, 1]", "0.5", "mean of the sigmoid of the scores of samples"},
    {"d_apart", "share", "[0, 1]", "",
     "of scores of reals above those of all samples, and of samples below those of all reals, of a "
     "batch; losses whose scores are no logits"},
    {"adaptive_weight", "", ">= 0", "",
     "what the adversarial loss of a first stage is multiplied with: adversarial_weight, as far as "
     "its warm-up has come, times the ratio of the gradients of distance and adversarial loss"},
    {"reconstruction", "", ">= 0", "0",
     "a first stage with learned_variance: the distance of values before it is divided by "
     "exp(log_variance)"},
    {"log_variance", "", "", "",
     "a first stage with learned_variance: the number s of distance / exp(s) + s"},
    {"perceptual_distance", "", ">= 0", "0",
     "mean distance of the batch and its reconstructions by first_stage.perceptual (LPIPS, or in "
     "features of EfficientNet-Lite0), without its weight"},
    {"kl_weight", "", ">= 0", "", "weight of a VAE's KL term in a schedule"},
    {"gradient_norm_NETWORK", "", ">= 0", "",
     "L2 norm of the gradient of NETWORK before clipping; of a further optimizer "
     "gradient_norm_NETWORK_NAME"},
    {"learning_rate_NETWORK", "", "> 0", "",
     "of the step; of a further optimizer learning_rate_NETWORK_NAME"},
    {"batch_diversity", "", ">= 0", "1",
     "mean distance of two samples of the batch over that of two of its reals (GAN)"},
    {"skipped_steps", "", "", "0", "updates skipped so far because a gradient was not finite"},
    {"step_ms", "ms", "> 0", "", "of a step, mean since the last record"},
    {"loading_ms", "ms", ">= 0", "",
     "of a step in which the host waits for a batch and copies it, mean over ranks"},
    {"samples_per_s", "", "> 0", "", "samples a second over all ranks, since the last record"},
    {"exchange_ms", "ms", ">= 0", "",
     "of a step in the exchange of gradients and the wait for it, as far as backward did not hide "
     "it; on GPUs of the step that is logged"},
    {"exchange_ms_PHASE", "ms", ">= 0", "", "of them, those of a phase that trains one network"},
    {"exchange_ms_PHASE_NETWORK", "ms", ">= 0", "",
     "of them, those of a phase and network, where it trains several"},
};

constexpr records::Figure kVerdictFigures[] = {
    {"state", "", "", "healthy", "healthy, at_risk or collapsed"},
    {"kind", "", "", "none", "how: mode_dropping, duplicates, ... (docs/verdict.md)"},
    {"reason", "", "", "", "one sentence with the numbers"},
    {"missing", "names", "", "none", "of modes, classes and parts of the data without samples"},
    {"modes_missing", "modes", "", "0",
     "of those that are known, how many the verdict calls missing: hardly a sample where many were "
     "expected"},
    {"starved", "names", "", "none", "of those with far too few samples"},
    {"narrow", "names", "", "none", "of those that are made narrower than they are"},
    {"crowded", "names", "", "none", "of those with far too many samples"},
};

constexpr records::Figure kRollbackFigures[] = {
    {"from_step", "", "", "", "the step of the collapse; `step` is the one of the checkpoint"},
    {"number", "", "", "", "of rollbacks so far"},
    {"limit", "", "", "", "of them: verdict.rollback.limit"},
    {"kind", "", "", "", "of the collapse"},
    {"reason", "", "", "", "of the collapse"},
    {"adjustments", "", "", "", "what was changed in the configuration"},
};

}  // namespace

records::FigureTables figure_tables() {
  records::FigureTables tables = diagnostics::figure_tables();
  tables.insert(tables.begin() + 1, {{"from", "", kFromFigures}, {"train", "", kTrainFigures}});
  tables.push_back({"verdict", "", kVerdictFigures});
  tables.push_back({"rollback", "", kRollbackFigures});
  return tables;
}

}  // namespace allmodes::run
