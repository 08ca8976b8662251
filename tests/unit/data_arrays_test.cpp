// Arrays of every type, what their numbers mean, and labels.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/random.h"
#include "data/arrays.h"
#include "unit/data_fixture.h"
#include "unit/picture_files.h"

namespace allmodes::data {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Arrays : public DataFiles {
 protected:
  std::unique_ptr<Dataset> read(const std::string& descr, const std::string& shape,
                                const std::string& values) const {
    return make_dataset(data_of("npy", write("x.npy", npy(descr, shape, values))), 1);
  }
  static std::string reversed(std::string bytes, size_t width) {
    for (size_t at = 0; at < bytes.size(); at += width)
      std::reverse(bytes.begin() + static_cast<int64_t>(at),
                   bytes.begin() + static_cast<int64_t>(at + width));
    return bytes;
  }
};

TEST_F(Arrays, EveryTypeAndByteOrderIsRead) {
  const auto expect = [&](const std::string& descr, const std::string& bytes) {
    EXPECT_THAT(sample(*read(descr, "(1, 3)", bytes), 0), ElementsAre(0, 1, 7)) << descr;
  };
  const std::vector<float> f = {0, 1, 7};
  const std::vector<double> d = {0, 1, 7};
  expect("<f4", raw(f));
  expect(">f4", reversed(raw(f), 4));
  expect("<f8", raw(d));
  expect(">f8", reversed(raw(d), 8));
  const std::vector<uint16_t> half = {0, 0x3C00, 0x4700};
  expect("<f2", raw(half));
  expect(">f2", reversed(raw(half), 2));
  expect("|i1", raw<int8_t>({0, 1, 7}));
  expect("<i2", raw<int16_t>({0, 1, 7}));
  expect(">u2", reversed(raw<uint16_t>({0, 1, 7}), 2));
  expect("<i4", raw<int32_t>({0, 1, 7}));
  expect(">i8", reversed(raw<int64_t>({0, 1, 7}), 8));
  EXPECT_THAT(sample(*read("|b1", "(1, 2)", std::string("\0\1", 2)), 0), ElementsAre(0, 1));
}

TEST_F(Arrays, HalfPrecisionIsExactFromTheSmallestToTheLargest) {
  const auto set = read("<f2", "(1, 5)", raw<uint16_t>({0x0001, 0x03FF, 0x8400, 0x7BFF, 0xBC01}));
  EXPECT_THAT(sample(*set, 0),
              ElementsAre(0x1p-24F, 1023 * 0x1p-24F, -0x1p-14F, 65504.0F, -(1.0F + 0x1p-10F)));
}

// What `work` adds to the memory of a process, in KiB.
template <class Work>
long added_memory(const Work& work) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    const auto peak = [] {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      return usage.ru_maxrss;
    };
    const long before = peak();
    work();
    const long added = peak() - before;
    _exit(write(ends[1], &added, sizeof added) == sizeof added ? 0 : 1);
  }
  long added = -1;
  if (child < 0 || read(ends[0], &added, sizeof added) != sizeof added) added = -1;
  close(ends[0]);
  close(ends[1]);
  if (child > 0) waitpid(child, nullptr, 0);
  return added;
}

TEST_F(Arrays, ALargeArrayIsInMemoryOnce) {
  constexpr int64_t kSamples = 32768;
  constexpr int64_t kKib = kSamples * 512 * 4 / 1024;
  const std::string path =
      write("large.npy", npy("<f4", "(32768, 512)", raw(std::vector<float>(kSamples * 512, 0.5F))));
  const long added = added_memory([&] { make_dataset(data_of("npy", path), 1); });
  EXPECT_GT(added, kKib * 9 / 10);
  EXPECT_LT(added, kKib * 3 / 2);
}

TEST_F(Arrays, FortranOrderIsTheSameArray) {
  std::string columns = npy("<f4", "(2, 3)", raw<float>({1, 4, 2, 5, 3, 6}));
  columns.replace(columns.find("False"), 5, "True ");
  const auto set = make_dataset(data_of("npy", write("f.npy", columns)), 1);
  EXPECT_THAT(sample(*set, 0), ElementsAre(1, 2, 3));
  EXPECT_THAT(sample(*set, 1), ElementsAre(4, 5, 6));
}

TEST_F(Arrays, AnNpzIsReadByTheNameOfItsArray) {
  const std::string a = npy("<f4", "(2, 1)", raw<float>({1, 2}));
  const std::string b = npy("<i8", "(2,)", raw<int64_t>({1, 0}));
  const auto both = write("both.npz", zip({{"x.npy", a}, {"y.npy", b}}, true));
  EXPECT_REFUSED(data_of("npy", both), ExitCode::kDataError,
                 AllOf(HasSubstr("2 arrays"), HasSubstr(":NAME"), HasSubstr("x, y")));
  const auto set = make_dataset(data_of("npy", both + ":x", both + ":y"), 1);
  EXPECT_THAT(sample(*set, 1), ElementsAre(2));
  EXPECT_EQ(label_of(*set, 0), 1);
  EXPECT_REFUSED(data_of("npy", both + ":z"), ExitCode::kDataError, HasSubstr("none of them 'z'"));
  const auto one = make_dataset(data_of("npy", write("one.npz", zip({{"arr_0.npy", a}}))), 1);
  EXPECT_EQ(one->fingerprint(), make_dataset(data_of("npy", write("a.npy", a)), 1)->fingerprint());
  EXPECT_REFUSED(data_of("npy", write("cut.npz", zip({{"x.npy", a.substr(0, 132)}}))),
                 ExitCode::kDataError, AllOf(HasSubstr("cut.npz: x.npy, byte 132")));
}

