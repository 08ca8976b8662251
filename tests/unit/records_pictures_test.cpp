#include <gtest/gtest.h>
#include <png.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "records/image.h"
#include "records/plots.h"
#include "records/progress.h"

namespace allmodes::records {
namespace {

namespace fs = std::filesystem;

// How many pixels of the picture have this colour.
int64_t count_color(const Image& image, uint8_t red, uint8_t green, uint8_t blue) {
  int64_t found = 0;
  for (size_t i = 0; i < image.pixels.size(); i += 3) {
    found += image.pixels[i] == red && image.pixels[i + 1] == green && image.pixels[i + 2] == blue
                 ? 1
                 : 0;
  }
  return found;
}

std::string said_by(bool terminal, const std::vector<int64_t>& steps, double interval_s) {
  FILE* stream = std::tmpfile();
  {
    Progress progress(true, terminal, stream, 100, interval_s);
    for (const int64_t step : steps) progress.update(step, "loss 1.0");
    progress.finish();
  }
  std::rewind(stream);
  std::string text(1 << 14, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), stream));
  std::fclose(stream);
  return text;
}

TEST(Pictures, APngReadsBackToTheSamePixels) {
  const fs::path path = fs::temp_directory_path() / fmt::format("allmodes-{}.png", ::getpid());
  for (const int64_t channels : {1, 3}) {
    Image image{.width = 5, .height = 3, .channels = channels, .pixels = {}};
    for (int64_t i = 0; i < 15 * channels; ++i) {
      image.pixels.push_back(static_cast<uint8_t>(i * 37 % 256));
    }
    write_png(path, image);
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    ASSERT_NE(png_image_begin_read_from_file(&png, path.c_str()), 0);
    EXPECT_EQ(png.width, 5U);
    EXPECT_EQ(png.height, 3U);
    EXPECT_EQ(PNG_IMAGE_PIXEL_CHANNELS(png.format), static_cast<unsigned>(channels));
    std::vector<uint8_t> pixels(PNG_IMAGE_SIZE(png));
    ASSERT_NE(png_image_finish_read(&png, nullptr, pixels.data(), 0, nullptr), 0);
    EXPECT_EQ(pixels, image.pixels);
  }
  fs::remove(path);
}

TEST(Pictures, AGridPlacesEachImageEnlargedInReadingOrder) {
  std::vector<float> samples(5 * 28 * 28);
  for (size_t i = 0; i < samples.size(); ++i) {
    samples[i] = static_cast<float>(i / 784) * 0.5F - 1.0F;
  }
  const Image grid = image_grid(samples.data(), 5, 1, 28, 28);
  EXPECT_EQ(grid.width, 3 * 58 + 2);
  EXPECT_EQ(grid.height, 2 * 58 + 2);
  EXPECT_EQ(grid.channels, 1);
  const auto pixel = [&](int64_t x, int64_t y) {
    return static_cast<int>(grid.pixels[static_cast<size_t>(y * grid.width + x)]);
  };
  EXPECT_EQ(pixel(2, 2), 0);
  EXPECT_EQ(pixel(57, 57), 0);
  EXPECT_EQ(pixel(60, 2), 64);
  EXPECT_EQ(pixel(118, 2), 128);
  EXPECT_EQ(pixel(2, 60), 191);
  EXPECT_EQ(pixel(60, 60), 255);
  EXPECT_EQ(pixel(0, 0), 24);
  EXPECT_EQ(pixel(58, 30), 24);
}

