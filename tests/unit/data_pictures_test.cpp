// Pictures of every format, and how they are made ready.

#include <atomic>

#include "data/formats/foreign.h"
#include "data/formats/picture.h"
#include "data/formats/resample.h"
#include "data/pack.h"
#include "data/prefetcher.h"
#include "data/workers.h"
#include "unit/data_fixture.h"
#include "unit/picture_files.h"
#include "unit/pillow_pictures.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

Picture decoded(const std::string& file, bool colour = true, uint8_t background = 0) {
  return decode_picture(bytes_of(file), {.colour = colour, .background = background});
}

TEST(Pictures, EveryFormatIsDecodedToThePixelsOfPillow) {
  for (const PillowPicture& known : pillow_pictures()) {
    const Picture picture = decoded(from_base64(known.base64), known.channels == 3);
    EXPECT_EQ(picture.height, known.height) << known.what;
    EXPECT_EQ(picture.width, known.width) << known.what;
    EXPECT_EQ(polynomial_hash(picture.pixels), known.hash) << known.what;
  }
}

TEST(Pictures, HalfTransparentWhiteIs128OnBlackAnd255OnWhite) {
  const std::string file = png(1, 1, {255, 255, 255, 128}, PNG_FORMAT_RGBA);
  EXPECT_THAT(decoded(file).pixels, Each(128));
  EXPECT_THAT(decoded(file, true, 255).pixels, Each(255));
  EXPECT_THAT(decoded(png(1, 1, {200, 0}, PNG_FORMAT_GA), false, 7).pixels, ElementsAre(7));
}

TEST(Pictures, SixteenBitsAreRoundedToEight) {
  std::string file = "P5\n3 1\n65535\n";
  for (const int value : {128, 129, 65535})
    file += {static_cast<char>(value >> 8), static_cast<char>(value)};
  EXPECT_THAT(decoded(file, false).pixels, ElementsAre(0, 1, 255));
}

TEST(Pictures, GreyOfColoursIsTheUsualWeightedMean) {
  const std::string red = "P6\n3 1\n255\n" + std::string("\xFF\0\0\0\xFF\0\0\0\xFF", 9);
  EXPECT_THAT(decoded(red, false).pixels, ElementsAre(76, 150, 29));
}

TEST(Pictures, APictureAboveTheLimitIsRefusedBeforeItIsUnpacked) {
  const std::string bomb = "P5\n60000 60000\n255\nx";
  const auto error =
      error_of([&] { decode_picture(bytes_of(bomb), {.most_pixels = 100'000'000}); });
  EXPECT_THAT(error.what(), AllOf(HasSubstr("60000 x 60000"), HasSubstr("data.largest_picture")));
}

TEST(Pictures, TruncatedPicturesAreRefusedWithTheByte) {
  for (const PillowPicture& known : pillow_pictures()) {
    const std::string whole = from_base64(known.base64);
    for (const size_t keep : {whole.size() / 2, whole.size() * 3 / 4}) {
      const auto error = error_of([&] { decoded(whole.substr(0, keep)); });
      EXPECT_EQ(error.code(), ExitCode::kDataError) << known.what;
      EXPECT_THAT(error.what(), HasSubstr("byte ")) << known.what;
    }
  }
}

TEST(Pictures, WhatIsNoPictureIsCalledWhatItIs) {
  const auto what = [](const std::string& text) {
    const ForeignFormat found = foreign_format(bytes_of(text));
    return found.what + found.remedy;
  };
  EXPECT_THAT(what("<!DOCTYPE html><html>"), HasSubstr("HTML"));
  EXPECT_THAT(what("\xEF\xBB\xBF <html lang=en>"), HasSubstr("HTML"));
  EXPECT_THAT(what("\x1F\x8B\x08"), HasSubstr("gzip"));
  EXPECT_THAT(what("version https://git-lfs.github.com/spec/v1"), HasSubstr("git lfs pull"));
  EXPECT_THAT(what(std::string(100, '\0')), HasSubstr("zeros"));
  EXPECT_THAT(what("\x89HDF\r\n"), HasSubstr("h5py"));
  EXPECT_THAT(what(std::string(16, '\0') + "\xDE\xC0\xEF\xBE"), HasSubstr("LMDB"));
  EXPECT_EQ(what(""), "empty");
}

Picture pattern(int64_t height, int64_t width, int64_t channels) {
  Picture picture{.height = height, .width = width, .channels = channels};
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < channels; ++c)
        picture.pixels.push_back(
            static_cast<uint8_t>((x * x * 3 + y * y * 5 + x * y * 7 + c * 37) % 256));
  return picture;
}

