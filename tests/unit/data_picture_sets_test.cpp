// Folders and archives of pictures as data sets.

#include <atomic>

#include "data/formats/picture.h"
#include "data/formats/resample.h"
#include "data/pack.h"
#include "data/prefetcher.h"
#include "data/workers.h"
#include "unit/picture_files.h"
#include "unit/picture_set_fixture.h"
#include "unit/pillow_pictures.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(PictureFiles, TheNameOfAFileSaysNothingOfItsFormat) {
  write("p/a.png", bmp(4, 4, 9));
  write("p/b.jpg", webp(4, 4, 9));
  write("p/c", png(4, 4, std::vector<uint8_t>(48, 9), PNG_FORMAT_RGB));
  const auto dataset = make_dataset(images("p"), 1);
  EXPECT_EQ(dataset->size(), 3);
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_THAT(sample(*dataset, i), Each((9 - kByteCentre) * kByteScale));
  EXPECT_THAT(dataset->remarks(), ElementsAre(HasSubstr("1 BMP, 1 PNG, 1 WebP")));
}

TEST_F(PictureFiles, EveryPictureThatCannotBeReadIsNamedAtOnce) {
  for (int i = 0; i < 40; ++i) write("p/" + std::to_string(100 + i) + ".png", small(1));
  write("p/103.png", small(1).substr(0, 20));
  write("p/117.png", "");
  write("p/125.png", "<html>");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError,
                 AllOf(HasSubstr("3 of 40"), HasSubstr("103.png, byte 20"),
                       HasSubstr("117.png, byte 0: the file is empty"), HasSubstr("125.png"),
                       HasSubstr("HTML")));
  config::Data skip = images("p");
  skip.on_damage = "skip";
  EXPECT_REFUSED(skip, ExitCode::kDataError, HasSubstr("data.most_damaged"));
  skip.most_damaged = 0.1;
  const auto dataset = make_dataset(skip, 1);
  EXPECT_EQ(dataset->size(), 37);
  EXPECT_THAT(dataset->remarks(),
              ElementsAre(AllOf(HasSubstr("3 pictures"), HasSubstr("117.png"))));
}

TEST_F(PictureFiles, MoreThanTwentyDamagedPicturesAreCounted) {
  for (int i = 0; i < 30; ++i) write("p/" + std::to_string(100 + i) + ".png", "?");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError,
                 AllOf(HasSubstr("30 of 30"), HasSubstr("and 10 more"), Not(HasSubstr("121.png"))));
}

TEST_F(PictureFiles, FilesThatAreNoPicturesAreCountedByExtension) {
  write("p/a.pgm", small(1));
  for (const char* name : {"p/1.txt", "p/2.txt", "p/x.json", "p/y"}) write(name, "text");
  EXPECT_THAT(make_dataset(images("p"), 1)->remarks(),
              ElementsAre(AllOf(HasSubstr("4 of 5"), HasSubstr(".txt 2, "), HasSubstr(".json 1"),
                                HasSubstr("no extension 1"))));
  for (const char* name : {"p/1.gif", "p/2.gif"}) write(name, "GIF89a......");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError,
                 AllOf(HasSubstr(".gif 2"), HasSubstr("format that is not read")));
  fs::remove(folder_ / "p/a.pgm");
  EXPECT_REFUSED(images("p"), ExitCode::kNoInput,
                 AllOf(HasSubstr("no picture in it"), HasSubstr("6 files")));
}

TEST_F(PictureFiles, AnAnimatedPngGivesItsFirstPictureAndIsCounted) {
  std::string file = png(2, 2, {10, 20, 30, 40}, PNG_FORMAT_GRAY);
  std::string control = "acTL" + std::string("\0\0\0\2\0\0\0\0", 8);
  const auto crc = static_cast<uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(control.data()), static_cast<uInt>(control.size())));
  control = std::string("\0\0\0\x08", 4) + control;
  for (int shift = 24; shift >= 0; shift -= 8) control += static_cast<char>(crc >> shift & 0xFFU);
  file.insert(33, control);  // behind the header
  write("p/a.png", file);
  const auto dataset = make_dataset(images("p"), 1);
  EXPECT_THAT(dataset->remarks(), Contains(HasSubstr("1 pictures are animated")));
  EXPECT_EQ(dataset->size(), 1);
}

