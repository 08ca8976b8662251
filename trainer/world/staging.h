#pragma once

// Device memory handed to host code piece by piece.

#include "world/communicator.h"

#include <functional>
#include <memory>

namespace allmodes::world {

// Two pinned host pieces: while the host works on one, the next is being copied down. Pinned on
// first use.
class Staging {
 public:
  explicit Staging(int64_t piece_bytes);  // a multiple of 8
  ~Staging();

  // Calls work(host memory, elements) for each piece of the device buffer in order, after the work
  // already on `stream`; with `write_back` the piece is copied up again. The host waits; all is
  // done on return. Throws kUnavailable in a build without CUDA, kProtocol when a copy fails.
  void each(const Buffer& buffer, Stream stream, bool write_back,
            const std::function<void(void*, int64_t)>& work);

 private:
  struct Pinned;
  int64_t piece_bytes_;
  std::unique_ptr<Pinned> pinned_;
};

}  // namespace allmodes::world
