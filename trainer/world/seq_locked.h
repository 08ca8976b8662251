#pragma once

// A value that one thread at a time writes and any other reads whole, without a lock: a sequence
// lock (Boehm, "Can seqlocks get along with programming language memory models?", MSPC 2012). Also
// between processes, in shared memory. Zero bytes are a valid state: the value of zero bytes.

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <optional>
#include <type_traits>

namespace allmodes::world {

template <typename T>
class SeqLocked {
  static_assert(std::is_trivially_copyable_v<T>);
  static_assert(std::atomic<uint64_t>::is_always_lock_free);

 public:
  void store(const T& value) {
    std::array<uint64_t, kWords> words{};
    std::memcpy(words.data(), &value, sizeof(T));
    const uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_release);
    for (size_t i = 0; i < kWords; ++i) words_[i].store(words[i], std::memory_order_relaxed);
    version_.store(version + 2, std::memory_order_release);
  }

  // nullopt while a writer is at work on it for the whole of some tries.
  std::optional<T> load() const {
    constexpr int kTries = 100;
    for (int i = 0; i < kTries; ++i) {
      const uint64_t before = version_.load(std::memory_order_acquire);
      if (before % 2 != 0) continue;
      std::array<uint64_t, kWords> words{};
      for (size_t w = 0; w < kWords; ++w) words[w] = words_[w].load(std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) != before) continue;
      T value;
      std::memcpy(static_cast<void*>(&value), words.data(), sizeof(T));
      return value;
    }
    return std::nullopt;
  }

 private:
  static constexpr size_t kWords = (sizeof(T) + 7) / 8;
  std::atomic<uint64_t> version_{0};
  std::array<std::atomic<uint64_t>, kWords> words_{};
};

}  // namespace allmodes::world
