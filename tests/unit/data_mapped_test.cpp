// Samples read through a memory map: the same as those of the whole set in memory.

#include "data/mapped_dataset.h"

#include <array>
#include <cmath>
#include <thread>

#include "base/random.h"
#include "data/mapped_file.h"
#include "data/prefetcher.h"
#include "data/sampler.h"
#include "unit/data_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string random_bytes(size_t count, uint64_t seed = 1) {
  Random random({.seed = seed, .purpose = Purpose("test/mapped")});
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += static_cast<char>(random.below(256));
  return bytes;
}

std::string random_floats(size_t count) {
  Random random({.seed = 2, .purpose = Purpose("test/mapped")});
  std::vector<float> values;
  for (size_t i = 0; i < count; ++i) values.push_back(static_cast<float>(2 * random.uniform() - 1));
  return raw(values);
}

class MappedData : public DataFiles {
 protected:
  static config::Data mapped(config::Data data) {
    data.memory_map = true;
    return data;
  }

  // Batches over an epoch and a half, as training reads them.
  static void expect_equal_batches(const Dataset& a, const Dataset& b) {
    const Sampler order(a.size(), 3);
    const Share share{.first = 1, .count = 4};
    Prefetcher first(a, order, 0, 6, share, 2);
    Prefetcher second(b, order, 0, 6, share, 2);
    for (int64_t at = 0; at < a.size() * 3 / 2; at += 6) {
      const Batch x = first.next();
      const Batch y = second.next();
      EXPECT_EQ(x.samples, y.samples);
      EXPECT_EQ(x.labels, y.labels);
    }
  }

  static void expect_same_set(const config::Data& data) {
    const auto memory = make_dataset(data, 1);
    const auto map = make_dataset(mapped(data), 1);
    EXPECT_EQ(memory->fingerprint(), map->fingerprint());
    EXPECT_EQ(memory->shape(), map->shape());
    EXPECT_EQ(memory->size(), map->size());
    EXPECT_EQ(memory->class_names(), map->class_names());
    expect_equal_batches(*memory, *map);
  }
};

TEST_F(MappedData, IdxGivesTheBatchesAndTheFingerprintOfTheSetInMemory) {
  const auto grey = write("grey", idx({23, 6, 5}, random_bytes(23 * 30)));
  const auto colour = write("colour", idx({23, 6, 5, 3}, random_bytes(23 * 90)));
  const auto labels = write("labels", idx({23}, std::string("01201201201201201201201")));
  for (const std::string& file : {grey, colour})
    for (const int64_t image_size : {0, 4, 8}) {
      SCOPED_TRACE(file + " at " + std::to_string(image_size));
      expect_same_set(data_of("idx", file, labels, image_size));
      const auto data = data_of("idx", file, labels, image_size);
      expect_bytes_are_samples(*make_dataset(data, 1));
      expect_bytes_are_samples(*make_dataset(mapped(data), 1));
    }
}

TEST_F(MappedData, NpyGivesTheBatchesAndTheFingerprintOfTheSetInMemory) {
  expect_same_set(data_of("npy", write("bytes", npy("|u1", "(20, 5, 4, 3)", random_bytes(1200)))));
  expect_same_set(data_of("npy", write("floats", npy("<f4", "(20, 7)", random_floats(140)))));
  const auto images = write("images", npy("<f4", "(20, 3, 5, 4)", random_floats(1200)));
  for (const int64_t image_size : {0, 3, 9})
    expect_same_set(data_of("npy", images, "", image_size));
}

TEST_F(MappedData, FloatsMayLieAtAnyAlignment) {
  const std::string values = random_floats(140);
  for (int shift = 0; shift < 4; ++shift) {
    std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (20, 7), }" +
                         std::string(static_cast<size_t>(shift), ' ');
    const std::string bytes = std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) +
                              '\0' + header + values;
    expect_same_set(data_of("npy", write("shifted", bytes)));
  }
}

TEST_F(MappedData, ADifferentByteIsADifferentFingerprint) {
  std::string values = random_bytes(23 * 30);
  const auto of = [&] {
    return make_dataset(mapped(data_of("idx", write("a", idx({23, 6, 5}, values)))), 1)
        ->fingerprint();
  };
  const uint64_t first = of();
  EXPECT_EQ(of(), first);
  values.back() = static_cast<char>(values.back() ^ 1);
  EXPECT_NE(of(), first);
}

