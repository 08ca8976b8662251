// What a run draws of the parts that its samples lack: the same picture on any number of ranks.

#include "run/missing_picture.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "diagnostics/collectors/shown_samples.h"
#include "diagnostics/verdict/lost_rows.h"
#include "ranks/collectors_fixture.h"
#include "records/picture_rows.h"

namespace allmodes::run {
namespace {

using diagnostics::Evidence;
using diagnostics::Part;
using diagnostics::Verdict;
using diagnostics::Witness;
using diagnostics::fixture::kRankCounts;
using diagnostics::fixture::on_ranks;
using diagnostics::fixture::Problem;
using diagnostics::fixture::RankTrainer;

constexpr int64_t kSamples = 530;  // three chunks, on up to three ranks

struct Found {
  Evidence evidence;
  Verdict verdict;
};

// A part without samples, of these reals, and the samples nearest to it.
Found part_missing(std::vector<int64_t> reals, std::vector<int64_t> samples) {
  Found found;
  Part part{.name = "part 7", .share = 0.2};
  part.reals = std::move(reals);
  part.samples = std::move(samples);
  found.evidence.parts.emplace().missing.push_back(part);
  found.verdict.witnesses.push_back(Witness{diagnostics::State::collapsed,
                                            "mode_dropping",
                                            "",
                                            {"parts"},
                                            /*proof=*/false,
                                            {"part 7"},
                                            {}});
  return found;
}

struct Drawn {
  std::optional<records::Image> picture;
  std::vector<at::Tensor> samples;  // all, where one rank makes them
};

Drawn draw(const Problem& problem, world::Communicator& ranks, const Found& found) {
  RankTrainer trainer(problem, ranks);
  const auto forward = trainer.model().evaluation_forward(true);
  const diagnostics::Evaluation evaluation{
      trainer.objective(), forward, *problem.dataset, ranks, at::kCPU,
      problem.config.seed, 7,       kSamples};
  const auto generated = diagnostics::generate_chunks(evaluation);
  Drawn drawn{missing_picture(evaluation, generated, found.evidence, found.verdict), {}};
  for (const auto& chunk : generated)
    for (const at::Tensor& sample : chunk.samples.unbind(0))
      drawn.samples.push_back(sample.clone());
  return drawn;
}

TEST(MissingPicture, HasRealsOfAPartOverTheSamplesNearestToThemOnAnyNumberOfRanks) {
  const Problem problem = ::allmodes::testing::image_gan();
  const Found found = part_missing({40, 3, 9}, {0, 251, 529, 17});
  records::Image alone;
  for (const int size : kRankCounts) {
    SCOPED_TRACE(fmt::format("{} ranks", size));
    const auto drawn = on_ranks<Drawn>(
        size, [&](world::Communicator& group) { return draw(problem, group, found); });
    for (size_t rank = 1; rank < drawn.size(); ++rank) EXPECT_FALSE(drawn[rank].picture);
    ASSERT_TRUE(drawn[0].picture);
    if (size > 1) {
      EXPECT_EQ(drawn[0].picture->pixels, alone.pixels);
      continue;
    }
    alone = *drawn[0].picture;
    records::PictureRows expected(1, 8, 8, diagnostics::kLostRows);
    for (const int64_t real : found.evidence.parts->missing[0].reals) {
      const std::vector<int64_t> index = {diagnostics::compared_real(*problem.dataset, real)};
      std::vector<float> values(64);
      problem.dataset->copy(index, values.data(), nullptr);
      expected.add(values);
    }
    expected.end_row();
    for (const int64_t sample : found.evidence.parts->missing[0].samples)
      expected.add(diagnostics::values_of(drawn[0].samples[static_cast<size_t>(sample)]));
    expected.end_row();
    EXPECT_EQ(alone.pixels, expected.image().pixels);
  }
}

TEST(MissingPicture, HasRealsOfAKnownModeAndNothingWhereNothingIsMissing) {
  const Problem problem = ::allmodes::testing::image_gan();
  Found found;
  found.evidence.mode_of_real = {0, 1, 0, 1, 1};
  const auto picture = [&] {
    return on_ranks<Drawn>(
               1, [&](world::Communicator& group) { return draw(problem, group, found); })[0]
        .picture;
  };
  EXPECT_FALSE(picture());
  auto& missing = found.verdict.missing.emplace_back();
  missing.mode = 1;
  const auto drawn = picture();
  ASSERT_TRUE(drawn);
  records::PictureRows expected(1, 8, 8, diagnostics::kLostRows);
  for (const int64_t real : {1, 3, 4}) {
    const std::vector<int64_t> index = {diagnostics::compared_real(*problem.dataset, real)};
    std::vector<float> values(64);
    std::vector<int64_t> label(1);
    problem.dataset->copy(index, values.data(), label.data());
    expected.add(values);
  }
  expected.end_row();
  EXPECT_EQ(drawn->pixels, expected.image().pixels);
}

}  // namespace
}  // namespace allmodes::run