TEST_F(Arrays, FilesOfPyTorchAreRefusedWithTheLineThatSavesThemReadable) {
  for (const auto& bytes :
       {zip({{"archive/data.pkl", "x"}, {"archive/data/0", "y"}}), std::string("\x80\x02}q.")})
    EXPECT_REFUSED(data_of("files", write("x.pt", bytes)), ExitCode::kDataError,
                   AllOf(HasSubstr("np.save"), HasSubstr("torch.load")));
}

TEST_F(Arrays, BytesFloatsOfBytesAndTheUnitRangeAreOneSet) {
  std::vector<uint8_t> bytes(2 * 16);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 255 / 31);
  std::vector<float> unit, whole;
  for (const uint8_t b : bytes) {
    unit.push_back(static_cast<float>(b) / 255);
    whole.push_back(b);
  }
  const std::string shape = "(2, 1, 4, 4)";
  const auto stored = read("|u1", shape, raw(bytes));
  for (const auto& values : {unit, whole}) {
    const auto set = read("<f4", shape, raw(values));
    EXPECT_EQ(set->fingerprint(), stored->fingerprint());
    EXPECT_EQ(set->remarks().size(), 1U);
  }
  whole[5] += 0.25F;
  const auto p = write("x.npy", npy("<f4", shape, raw(whole)));
  EXPECT_REFUSED(data_of("npy", p), ExitCode::kDataError,
                 AllOf(HasSubstr("from 0 to 255"), HasSubstr("data.range: \"bytes\"")));
  config::Data data = data_of("npy", p);
  data.range = "bytes";
  EXPECT_NEAR(sample(*make_dataset(data, 1), 0)[5], (whole[5] - 127.5F) / 127.5F, 1e-6);
}

TEST_F(Arrays, StandardizedImagesAreRefusedWithTheRemedy) {
  EXPECT_REFUSED(data_of("npy", write("x", npy("<f4", "(1, 1, 1, 2)", raw<float>({-2.5F, 2.0F})))),
                 ExitCode::kDataError,
                 AllOf(HasSubstr("from -2.5 to 2"), HasSubstr("x * deviation + mean")));
}

