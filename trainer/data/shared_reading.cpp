#include "data/shared_reading.h"

#include <cstring>

#include "base/error.h"
#include "data/sampler.h"

namespace allmodes::data {

void gather_parts(const SharedReading& reading, int64_t count, size_t width, void* all) {
  if (reading.ranks == 1) return;
  auto* bytes = static_cast<std::byte*>(all);
  const auto part = [&](int rank) {
    const Share mine = share(count, rank, reading.ranks);
    return std::span(bytes + static_cast<size_t>(mine.first) * width,
                     static_cast<size_t>(mine.count) * width);
  };
  const auto parts = reading.gather(part(reading.rank));
  for (int rank = 0; rank < reading.ranks; ++rank) {
    const auto& from = parts[static_cast<size_t>(rank)];
    const std::span<std::byte> to = part(rank);
    ALLMODES_CHECK(from.size() == to.size(), "{} bytes of rank {}, {} expected", from.size(), rank,
                   to.size());
    if (rank != reading.rank && !to.empty()) std::memcpy(to.data(), from.data(), to.size());
  }
}

std::vector<std::pair<int64_t, std::string>> gather_findings(
    const SharedReading& reading, std::vector<std::pair<int64_t, std::string>> mine) {
  if (reading.ranks == 1) return mine;
  std::string packed;  // of each its number, its length, its text
  const auto put = [&](uint64_t number) {
    packed.append(reinterpret_cast<const char*>(&number), sizeof number);
  };
  for (const auto& [sample, text] : mine) {
    put(static_cast<uint64_t>(sample));
    put(text.size());
    packed += text;
  }
  std::vector<std::pair<int64_t, std::string>> all;
  for (const auto& bytes : reading.gather(std::as_bytes(std::span(packed)))) {
    const auto* at = reinterpret_cast<const char*>(bytes.data());
    const char* end = at + bytes.size();
    const auto number = [&] {
      uint64_t value = 0;
      ALLMODES_CHECK(static_cast<size_t>(end - at) >= sizeof value, "findings that end early");
      std::memcpy(&value, at, sizeof value);
      at += sizeof value;
      return value;
    };
    while (at != end) {
      const auto sample = static_cast<int64_t>(number());
      const uint64_t length = number();
      ALLMODES_CHECK(length <= static_cast<size_t>(end - at), "a finding that ends early");
      all.emplace_back(sample, std::string(at, length));
      at += length;
    }
  }
  return all;
}

}  // namespace allmodes::data
