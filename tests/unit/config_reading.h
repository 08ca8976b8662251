#pragma once

// Texts as configurations, and what is wrong with them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "config/load.h"

namespace allmodes::config::reading {

inline std::vector<std::string> wheres(const Loaded& loaded) {
  std::vector<std::string> result;
  for (const auto& problem : loaded.problems) {
    result.push_back(problem.where);
  }
  return result;
}

inline std::string all_text(const Loaded& loaded) {
  std::string text;
  for (const auto& problem : loaded.problems) {
    text += problem.where + ": " + problem.message + " <" + problem.path + ">\n";
  }
  return text;
}

inline Loaded read(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return parse(text, "a.txtpb", overrides);
}

// The only problem of a text; fails when there is another number of them.
inline Problem only(const Loaded& loaded) {
  EXPECT_THAT(loaded.problems, ::testing::SizeIs(1)) << all_text(loaded);
  return loaded.problems.empty() ? Problem{} : loaded.problems[0];
}

inline Problem only(std::string_view text, const std::vector<std::string>& overrides = {}) {
  return only(read(text, overrides));
}

// A text that gives every kind of field.
inline constexpr std::string_view kEverything = R"(
name: "x-1" seed: 18446744073709551615 batch: 96 steps: 7 microbatches: 3
data { dataset: "mixture" mode { mean: [1, -2.5] std: 0.125 weight: 3 }
       mode { mean: 0 mean: 1e-3 } }
gan {
  latent { dimension: 3 distribution: "uniform" }
  generator { layers { linear { units: 8 bias: false } }
              layers { residual { layers { activation { function: "elu" } }
                                  layers { residual { layers { flatten {} } } } } }
              layers { transposed_convolution { channels: 2 output_padding: 1 } }
              layers { maxout { units: 4 } } layers { reshape { shape: [1, 28, 28] } } }
  discriminator { norm: "batch" layers { batch_norm { statistics: "local" momentum: 1 } }
                  layers { convolution { channels: 5 } } }
  penalty { kind: "r1" weight: 0.30000000000000004 } penalty { kind: "other" interval: 16 }
}
verdict { significance: 1e-300 }
)";

}  // namespace allmodes::config::reading