TEST_F(PictureFiles, PicturesMayLieDeepInsideOfAClassAndHiddenFoldersAreNone) {
  write("p/cat/2020/a.pgm", small(1));
  write("p/cat/b.pgm", small(2));
  write("p/dog/c.pgm", small(3));
  write("p/__MACOSX/._a.pgm", "x");
  write("p/.ipynb_checkpoints/a.pgm", small(4));
  const auto dataset = make_dataset(images("p"), 1);
  EXPECT_THAT(dataset->class_names(), ElementsAre("cat", "dog"));
  EXPECT_EQ(dataset->size(), 3);
  config::Data plain = images("p");
  plain.classes = "none";
  EXPECT_EQ(make_dataset(plain, 1)->classes(), 0);
}

TEST_F(PictureFiles, AFolderThatHoldsEverythingIsNoClass) {
  write("p/README", "photographs");
  write("p/set/README.md", "of animals");
  write("p/set/v2/cat/a.pgm", small(1));
  write("p/set/v2/dog/b.pgm", small(2));
  const auto dataset = make_dataset(images("p"), 1);
  EXPECT_THAT(dataset->remarks(), Contains(HasSubstr("'set/v2'")));
  EXPECT_THAT(dataset->class_names(), ElementsAre("cat", "dog"));
  write("parts/set/train/cat/a.pgm", small(1));
  write("parts/set/test/cat/b.pgm", small(2));
  EXPECT_EQ(make_held_out_dataset(images("parts"), 1)->size(), 1);
  // With pictures of its own, or with one folder inside, it is a class.
  write("one/cat/2020/a.pgm", small(1));
  EXPECT_THAT(make_dataset(images("one"), 1)->class_names(), ElementsAre("cat"));
  write("own/cat/a.pgm", small(1));
  write("own/cat/2020/b.pgm", small(1));
  write("own/cat/2021/b.pgm", small(1));
  EXPECT_THAT(make_dataset(images("own"), 1)->class_names(), ElementsAre("cat"));
}

TEST_F(PictureFiles, AClassWhoseNameIsNoUtf8HasAReadableName) {
  write("p/gr\xFCn/a.pgm", small(1));
  write("p/rot/b.pgm", small(2));
  const auto names = make_dataset(images("p"), 1)->class_names();
  EXPECT_THAT(names, ElementsAre("gr\\xFCn", "rot"));
}

TEST_F(PictureFiles, NumberedFoldersAreClassesWithAWord) {
  write("p/00000/a.pgm", small(1));
  write("p/01000/b.pgm", small(2));
  EXPECT_THAT(make_dataset(images("p"), 1)->remarks(),
              ElementsAre(HasSubstr("data.classes: none")));
}