TEST(Pictures, AGridKeepsColoursAndShowsLostPixelsMagenta) {
  std::vector<float> samples(3 * 64 * 64, -1.0F);
  std::fill(samples.begin() + 64 * 64, samples.begin() + 2 * 64 * 64, 1.0F);
  EXPECT_EQ(count_color(image_grid(samples.data(), 1, 3, 64, 64), 0, 255, 0), 64 * 64);
  samples[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(count_color(image_grid(samples.data(), 1, 3, 64, 64), 255, 0, 255), 1);
  EXPECT_EQ(image_grid(samples.data(), 1, 1, 64, 64).channels, 3);
}

TEST(Pictures, AScatterPlotShowsEachKindOfPoint) {
  const std::vector<float> reals{0, 0, 1, 1, -1, -1};
  const std::vector<float> means{0, 0};
  const Image alone = scatter_plot({}, reals, means);
  EXPECT_EQ(alone.width, 640);
  EXPECT_EQ(alone.height, 640);
  EXPECT_GT(count_color(alone, 214, 40, 40), 10);
  const std::vector<float> fakes{0.5F, -0.5F, 0.5F, -0.5F};
  EXPECT_NE(scatter_plot(fakes, reals, means).pixels, alone.pixels);
  // The legend is another one.
  EXPECT_NE(scatter_plot(fakes, reals, means, std::nullopt, {}, "reals not reached").pixels,
            scatter_plot(fakes, reals, means).pixels);
}

TEST(Pictures, PointsThatAreNotFiniteOrFarAwayDoNotHarmTheScatterPlot) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float huge = std::numeric_limits<float>::max();
  const std::vector<float> fakes{nan, 0, huge, -huge, 0, std::numeric_limits<float>::infinity()};
  const std::vector<float> reals{0, 0, 1, 1};
  EXPECT_EQ(scatter_plot(fakes, reals, {}).width, 640);
  EXPECT_EQ(scatter_plot(fakes, fakes, {}).width, 640);
  EXPECT_EQ(scatter_plot({}, {}, {}).width, 640);
  const std::vector<float> one_point{3, 3};
  EXPECT_EQ(scatter_plot(one_point, one_point, one_point).width, 640);
}

TEST(ScatterPlot, OutlinesEllipsesAndLeavesTheirInsideAlone) {
  const std::vector<float> reals = {-1, -1, 1, 1};
  const Image plain = scatter_plot({}, reals, {});
  const std::vector<Ellipse> ellipses = {{0, 0, 0.5, 0.25}};
  const Image outlined = scatter_plot({}, reals, {}, std::nullopt, ellipses);
  // The plot's square is 540 pixels from (68, 58) on for [-1.16, 1.16].
  const auto differs = [&](double x, double y) {
    const auto column = static_cast<size_t>(68 + (x + 1.16) / 2.32 * 540);
    const auto row = static_cast<size_t>(58 + (1.16 - y) / 2.32 * 540);
    const size_t at = 3 * (row * 640 + column);
    return outlined.pixels[at] != plain.pixels[at];
  };
  EXPECT_TRUE(differs(0.5, 0));
  EXPECT_TRUE(differs(-0.5, 0));
  EXPECT_TRUE(differs(0, 0.25));
  EXPECT_FALSE(differs(0.1, 0.05));
  EXPECT_FALSE(differs(0, 0.5));
}

TEST(Pictures, ABarChartMarksMissingModesRed) {
  const std::vector<std::string> labels{"a", "b", "c"};
  const std::vector<double> expected{10, 10, 10};
  const int64_t none =
      count_color(bar_chart(labels, expected, std::vector<double>{9, 10, 11}, "t"), 214, 40, 40);
  EXPECT_EQ(none, 0);
  const std::vector<double> observed{9, 0, 1};
  const std::vector<int64_t> missing{2};
  const int64_t one = count_color(bar_chart(labels, expected, observed, "t"), 214, 40, 40);
  const int64_t two = count_color(bar_chart(labels, expected, observed, "t", missing), 214, 40, 40);
  EXPECT_GT(one, 0);
  EXPECT_GT(two, one);
}

TEST(Pictures, ABarChartOfAThousandModesStaysViewable) {
  const std::vector<std::string> labels(1000, "123");
  const std::vector<double> counts(1000, 25.6);
  EXPECT_LT(bar_chart(labels, counts, counts, "stacked").height, 4500);
}

TEST(Pictures, ABarChartOfValuesHasNoOutlines) {
  const std::vector<std::string> labels{"0", "1"};
  const std::vector<double> values{0.3, 0.02};
  const Image values_only = bar_chart(labels, {}, values, "nats");
  EXPECT_EQ(count_color(values_only, 214, 40, 40), 0);
  // Bars reach over the same width whatever the unit.
  const std::vector<double> hundredfold{30, 2};
  EXPECT_NEAR(
      static_cast<double>(count_color(values_only, 86, 143, 219)),
      static_cast<double>(count_color(bar_chart(labels, {}, hundredfold, "nats"), 86, 143, 219)),
      200);
}

