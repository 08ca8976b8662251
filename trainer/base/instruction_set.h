#pragma once

// Which vector instructions this processor has, for the few loops that are compiled several times.

#include <vector>

// Defined where there is code for more than the baseline. A function with the attribute
// target("avx2,fma") may use what InstructionSet::avx2 stands for; its body is often one that is
// inlined into a function for each set.
#if defined(__x86_64__) && defined(__GNUC__)
#define ALLMODES_WITH_AVX
#endif
#define ALLMODES_INLINED inline __attribute__((always_inline))

namespace allmodes {

// The widths of vectors that there is code for: avx2 with fma, avx512 with its foundation.
enum class InstructionSet { baseline, avx2, avx512 };

// Those that this processor has, the widest last.
std::vector<InstructionSet> supported_instruction_sets();
InstructionSet widest_instruction_set();

}  // namespace allmodes