TEST_F(PictureFiles, AFolderAnArchiveAndShardsOfTheSameFilesAreOneDataSet) {
  std::vector<std::pair<std::string, std::string>> files;
  std::vector<std::pair<std::string, std::string>> members;
  std::vector<std::string> pictures;
  for (int i = 0; i < 12; ++i) {
    const std::string name = (i < 5 ? "ant/0" : "bee/0") + std::to_string(100 + i);
    const auto grey = static_cast<uint8_t>(20 * i);
    pictures.push_back(i % 3 == 0   ? bmp(9, 7, grey)
                       : i % 3 == 1 ? webp(8, 6, grey)
                                    : pgm(7, 7, grey));
    files.emplace_back(name + ".jpg", pictures.back());
    members.emplace_back(name + ".jpg", pictures.back());
    members.emplace_back(name + ".cls", i < 5 ? "0\n" : "1");
    write("p/" + name + ".jpg", pictures.back());
  }
  write("stored.zip", zip(files));
  write("deflated.zip", zip(files, true));
  write("s-0.tar", tar({members.begin(), members.begin() + 10}));
  write("s-1.tar", tar({members.begin() + 10, members.end()}));
  const auto folder = make_dataset(images("p", 6), 1);
  EXPECT_EQ(folder->size(), 12);
  const auto bytes_of_all = [&](const Dataset& set) {
    std::vector<int64_t> labels(12);
    std::vector<int64_t> indices(12);
    for (int64_t i = 0; i < 12; ++i) indices[static_cast<size_t>(i)] = i;
    std::vector<uint8_t> out(static_cast<size_t>(12 * set.shape().values()));
    set.copy_bytes(indices, out.data(), labels.data());
    out.insert(out.end(), labels.begin(), labels.end());
    return out;
  };
  for (const char* name : {"stored.zip", "deflated.zip", "s-{0..1}.tar"}) {
    const auto same = make_dataset(images(name, 6), 1);
    EXPECT_EQ(same->fingerprint(), folder->fingerprint()) << name;
    EXPECT_EQ(bytes_of_all(*same), bytes_of_all(*folder)) << name;
  }
  write("m/index.json", mds_index(12));
  write("m/shard.00000.mds", mds_shard(pictures));
  config::Data unlabelled = images("p", 6);
  unlabelled.classes = "none";
  EXPECT_EQ(make_dataset(images("m", 6), 1)->fingerprint(),
            make_dataset(unlabelled, 1)->fingerprint());
  setenv("ALLMODES_CACHE", path("cache").c_str(), 1);
  for (const char* cache : {"none", "memory", "disk", "disk"}) {
    config::Data data = images("p", 6);
    data.cache = cache;
    data.threads = 3;
    const auto same = make_dataset(data, 1);
    EXPECT_EQ(same->fingerprint(), folder->fingerprint()) << cache;
    EXPECT_EQ(bytes_of_all(*same), bytes_of_all(*folder)) << cache;
    expect_bytes_are_samples(*same);
  }
}

TEST_F(PictureFiles, AnArchivesOwnLabelsAreItsClasses) {
  const std::string json = R"({"labels": [["00000/a.pgm", 3], ["00000/b.pgm", 1]]})";
  write("s.zip",
        zip({{"dataset.json", json}, {"00000/a.pgm", small(1)}, {"00000/b.pgm", small(2)}}));
  const auto dataset = make_dataset(images("s.zip"), 1);
  EXPECT_EQ(dataset->classes(), 4);
  EXPECT_EQ(label_of(*dataset, 0), 3);
  EXPECT_EQ(label_of(*dataset, 1), 1);
  EXPECT_THAT(dataset->existing_classes(), ElementsAre(1, 3));
  write("n.zip", zip({{"dataset.json", R"({"labels": null})"}, {"00000/a.pgm", small(1)}}));
  EXPECT_EQ(make_dataset(images("n.zip"), 1)->classes(), 0);
  write("v.zip", zip({{"dataset.json", R"({"labels": [["a.pgm", [0.5]]]})"}, {"a.pgm", small(1)}}));
  EXPECT_REFUSED(images("v.zip"), ExitCode::kDataError, HasSubstr("vectors"));
}

TEST_F(PictureFiles, AFoldersLabelsMayStandInAFileBesideThePictures) {
  for (const char* name : {"s/00000/a.pgm", "s/00000/b.pgm"}) write(name, small(1));
  write("s/dataset.json", R"({"labels": [["00000/a.pgm", 2], ["00000/b.pgm", 0]]})");
  const auto styled = make_dataset(images("s"), 1);
  EXPECT_THAT(styled->class_names(), ElementsAre("0", "1", "2"));
  EXPECT_EQ(label_of(*styled, 0), 2);
  EXPECT_THAT(styled->remarks(), ElementsAre());

  write("c/README.md", "what it is");
  for (const char* name : {"c/train/x/1.pgm", "c/train/x/2.pgm", "c/train/3.pgm"})
    write(name, small(1));
  write("c/train/metadata.csv",
        "file_name,text,label\nx/1.pgm,\"a, b\",wolf\nx/2.pgm,,cat\n3.pgm,,wolf\n");
  const auto table = make_dataset(images("c"), 1);
  EXPECT_THAT(table->class_names(), ElementsAre("cat", "wolf"));
  EXPECT_EQ(label_of(*table, 0) + label_of(*table, 1) + label_of(*table, 2), 2);

  write("j.zip", zip({{"metadata.jsonl", "{\"file_name\": \"a.pgm\", \"label\": 1}\n"},
                      {"a.pgm", small(1)}}));
  EXPECT_THAT(make_dataset(images("j.zip"), 1)->class_names(), ElementsAre("0", "1"));

  // Captions alone are no classes.
  write("k/a.pgm", small(1));
  write("k/metadata.jsonl", "{\"file_name\": \"a.pgm\", \"text\": \"a wolf\"}\n");
  EXPECT_EQ(make_dataset(images("k"), 1)->classes(), 0);
}

