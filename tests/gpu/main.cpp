// The main program of the tests on a GPU: exit status 77 (skipped) where there is none.

#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "gradients/compute_stream.h"
#include "world/device.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  std::string why;
  if (allmodes::world::visible_gpus(&why).empty()) {
    std::printf("skipped: %s\n", why.c_str());
    return 77;
  }
  allmodes::gradients::use_own_stream(at::Device(at::kCUDA, 0));
  return RUN_ALL_TESTS();
}
