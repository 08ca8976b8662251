#include "base/instruction_set.h"

namespace allmodes {

std::vector<InstructionSet> supported_instruction_sets() {
  std::vector<InstructionSet> sets{InstructionSet::baseline};
#ifdef ALLMODES_WITH_AVX
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    sets.push_back(InstructionSet::avx2);
  if (__builtin_cpu_supports("avx512f")) sets.push_back(InstructionSet::avx512);
#endif
  return sets;
}

InstructionSet widest_instruction_set() {
  static const InstructionSet widest = supported_instruction_sets().back();
  return widest;
}

}  // namespace allmodes