TEST_F(PictureFiles, LabelFilesThatDoNotFitAreRefusedWithTheirLine) {
  write("p/a.pgm", small(1));
  write("p/metadata.csv", "file_name,label\na.pgm,1\nb.pgm,1\n");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError,
                 AllOf(HasSubstr("metadata.csv:3"), HasSubstr("'b.pgm' is not there")));
  write("p/metadata.csv", "name,label\na.pgm,1\n");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError, HasSubstr("'file_name'"));
  write("p/b.pgm", small(1));
  write("p/metadata.csv", "file_name,label\na.pgm,1\n");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError, HasSubstr("has no label, but others have"));
  fs::remove(folder_ / "p/metadata.csv");
  write("p/metadata.jsonl", "{\"file_name\": 3}\n");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError, HasSubstr("metadata.jsonl:1"));
  fs::remove(folder_ / "p/metadata.jsonl");
  write("p/dataset.json", R"({"labels": 5})");
  EXPECT_REFUSED(images("p"), ExitCode::kDataError, HasSubstr("[[NAME, CLASS], ...]"));
}

TEST_F(PictureFiles, DamagedArchivesAreRefusedWithTheirPlace) {
  const std::string whole = zip({{"a.pgm", small(1)}, {"b.pgm", small(2)}});
  write("cut.zip", whole.substr(0, whole.size() - 30));
  EXPECT_REFUSED(images("cut.zip"), ExitCode::kDataError, HasSubstr("truncated"));
  std::string changed = whole;
  changed[60] = static_cast<char>(changed[60] ^ 1);
  write("sum.zip", changed);
  EXPECT_REFUSED(images("sum.zip"), ExitCode::kDataError,
                 AllOf(HasSubstr("sum.zip: a.pgm, byte"), HasSubstr("checksum")));
  const std::string shard = tar({{"a.pgm", pgm(30, 30, 1)}});
  write("cut.tar", shard.substr(0, 900));
  EXPECT_REFUSED(images("cut.tar"), ExitCode::kDataError,
                 AllOf(HasSubstr("cut.tar, byte 900"), HasSubstr("truncated")));
  write("twice.tar", tar({{"a.pgm", small(1)}, {"a.pgm", small(1)}}));
  EXPECT_REFUSED(images("twice.tar"), ExitCode::kDataError, HasSubstr("'.pgm' twice"));
  write("m/shard.00000.mds", mds_shard({small(1)}));
  write("m/index.json", mds_index(1, "pkl"));
  EXPECT_REFUSED(images("m"), ExitCode::kDataError, HasSubstr("pickle"));
}

TEST_F(PictureFiles, AnUnpackedSizeAboveTheLimitIsRefused) {
  std::string bomb = zip({{"a.pgm", pgm(1000, 1000, 0)}}, true);
  config::Data data = data_of("images", write("bomb.zip", bomb));
  data.largest_picture = 1;
  EXPECT_EQ(make_dataset(data, 1)->size(), 1);
  const size_t directory = bomb.find("PK\x01\x02");
  bomb.replace(directory + 24, 4, little(0x7FFFFFFF, 4));
  data.path = write("bomb.zip", bomb);
  EXPECT_REFUSED(data, ExitCode::kDataError, HasSubstr("data.largest_picture"));
}

