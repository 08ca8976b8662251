#pragma once

// Samples in files of any kind, told by their content.

#include <memory>

#include "data/pictures.h"

namespace allmodes::data {

// Pictures (folder, zip archive, tar and MDS shards), arrays (.npy, .npz, safetensors), idx, or a
// table (.csv, .tsv), as data.path says. Pictures are read as `reading` says. Throws as their
// readers.
std::unique_ptr<Dataset> read_files(const config::Data& data, Split split,
                                    const SharedReading& reading = {});

}  // namespace allmodes::data
