// A libFuzzer program for one of fuzz/targets.h, ALLMODES_FUZZ_TARGET. It begins with the good
// files of its format, which it writes into the first folder that it is given.
//
//   mkdir found; build-fuzz/tests/fuzz_idx -max_total_time=60 -max_len=4096 found

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "fuzz/good_files.h"
#include "fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const std::string folder = (*argv)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    int number = 0;
    for (const std::string& file : allmodes::fuzz::good_files(ALLMODES_FUZZ_TARGET))
      std::ofstream(folder + "/good-" + std::to_string(number++), std::ios::binary) << file;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const allmodes::fuzz::Scratch scratch;
  for (const auto& target : allmodes::fuzz::kTargets)
    if (std::string_view(target.name) == ALLMODES_FUZZ_TARGET)
      target.read(scratch, {reinterpret_cast<const char*>(data), size});
  return 0;
}