TEST_F(PictureFiles, TheDiskCacheServesASecondStartAndNoticesAChange) {
  setenv("ALLMODES_CACHE", path("cache").c_str(), 1);
  for (int i = 0; i < 6; ++i)
    write("p/" + std::to_string(i) + ".pgm", small(static_cast<uint8_t>(i)));
  write("p/5.pgm", "broken");
  config::Data data = images("p");
  data.cache = "disk";
  data.on_damage = "skip";
  data.most_damaged = 0.5;
  const auto first = make_dataset(data, 1);
  EXPECT_EQ(first->size(), 5);
  const auto files = [&] {
    return std::distance(fs::directory_iterator(folder_ / "cache/data"), fs::directory_iterator());
  };
  const auto one = files();
  const auto second = make_dataset(data, 1);
  EXPECT_EQ(files(), one);
  EXPECT_EQ(second->fingerprint(), first->fingerprint());
  EXPECT_EQ(second->remarks(), first->remarks());
  EXPECT_EQ(sample(*second, 4), sample(*first, 4));
  write("p/6.pgm", small(6));
  EXPECT_EQ(make_dataset(data, 1)->size(), 6);
  EXPECT_GT(files(), one);
}

TEST_F(PictureFiles, APackedSetIsTheSameSet) {
  for (int i = 0; i < 5; ++i) {
    write("p/cat/" + std::to_string(i) + ".bmp", bmp(5, 2, static_cast<uint8_t>(40 * i)));
    write("p/dog/" + std::to_string(i) + ".pgm", pgm(5, 2, static_cast<uint8_t>(50 * i)));
  }
  const auto dataset = make_dataset(images("p"), 1);
  EXPECT_THAT(pack(*dataset, path("x.npy")), ElementsAre(path("x.npy"), path("x.labels.npy")));
  for (const bool map : {false, true}) {
    config::Data data = data_of("npy", path("x.npy"), path("x.labels.npy"));
    data.memory_map = map;
    EXPECT_EQ(make_dataset(data, 1)->fingerprint(), dataset->fingerprint());
  }
  EXPECT_THAT(pack(*dataset, path("x.zip")), ElementsAre(path("x.zip")));
  EXPECT_EQ(make_dataset(images("x.zip"), 1)->fingerprint(), dataset->fingerprint());
  EXPECT_FALSE(fs::exists(path("x.zip.part")));
  EXPECT_EQ(error_of([&] { pack(*dataset, path("x.tar")); }).code(), ExitCode::kUsage);
}

TEST_F(PictureFiles, FieldsThatDoNotGoTogetherAreRefused) {
  write("p/a.pgm", small(1));
  config::Data data = images("p");
  data.fit = "crop";
  EXPECT_REFUSED(data, ExitCode::kConfiguration, HasSubstr("data.image_size"));
  data.image_size = 4;
  data.filter = "area";
  EXPECT_REFUSED(data, ExitCode::kConfiguration, HasSubstr("data.filter"));
}

TEST_F(PictureFiles, FlipsDependOnEpochAndSampleAloneAndAreHalfOfAll) {
  for (int i = 0; i < 64; ++i)
    write("p/" + std::to_string(i) + ".pgm", "P5\n2 1\n255\n" + std::string("\x00\xFF", 2));
  config::Data data = images("p");
  data.flip = true;
  const auto dataset = make_dataset(data, 1);
  const Sampler sampler(64, 5);
  const auto epoch = [&](int64_t batch, uint64_t first) {
    Prefetcher prefetcher(*dataset, sampler, first, batch, {0, batch}, 1, Form::bytes);
    std::vector<int> flipped(64, -1);
    for (int64_t have = 0; have < 64; have += batch) {
      const Batch got = prefetcher.next();
      for (int64_t i = 0; i < batch; ++i)
        flipped[static_cast<size_t>(got.indices[static_cast<size_t>(i)])] =
            got.bytes[static_cast<size_t>(2 * i)] == 255 ? 1 : 0;
    }
    return flipped;
  };
  const auto first = epoch(64, 0);
  EXPECT_EQ(epoch(16, 0), first);
  EXPECT_NE(epoch(64, 64), first);
  const auto count = std::count(first.begin(), first.end(), 1);
  EXPECT_GT(count, 16);
  EXPECT_LT(count, 48);
}

}  // namespace
}  // namespace allmodes::data
