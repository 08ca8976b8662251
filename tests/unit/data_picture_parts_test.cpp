// The training part and the held-out part of a set of pictures.

#include <algorithm>
#include <string>
#include <vector>

#include "unit/picture_set_fixture.h"

namespace allmodes::data {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

TEST_F(PictureFiles, FoldersWithSplitWordsPartTheSet) {
  for (int i = 0; i < 3; ++i) write("p/train/cat/" + std::to_string(i) + ".pgm", small(1));
  write("p/validation/cat/v.pgm", small(2));
  write("p/test/cat/t.pgm", small(3));
  write("p/test/dog/t.pgm", small(3));
  const auto training = make_dataset(images("p"), 1);
  EXPECT_EQ(training->size(), 3);
  EXPECT_THAT(training->class_names(), ElementsAre("cat"));
  EXPECT_EQ(make_held_out_dataset(images("p"), 1)->size(), 1);
  config::Data validation = images("p");
  validation.split = "val";
  EXPECT_EQ(make_dataset(validation, 1)->size(), 1);
  validation.split = "gold";
  EXPECT_REFUSED(validation, ExitCode::kConfiguration, HasSubstr("data.split"));
}

TEST_F(PictureFiles, TheHeldOutPartHasTheClassesOfTheTrainingPart) {
  for (const char* name : {"ant", "bee", "cat"})
    write(std::string("p/train/") + name + "/x.pgm", small(1));
  write("p/val/cat/v.pgm", small(2));
  write("p/val/bee/v.pgm", small(3));
  write("p/val/dog/v.pgm", small(4));
  write("p/val/dog/w.pgm", small(4));
  const auto held_out = make_held_out_dataset(images("p"), 1);
  EXPECT_THAT(held_out->class_names(), ElementsAre("ant", "bee", "cat"));
  std::vector<int64_t> labels(2);
  std::vector<float> values(static_cast<size_t>(2 * held_out->shape().values()));
  const std::vector<int64_t> both{0, 1};
  held_out->copy(both, values.data(), labels.data());
  EXPECT_THAT(labels, ElementsAre(1, 2));
  EXPECT_THAT(held_out->remarks(), Contains(HasSubstr("left out: dog (2)")));

  config::Data data = images("q");
  data.held_out = 0.2;
  for (int i = 0; i < 40; ++i) write("q/many/" + std::to_string(i) + ".pgm", small(1));
  write("q/a/1.pgm", small(2));  // too few for both parts
  const auto training = make_dataset(data, 1);
  EXPECT_THAT(make_held_out_dataset(data, 1)->class_names(),
              ElementsAreArray(training->class_names()));
}

TEST_F(PictureFiles, ThePartHeldOutByHashStaysWhenFilesAreAdded) {
  config::Data data = images("p");
  data.held_out = 0.3;
  for (int i = 0; i < 60; ++i)
    write("p/" + std::to_string(i) + ".pgm", small(static_cast<uint8_t>(i)));
  const auto greys = [&](const Dataset& set) {
    std::vector<float> found;
    for (int64_t i = 0; i < set.size(); ++i) found.push_back(sample(set, i)[0]);
    std::sort(found.begin(), found.end());
    return found;
  };
  const auto training = make_dataset(data, 1);
  const auto before = greys(*make_held_out_dataset(data, 1));
  EXPECT_EQ(training->size() + std::ssize(before), 60);
  EXPECT_GT(std::ssize(before), 8);
  EXPECT_LT(std::ssize(before), 30);
  for (int i = 60; i < 90; ++i)
    write("p/" + std::to_string(i) + ".pgm", small(static_cast<uint8_t>(i)));
  const auto after = greys(*make_held_out_dataset(data, 1));
  EXPECT_TRUE(std::includes(after.begin(), after.end(), before.begin(), before.end()));
}

}  // namespace
}  // namespace allmodes::data
