#pragma once

// One update of Adam (Kingma and Ba, arXiv 1412.6980, algorithm 1), or of AdamW (Loshchilov and
// Hutter, arXiv 1711.05101, algorithm 2), and of the exponential moving average, in a single pass
// over host memory: five arrays read, four written. Pure.
//
// Every rank updates its own copy of the weights, so the result must have the same bits on every
// processor of a cluster. The compiler therefore never fuses a product and a sum into one rounding
// here, which some instruction sets can do and others cannot.

#include <cstdint>

#include "base/instruction_set.h"

namespace allmodes::optimizers {

struct AdamUpdate {
  float gradient_scale = 1;  // of clipping
  float weight_decay = 0;    // L2, added to the gradient
  float kept = 1;            // AdamW: the share of a weight that is left before the step
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float epsilon = 1e-8F;
  float step_size = 0;       // learning rate / (1 - beta1^t)
  float inverse_root = 1;    // 1 / sqrt(1 - beta2^t)
  float average_weight = 1;  // 1 - decay of the moving average; 1: the average is the weights
};

struct AdamArrays {
  float* parameters = nullptr;
  const float* gradient = nullptr;
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  float* average = nullptr;
};

// Updates elements [first, last). The arrays do not overlap. The same bits with every instruction
// set, of which this processor must have `set`.
void adam_update(const AdamArrays& arrays, int64_t first, int64_t last, const AdamUpdate& update,
                 InstructionSet set = widest_instruction_set());

// Sum of squares of values[first, last), added up in double: NaN or infinite when an element is.
// The same bits with every instruction set.
double sum_of_squares(const float* values, int64_t first, int64_t last,
                      InstructionSet set = widest_instruction_set());

}  // namespace allmodes::optimizers