TEST(Pictures, ScoresAreDiscsWithWhatIsExpectedAsACross) {
  const ScorePlane without{"recall", "precision", {0.2, 0.9}, std::nullopt};
  ScorePlane with{"coverage", "density", {0.4, 1.3}, ScorePlane::Place{0.96, 1}};
  const auto discs = [](const ScorePlane& plane) {
    return count_color(score_planes(std::vector{plane}), 31, 99, 201);
  };
  const int64_t legend = discs({"", "", {std::nan(""), 0}, std::nullopt});
  EXPECT_GT(legend, 100);
  EXPECT_GT(discs(without), legend + 100);
  EXPECT_GT(discs(with), legend + 60);  // at the edge, of which the frame may take a part
  const auto crosses = [](const ScorePlane& plane) {
    return count_color(score_planes(std::vector{plane}), 214, 40, 40);
  };
  EXPECT_GT(crosses(with), crosses(without));
  EXPECT_GT(score_planes(std::vector{without, with}).width,
            score_planes(std::vector{without}).width);
}

TEST(Pictures, TicksAreRoundNumbersInTheRange) {
  EXPECT_EQ(tick_values(-2.3, 2.3, 5), (std::vector<double>{-2, -1, 0, 1, 2}));
  EXPECT_EQ(tick_values(0, 100, 5), (std::vector<double>{0, 20, 40, 60, 80, 100}));
  EXPECT_EQ(tick_values(1, 1, 5), std::vector<double>{1});
}

TEST(ProgressLine, ElsewhereThanOnATerminalItIsPlainLinesWithoutControlCharacters) {
  const std::string text = said_by(false, {0, 40, 80, 100}, 1e9);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_NE(text.find("100%"), std::string::npos);
  EXPECT_NE(text.find("step 100/100"), std::string::npos);
  EXPECT_EQ(std::count_if(text.begin(), text.end(), [](char c) { return c < 0; }), 0);
}

TEST(ProgressLine, EveryIntervalOneLine) {
  const std::string text = said_by(false, {0, 40, 80, 100}, 0);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
}

TEST(ProgressLine, OnATerminalOneLineIsRedrawn) {
  const std::string text = said_by(true, {0, 100}, 1e9);
  EXPECT_EQ(text.front(), '\r');
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  EXPECT_EQ(text.back(), '\n');
}

TEST(ProgressLine, TheLastEvaluationsStandBeforeTheLosses) {
  ::setenv("LC_ALL", "C.UTF-8", 1);
  ::setenv("ALLMODES_COLUMNS", "120", 1);
  for (const bool terminal : {false, true}) {
    FILE* stream = std::tmpfile();
    {
      Progress progress(true, terminal, stream, 100, 0);
      progress.update(0, "");
      for (int modes = 0; modes <= 10; ++modes) progress.evaluated("modes", std::min(modes, 8), 8);
      progress.doing("evaluating");
      progress.update(100, "loss 1.0");
      progress.doing("drawing samples");
      progress.finish();
    }
    std::rewind(stream);
    std::string text(1 << 14, '\0');
    text.resize(std::fread(text.data(), 1, text.size(), stream));
    std::fclose(stream);
    EXPECT_GT(text.rfind("loss 1.0"), text.rfind("drawing samples") + 1) << text;
    EXPECT_NE(text.find(terminal ? "modes 8/8 ▄▅▅▆▇███  loss 1.0" : "modes 8/8  loss 1.0"),
              std::string::npos)
        << text;
    EXPECT_EQ(text.find("evaluating") != std::string::npos, terminal);
  }
  ::unsetenv("ALLMODES_COLUMNS");
  ::unsetenv("LC_ALL");
}

TEST(ProgressLine, DurationsReadLikeAClock) {
  EXPECT_EQ(format_duration(7), "0:07");
  EXPECT_EQ(format_duration(754), "12:34");
  EXPECT_EQ(format_duration(11109), "3:05:09");
  EXPECT_EQ(format_duration(200000), "2 d 07 h");
  EXPECT_EQ(format_duration(std::nan("")), "?");
}

}  // namespace
}  // namespace allmodes::records
