#pragma once

// A folder of PNG images.

#include <cstdint>
#include <memory>
#include <string>

#include "data/dataset.h"

namespace allmodes::data {

// Subfolders are classes, sorted by name, their images sorted by name; without subfolders the
// folder's own images, unlabelled. Hidden files and files that do not end in .png are left out, and
// the description says how many. When any image has colour all are read as RGB, else as grey; 16
// bits are read as 8, transparency is laid on black. With image_size 0 all must have one size.
// Throws kNoInput (no such folder, no images) and kDataError (damaged, sizes differ, empty class).
std::unique_ptr<Dataset> read_png_folder(const std::string& path, int64_t image_size);

}  // namespace allmodes::data
