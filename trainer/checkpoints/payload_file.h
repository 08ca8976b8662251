#pragma once

// One safetensors file of a checkpoint: written with the hashes that its manifest keeps, and
// verified against them.

#include <filesystem>
#include <memory>
#include <vector>

#include "checkpoints/manifest.h"
#include "checkpoints/safetensors.h"

namespace allmodes::checkpoints {

// Writes the tensors to a new file, puts it on the disk, and says what the manifest has to know of
// it. Throws kCannotCreate or kInputOutput.
FileEntry write_payload_file(const std::filesystem::path& path,
                             const std::vector<TensorView>& tensors);

// Reads every byte of the file, once, and compares size and hash; returns the bytes, or null unless
// they are to be kept. Throws kDataError for a missing, cut off
// or damaged file, naming it and, where the entry knows the tensors, the tensor with its bytes;
// kInputOutput when it is there and cannot be read.
std::shared_ptr<const SafetensorsFile::Bytes> verify_payload_file(const std::filesystem::path& path,
                                                                  const FileEntry& entry,
                                                                  bool keep);

}  // namespace allmodes::checkpoints
