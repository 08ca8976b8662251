#pragma once

// A data set as one file of ready samples, which is read without decoding anything.

#include <string>
#include <vector>

#include "data/dataset.h"

namespace allmodes::data {

// Writes `path`, by its ending:
//   .npy  [N, C, H, W] bytes of images, or float32 of images in [-1, 1] and points ([N, D]): what
//         data.memory_map reads in place; labels, where there are any, beside it as NAME.labels.npy
//         (int32);
//   .zip  PNG pictures, stored, named 00000/img00000000.png, with dataset.json for the labels: as
//         StyleGAN's data tool writes them. Of images held as bytes.
// Returns the paths written. The files are whole or not there. Throws kUsage for another ending, or
// for what a zip cannot hold; kCannotCreate, kInputOutput.
std::vector<std::string> pack(const Dataset& dataset, const std::string& path);

}  // namespace allmodes::data