// The hashes are those of what Pillow 13 makes of the same patterns.
TEST(Resampling, EveryFilterGivesTheBytesOfPillow) {
  struct Case {
    int64_t height, width, channels, to_height, to_width;
    uint64_t hashes[4];  // box, bilinear, bicubic, lanczos
  };
  const std::vector<Case> cases = {
      {40,
       60,
       3,
       16,
       24,
       {0x3458be3ad2a810cd, 0x106ed878398ab0f6, 0xf2fdb391a31fa9ec, 0xc679acb78f2cc2ce}},
      {40,
       60,
       1,
       16,
       24,
       {0x5659def6d71711a6, 0x8f338f4a60f423e6, 0xafb9e8c9845a3b4c, 0x6c4960690d4575db}},
      {20,
       30,
       3,
       64,
       50,
       {0xccce5f9748e164a0, 0x5493a12ba8256206, 0xd37cd7277f415fcf, 0xe9a2e5dffece878a}},
      {31,
       33,
       3,
       31,
       20,
       {0xa3c09076d880ab90, 0xff7601686abeebad, 0x6e821edb5330359d, 0x96018ecd28478d95}},
      {31,
       33,
       3,
       20,
       33,
       {0x2c79b13f005e0afa, 0x3daf6b8c2dfda908, 0x50e1c52c52057796, 0xc8b6e36a5b1d5be6}}};
  const Filter filters[] = {Filter::kBox, Filter::kBilinear, Filter::kBicubic, Filter::kLanczos};
  for (const Case& c : cases)
    for (size_t f = 0; f < 4; ++f)
      for (const InstructionSet set : supported_instruction_sets())
        EXPECT_EQ(polynomial_hash(Resizer(set)
                                      .resized(pattern(c.height, c.width, c.channels), c.to_height,
                                               c.to_width, filters[f])
                                      .pixels),
                  c.hashes[f])
            << c.height << " x " << c.width << ", filter " << f << ", instructions "
            << static_cast<int>(set);
}

TEST(Resampling, TheCropOfAdmGivesTheBytesOfItsPythonCode) {
  const Picture square = Resizer().adm_square(pattern(100, 133, 3), 32);
  EXPECT_EQ(square.height, 32);
  EXPECT_EQ(square.width, 32);
  EXPECT_EQ(polynomial_hash(square.pixels), 0x4783b33dacc22e91U);
}

TEST(Resampling, EveryInstructionSetGivesTheSameBytesForAnySizes) {
  const Resizer plain(InstructionSet::baseline);
  const Resizer widest;
  uint64_t state = 1;
  const auto below = [&](int64_t limit) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    return 1 + static_cast<int64_t>((state >> 33) % static_cast<uint64_t>(limit));
  };
  for (int i = 0; i < 300; ++i) {
    const int64_t channels = i % 2 == 0 ? 3 : 1;
    const Picture picture = pattern(below(70), below(70), channels);
    const int64_t height = below(picture.height);
    const int64_t width = below(picture.width);
    const int64_t top = below(picture.height - height + 1) - 1;
    const int64_t left = below(picture.width - width + 1) - 1;
    const int64_t to_height = below(50);
    const int64_t to_width = below(50);
    const auto filter = static_cast<Filter>(i % 4);
    const auto by = [&](const Resizer& resizer) {
      return resizer.resized_part(picture, top, left, height, width, to_height, to_width, filter)
          .pixels;
    };
    EXPECT_EQ(by(widest), by(plain))
        << height << " x " << width << " of " << picture.height << " x " << picture.width << " x "
        << channels << " to " << to_height << " x " << to_width << ", filter " << i % 4;
    EXPECT_EQ(by(widest),
              plain.resized(cropped(picture, top, left, height, width), to_height, to_width, filter)
                  .pixels);
  }
}

TEST(Resampling, WeightsThatWereForgottenAreMadeAgain) {
  const Resizer resizer;
  for (int round = 0; round < 2; ++round)
    for (int64_t width = 3000; width < 3100; ++width) {
      const Picture row = pattern(1, width, 1);
      ASSERT_EQ(resizer.resized(row, 1, 2000, Filter::kLanczos).pixels,
                Resizer().resized(row, 1, 2000, Filter::kLanczos).pixels)
          << width;
    }
}

TEST(Workers, EachPieceIsDoneOnceAndAFailureIsThrownOn) {
  Workers workers(4);
  std::vector<std::atomic<int>> done(1000);
  workers.run(1000, [&](int64_t i) { ++done[static_cast<size_t>(i)]; });
  for (const auto& count : done) EXPECT_EQ(count, 1);
  EXPECT_THROW(workers.run(100,
                           [](int64_t i) {
                             if (i == 17) throw std::runtime_error("seventeen");
                           }),
               std::runtime_error);
  int after = 0;
  Workers(1).run(3, [&](int64_t) { ++after; });
  EXPECT_EQ(after, 3);
}

}  // namespace
}  // namespace allmodes::data
