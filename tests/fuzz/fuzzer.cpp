// A libFuzzer program for one of fuzz/targets.h, ALLMODES_FUZZ_TARGET.
//
//   build-fuzz/tests/fuzz_idx -max_total_time=60 -max_len=4096

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "fuzz/targets.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const allmodes::fuzz::Scratch scratch;
  for (const auto& target : allmodes::fuzz::kTargets)
    if (std::string_view(target.name) == ALLMODES_FUZZ_TARGET)
      target.read(scratch, {reinterpret_cast<const char*>(data), size});
  return 0;
}