TEST_F(Arrays, SequencesArePointsAndPicturesInRangeAreSaidToBeSuch) {
  const auto sequences = read("<f4", "(2, 2, 2)", raw<float>({-9, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(sequences->shape(), (SampleShape{.channels = 4}));
  EXPECT_THAT(sample(*sequences, 1), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(sequences->sample_dimensions(), ElementsAre(2, 2));
  EXPECT_THAT(sequences->remarks(), ElementsAre(HasSubstr("points of 4 numbers")));
  const auto p = write("y", npy("<f4", "(1, 2, 2)", raw<float>({-1, 1, 0, 0})));
  const auto pictures = make_dataset(data_of("npy", p), 1);
  EXPECT_TRUE(pictures->shape().image);
  EXPECT_THAT(pictures->remarks(), ElementsAre(HasSubstr("data.layout: \"points\"")));
  config::Data data = data_of("npy", p);
  data.layout = "points";
  EXPECT_FALSE(make_dataset(data, 1)->shape().image);
  EXPECT_EQ(read("<f4", "(1, 2, 2, 2, 2)", raw(std::vector<float>(16, 5)))->shape().channels, 16);
}

TEST_F(Arrays, SamplesThatAreNotFiniteAreCountedAndTheFirstIsNamed) {
  std::vector<float> values(100, 0.5F);
  values[34] = std::nanf("");
  values[35] = std::nanf("");
  values[80] = INFINITY;
  const auto data = data_of("npy", write("x", npy("<f4", "(50, 2)", raw(values))));
  try {
    make_dataset(data, 1);
    FAIL();
  } catch (const NonFinite& fault) {
    EXPECT_EQ(fault.samples(), 2);
    EXPECT_EQ(fault.total(), 50);
    EXPECT_EQ(fault.first(), 17);
    EXPECT_THAT(fault.what(), AllOf(HasSubstr("2 of 50"), HasSubstr("sample 17"),
                                    HasSubstr("byte " + std::to_string(128 + 34 * 4))));
  }
}

TEST_F(Arrays, LabelsMayBeFloatsBooleansOneHotOrTexts) {
  const auto x = write("x.npy", npy("<f4", "(3, 1)", raw<float>({1, 2, 3})));
  const auto labels = [&](const std::string& descr, const std::string& shape,
                          const std::string& values) {
    const auto set = make_dataset(data_of("npy", x, write("l.npy", npy(descr, shape, values))), 1);
    return std::vector<int64_t>{label_of(*set, 0), label_of(*set, 1), label_of(*set, 2)};
  };
  EXPECT_THAT(labels("<f4", "(3,)", raw<float>({2, 0, 1})), ElementsAre(2, 0, 1));
  EXPECT_THAT(labels("|b1", "(3,)", std::string("\1\0\1", 3)), ElementsAre(1, 0, 1));
  EXPECT_THAT(labels("|u1", "(3, 3)", raw<uint8_t>({0, 0, 1, 1, 0, 0, 0, 1, 0})),
              ElementsAre(2, 0, 1));
  EXPECT_THAT(labels("|S2", "(3,)", std::string("b\0a\0c\0", 6)), ElementsAre(1, 0, 2));
  EXPECT_THAT(labels("<U1", "(3,)", raw<uint32_t>({'b', 'b', 'a'})), ElementsAre(1, 1, 0));
  EXPECT_REFUSED(data_of("npy", x, write("h", npy("<f4", "(3,)", raw<float>({0, 0.5F, 1})))),
                 ExitCode::kDataError, HasSubstr("0.5 is no whole number"));
  EXPECT_REFUSED(
      data_of("npy", x, write("h", npy("|u1", "(3, 2)", raw<uint8_t>({1, 0, 1, 1, 0, 1})))),
      ExitCode::kDataError, HasSubstr("row 1"));
}

TEST_F(Arrays, AClassWithoutASampleDoesNotExist) {
  const auto x = write("x.npy", npy("<f4", "(3, 1)", raw<float>({1, 2, 3})));
  const auto set =
      make_dataset(data_of("npy", x, write("l", npy("<i4", "(3,)", raw<int32_t>({1, 3, 1})))), 1);
  EXPECT_EQ(set->classes(), 4);
  EXPECT_THAT(set->existing_classes(), ElementsAre(1, 3));
}

TEST_F(Arrays, ADownloadThatIsNoDataIsCalledWhatItIs) {
  EXPECT_REFUSED(data_of("idx", write("a.gz", "<!doctype html><p>404")), ExitCode::kDataError,
                 HasSubstr("HTML"));
  write_gz("once.gz", idx({1, 1, 1}, "x"));
  std::ifstream in(path("once.gz"), std::ios::binary);
  write_gz("twice.gz", std::string{std::istreambuf_iterator<char>(in), {}});
  EXPECT_REFUSED(data_of("idx", path("twice.gz")), ExitCode::kDataError,
                 HasSubstr("unpack it once"));
  EXPECT_EQ(make_dataset(data_of("idx", write("plain.gz", idx({1, 1, 1}, "x"))), 1)->size(), 1);
}

TEST_F(Arrays, AnArrayOfOneDimensionIsRefusedWithTheShapeThatItNeeds) {
  EXPECT_REFUSED(data_of("npy", write("one.npy", npy("|u1", "(4,)", "abcd"))), ExitCode::kDataError,
                 AllOf(HasSubstr("the shape [4]"), HasSubstr("x.reshape(-1, 1)")));
}

TEST_F(Arrays, OneDoorReadsEachKindByItsContent) {
  write("folder/a.pgm", pgm(2, 2, 3));
  write("z", zip({{"a.pgm", pgm(2, 2, 3)}}));
  write("t", tar({{"a.pgm", pgm(2, 2, 3)}}));
  write("i", idx({1, 2, 2}, std::string(4, 3)));
  write("n", npy("|u1", "(1, 2, 2)", std::string(4, 3)));
  write_gz("g", npy("|u1", "(1, 2, 2)", std::string(4, 3)));
  const uint64_t expected = make_dataset(data_of("files", path("i")), 1)->fingerprint();
  for (const char* name : {"folder", "z", "t", "n", "g"})
    EXPECT_EQ(make_dataset(data_of("files", path(name)), 1)->fingerprint(), expected) << name;
}

TEST_F(Arrays, PathsAreExpandedAndShownInFull) {
  write("n.npy", npy("<f4", "(1, 1)", raw<float>({1})));
  setenv("ALLMODES_TEST_FOLDER", folder_.c_str(), 1);
  EXPECT_EQ(make_dataset(data_of("npy", "$ALLMODES_TEST_FOLDER/n.npy"), 1)->size(), 1);
  EXPECT_EQ(make_dataset(data_of("npy", "${ALLMODES_TEST_FOLDER}/n.npy"), 1)->size(), 1);
  EXPECT_REFUSED(data_of("npy", "$ALLMODES_TEST_NOWHERE/n"), ExitCode::kConfiguration,
                 HasSubstr("ALLMODES_TEST_NOWHERE"));
  EXPECT_REFUSED(data_of("npy", "nowhere.npy"), ExitCode::kNoInput,
                 HasSubstr("(in " + fs::current_path().string() + ")"));
  EXPECT_REFUSED(data_of("npy", "~/no/such.npy"), ExitCode::kNoInput,
                 HasSubstr(std::string(std::getenv("HOME")) + "/no/such.npy"));
}

}  // namespace
}  // namespace allmodes::data
