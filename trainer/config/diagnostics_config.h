#pragma once

// What is measured while training, as the configuration says it; run_config.h.

#include <cstdint>
#include <string>

#include "config/rules.h"

namespace allmodes::config {

struct Diagnostics {
  int64_t log_every = 50;
  int64_t evaluate_every = 1000;
  int64_t samples = 2000;
  int64_t diversity_pairs = 256;
  bool classifier = true;
  int64_t calibration_draws = 200;
  std::string sample_metrics = "off";
  std::string feature_weights = "";
  std::string feature_protocol = "default";
};

template <class V, Is<Diagnostics> T>
void describe(V& v, T& c) {
  v.field("log_every", c.log_every, kCount, "Steps from one record of losses to the next.");
  v.field("evaluate_every", c.evaluate_every, kCount, "Steps from one evaluation to the next.");
  v.field("samples", c.samples, Range{.low = 2, .high = kMostCount},
          "Samples of the averaged generator an evaluation.");
  v.field("diversity_pairs", c.diversity_pairs, kCount,
          "Pairs of samples a log step for the batch diversity.");
  v.field("classifier", c.classifier, Anything{},
          "Labelled images: a small classifier is trained for the mode histogram.");
  v.field("calibration_draws", c.calibration_draws, Range{.low = 50, .high = 100'000},
          "Draws of real samples against real ones, for the null of each figure.");
  v.field("sample_metrics", c.sample_metrics, OneOf{"kind of features", kSampleMetrics},
          "Features in which precision, recall, density, coverage, Frechet and kernel distance are "
          "measured at evaluations; off: they are not.");
  v.field("feature_weights", c.feature_weights, Anything{},
          "inception and dinov2 features: safetensors file with the network's weights.");
  v.field("feature_protocol", c.feature_protocol, OneOf{"protocol", kFeatureProtocols},
          "How pictures are made ready for a pretrained network: as the tool of that name does it; "
          "default: pytorch_fid for inception, dgm_eval for dinov2.");
}

}  // namespace allmodes::config