TEST_F(MappedData, DamageIsRefusedAtTheSameByteAsInMemory) {
  const std::string good = idx({3, 4, 4}, std::string(48, 'x'));
  for (const std::string& bytes : {good.substr(0, 63), good.substr(0, 17), good + "y"}) {
    const auto data = data_of("idx", write("a", bytes));
    EXPECT_EQ(error_of(mapped(data)).code(), ExitCode::kDataError);
    EXPECT_STREQ(error_of(mapped(data)).what(), error_of(data).what());
  }
  for (const float value : {1.5f, std::nanf(""), -INFINITY}) {
    const auto data = data_of("npy", write("b", npy("<f4", "(1, 1, 2)", raw<float>({0, value}))));
    EXPECT_EQ(error_of(mapped(data)).code(), ExitCode::kDataError);
    EXPECT_THAT(error_of(mapped(data)).what(),
                AllOf(HasSubstr("b, byte 132: "), HasSubstr("data.memory_map")));
  }
}

TEST_F(MappedData, WhatCannotBeReadInPlaceIsRefusedWithTheRemedy) {
  EXPECT_REFUSED(mapped(data_of("idx", write_gz("a.gz", idx({2, 2, 2}, "12345678")))),
                 ExitCode::kConfiguration,
                 AllOf(HasSubstr("data.memory_map"), HasSubstr("unpack it first")));
  EXPECT_REFUSED(mapped(data_of("npy", write("wide", npy("<f8", "(1, 2)", std::string(16, '\0'))))),
                 ExitCode::kConfiguration, AllOf(HasSubstr("'<f8'"), HasSubstr("data.memory_map")));
  EXPECT_THROW(MappedFile(path("nowhere")), Error);
  EXPECT_THROW(MappedFile(folder_.string()), Error);
  EXPECT_THROW(MappedFile(write("empty", "")), Error);
}

// As when a file is replaced by a newer one while a training reads it.
TEST_F(MappedData, AMapKeepsTheFileThatItWasOpenedOn) {
  const auto data = mapped(data_of("idx", write("a", idx({2, 2, 2}, "12345678"))));
  const auto dataset = make_dataset(data, 1);
  const auto before = sample(*dataset, 1);
  write("b", idx({2, 2, 2}, "abcdefgh"));
  fs::rename(path("b"), path("a"));
  EXPECT_EQ(sample(*dataset, 1), before);
  EXPECT_NE(make_dataset(data, 1)->fingerprint(), dataset->fingerprint());
}

TEST_F(MappedData, PartsOutsideTheirFileAreRefused) {
  const auto file = write("a", std::string(100, 'x'));
  const Layout layout{.shape = {.channels = 10}, .channels_last = false};
  const auto make = [&](uint64_t offset, uint64_t stride, int64_t count) {
    std::vector<MappedSamples> parts;
    parts.push_back({MappedFile(file), offset, stride, count});
    return make_mapped_dataset<uint8_t>("a", std::move(parts), layout, layout.shape, {});
  };
  EXPECT_EQ(make(0, 10, 10)->size(), 10);
  EXPECT_EQ(make(1, 11, 9)->size(), 9);
  EXPECT_THROW(make(0, 10, 11), Error);
  EXPECT_THROW(make(1, 10, 10), Error);
  EXPECT_THROW(make(95, 10, 1), Error);
  EXPECT_THROW(make(101, 10, 1), Error);
  EXPECT_THROW(make(0, 9, 2), Error);
  EXPECT_THROW(make(0, UINT64_MAX, 3), Error);
  EXPECT_THROW(make(0, 10, 0), Error);
}

TEST_F(MappedData, ThreadsReadAtTheSameTime) {
  const auto dataset = make_dataset(
      mapped(data_of("idx", write("a", idx({64, 8, 8, 3}, random_bytes(64 * 192))), "", 12)), 1);
  std::vector<std::vector<float>> expected;
  for (int64_t i = 0; i < 64; ++i) expected.push_back(sample(*dataset, i));
  std::vector<std::thread> threads;
  std::array<int, 4> wrong{};
  for (size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([&, t] {
      for (int64_t i = 0; i < 640; ++i)
        wrong[t] += sample(*dataset, i % 64) != expected[static_cast<size_t>(i % 64)] ? 1 : 0;
    });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(wrong, ::testing::Each(0));
}

}  // namespace
}  // namespace allmodes::data
