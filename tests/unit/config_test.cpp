#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <limits>
#include <set>

#include "allmodes/v1/run.pb.h"
#include "base/error.h"
#include "config/families.h"
#include "config/field_list.h"
#include "config/load.h"
#include "unit/config_reading.h"

namespace allmodes::config {
namespace {

using reading::all_text;
using reading::kEverything;
using reading::only;
using reading::read;
using reading::wheres;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// ---- the list of fields ------------------------------------------------------------------------

TEST(ConfigFields, EveryFieldOfTheSchemaIsDescribed) {
  std::set<std::string> described;
  for (const Field& field : every_field()) described.insert(field.scope + "." + field.name);
  std::set<std::string> schema;
  const auto& file = *allmodes::v1::Run::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i)
    for (int j = 0; j < file.message_type(i)->field_count(); ++j)
      schema.insert(file.message_type(i)->name() + "." + file.message_type(i)->field(j)->name());
  EXPECT_EQ(described, schema);
}

TEST(ConfigFields, EveryFieldHasAMeaningInASentence) {
  for (const Field& field : every_field()) {
    EXPECT_TRUE(field.meaning.ends_with('.')) << field.path << ": " << field.meaning;
    EXPECT_EQ(field.meaning.find('\n'), std::string::npos) << field.path;
  }
}

TEST(ConfigFields, ChangedOnesAreThoseThatAreNotAtTheirDefault) {
  EXPECT_THAT(changed_fields(Data{}), IsEmpty());
  Data data;
  data.path = "x";
  data.mode.push_back({});
  EXPECT_THAT(changed_fields(data), ElementsAre("path", "mode"));
  EXPECT_THAT(changed_fields(Network{.bias = false, .layers = {{Flatten{}}}}),
              ElementsAre("bias", "layers"));
  EXPECT_THAT(changed_fields(Rollback{.kl_weight = 0.5}), ElementsAre("kl_weight"));
}

TEST(ConfigFields, EverySingularScalarTellsGivenFromDefault) {
  const auto& file = *allmodes::v1::Run::descriptor()->file();
  for (int i = 0; i < file.message_type_count(); ++i) {
    for (int j = 0; j < file.message_type(i)->field_count(); ++j) {
      const auto* field = file.message_type(i)->field(j);
      EXPECT_TRUE(field->is_repeated() || field->has_presence()) << field->full_name();
    }
  }
}

// ---- values -------------------------------------------------------------------------------------

TEST(ConfigLoad, ValuesArriveAndTheRestKeepsItsDefault) {
  const auto loaded = read(kEverything);
  ASSERT_THAT(loaded.problems, IsEmpty()) << all_text(loaded);
  const auto& c = loaded.config;
  EXPECT_EQ(c.seed, std::numeric_limits<uint64_t>::max());
  EXPECT_EQ(c.batch, 96);
  EXPECT_EQ(c.device, "auto");
  ASSERT_THAT(c.data.mode, SizeIs(2));
  EXPECT_THAT(c.data.mode[0].mean, ElementsAre(1.0, -2.5));
  EXPECT_THAT(c.data.mode[1].mean, ElementsAre(0.0, 1e-3));
  EXPECT_EQ(c.data.mode[1].std, 0.05);
  EXPECT_EQ(family_name(c), "gan");
  const auto& gan = std::get<Gan>(c.family);
  ASSERT_THAT(gan.generator.layers, SizeIs(5));
  EXPECT_EQ(std::get<Linear>(gan.generator.layers[0].kind).units, 8);
  EXPECT_FALSE(std::get<Linear>(gan.generator.layers[0].kind).bias);
  const auto& outer = std::get<Residual>(gan.generator.layers[1].kind);
  const auto& inner = std::get<Residual>(outer.layers[1].kind);
  EXPECT_TRUE(std::holds_alternative<Flatten>(inner.layers[0].kind));
  EXPECT_EQ(gan.penalty[0].weight, 0.30000000000000004);
  EXPECT_EQ(gan.penalty[0].interval, 1);
}

TEST(ConfigLoad, DefaultsAreThoseOfThePlainStructs) {
  const auto loaded = read("vae {}");
  ASSERT_THAT(loaded.problems, IsEmpty()) << all_text(loaded);
  RunConfig expected;
  expected.family = Vae{};
  EXPECT_EQ(print(loaded.config), print(expected));
  EXPECT_EQ(std::get<Vae>(loaded.config.family).optimizer.learning_rate, 1e-3);
  EXPECT_EQ(family_name(loaded.config), "vae");
  EXPECT_EQ(family_name(RunConfig{}), "");
}

TEST(ConfigPrint, LoadsBackToTheSameText) {
  for (const auto text : {kEverything, std::string_view("gan {}"), std::string_view("vae {}")}) {
    const auto printed = print(read(text).config);
    const auto again = read(printed);
    EXPECT_THAT(again.problems, IsEmpty()) << all_text(again);
    EXPECT_EQ(print(again.config), printed);
    EXPECT_EQ(fingerprint(again.config), fingerprint(read(text).config));
  }
}

TEST(ConfigPrint, WritesEveryDefaultUnderTheSchemaHeader) {
  const auto printed = print(read("gan {}").config);
  EXPECT_EQ(printed.rfind("# proto-file: proto/allmodes/v1/run.proto\n"
                          "# proto-message: allmodes.v1.Run\n",
                          0),
            0u);
  EXPECT_THAT(printed, HasSubstr("learning_rate: 0.0002"));
  EXPECT_THAT(printed, HasSubstr("output_activation: \"\""));
  EXPECT_THAT(printed, HasSubstr("clip_norm: 0"));
}

TEST(ConfigPrint, FingerprintChangesWithAnyValue) {
  auto config = read("gan {}").config;
  const auto before = fingerprint(config);
  config.data.std = 0.050000000000000003 * (1 + 1e-15);
  EXPECT_NE(fingerprint(config), before);
}

// ---- ranges
// ---------------------------------------------------------------------------------------

TEST(ConfigRanges, EachValueOutsideItsRangeIsRefusedAtItsPlace) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"gan {} batch: 0", "batch"},
      {"gan {} steps: -3", "steps"},
      {"gan {} steps: 9223372036854775807", "steps"},
      {"gan {} device: \"gpu\"", "device"},
      {"gan {} name: \"../x\"", "name"},
      {"gan {} name: \"\"", "name"},
      {"gan {} data { std: inf }", "data.std"},
      {"gan {} data { mode { mean: [1] } }", "data.mode[0].mean"},
      {"gan {} data { mode { mean: [1, nan] } }", "data.mode[0].mean[1]"},
      {"gan { generator { maxout_pieces: 1 } }", "gan.generator.maxout_pieces"},
      {"gan { generator { activation: \"rely\" } }", "gan.generator.activation"},
      {"gan { generator { norm: \"layers\" } }", "gan.generator.norm"},
      {"gan { generator { initialization: \"x\" } }", "gan.generator.initialization"},
      {"gan { generator_optimizer { beta1: 1 } }", "gan.generator_optimizer.beta1"},
      {"gan { generator_optimizer { beta2: -0.1 } }", "gan.generator_optimizer.beta2"},
      {"gan { generator_optimizer { decay: \"step\" } }", "gan.generator_optimizer.decay"},
      {"gan { generator { layers { linear {} } } }", "gan.generator.layers[0].linear.units"},
      {"gan { generator { layers { } } }", "gan.generator.layers[0]"},
      {"gan { generator { layers { reshape {} } } }", "gan.generator.layers[0].reshape.shape"},
      {"gan { generator { layers { maxout { units: 2 pieces: 1 } } } }",
       "gan.generator.layers[0].maxout.pieces"},
      {"gan { generator { layers { batch_norm { momentum: 0 } } } }",
       "gan.generator.layers[0].batch_norm.momentum"},
      {"gan { generator { layers { transposed_convolution { channels: 1 output_padding: 2 } } } }",
       "gan.generator.layers[0].transposed_convolution.output_padding"},
      {"gan { penalty { weight: 0 } }", "gan.penalty[0].weight"},
      {"vae { latent { distribution: \"uniform\" } }", "vae.latent.distribution"},
      {"vae { beta: -1 }", "vae.beta"},
      {"gan {} verdict { on_collapse: \"halt\" }", "verdict.on_collapse"},
      {"gan {} verdict { significance: 1 }", "verdict.significance"},
      {"gan {} diagnostics { samples: 1 }", "diagnostics.samples"},
      {"gan {} batch: 10 microbatches: 3", "microbatches"},
  };
  for (const auto& [text, path] : cases) {
    EXPECT_EQ(only(text).path, path) << text;
  }
}

TEST(ConfigRanges, TheEdgesOfARangeAreAccepted) {
  for (const auto text :
       {"gan { generator { maxout_pieces: 0 } }", "gan { generator { maxout_pieces: 2 } }",
        "gan { generator_optimizer { beta1: 0 ema_decay: 0 clip_norm: 0 } }",
        "gan {} verdict { minimum_r2: 1 minimum_high_quality: 0 }", "vae { beta: 0 }",
        "gan {} checkpoints { every: 0 } images { every: 0 }", "gan {} steps: 281474976710655"}) {
    const auto loaded = read(text);
    EXPECT_THAT(loaded.problems, IsEmpty()) << text << all_text(loaded);
  }
}

TEST(ConfigRanges, SynchronizedBatchNormIsRefusedUnderAGradientPenalty) {
  const auto named = only("gan { penalty { }\n discriminator { norm: \"sync_batch\" } }");
  EXPECT_EQ(named.where, "a.txtpb:2:18");
  EXPECT_THAT(named.message, HasSubstr("cannot be differentiated twice"));
  EXPECT_EQ(only("gan { penalty { } discriminator { layers { residual { layers { batch_norm {"
                 " statistics: \"global\" } } } } } }")
                .path,
            "gan.discriminator.layers[0].residual.layers[0].batch_norm.statistics");
  for (const auto text : {"gan { discriminator { norm: \"sync_batch\" } }",
                          "gan { penalty { } discriminator { norm: \"batch\" } }",
                          "gan { penalty { } generator { norm: \"sync_batch\" } }"}) {
    EXPECT_THAT(read(text).problems, IsEmpty()) << text;
  }
}

TEST(ConfigRanges, LayersThatCompareSamplesAreCheckedAgainstTheRestOfTheRun) {
  const std::string likeness = "layers { minibatch_discrimination { statistics: \"global\" } }";
  const auto twice = only(
      "gan { penalty { } discriminator { layers { residual { layers { flatten "
      "{} } shortcut { minibatch_discrimination { statistics: \"global\" } } "
      "} } } }");
  EXPECT_EQ(twice.path,
            "gan.discriminator.layers[0].residual.shortcut[0].minibatch_discrimination.statistics");
  EXPECT_THAT(twice.message, HasSubstr("cannot be differentiated twice"));
  EXPECT_THAT(only("gan { generator { " + likeness + " } }").message,
              HasSubstr("which is for discriminators"));
  EXPECT_THAT(only("vae { encoder { layers { minibatch_stddev {} } } }").message,
              HasSubstr("which is for discriminators"));
  EXPECT_THAT(
      only("batch: 24 gan { packing: 4 discriminator { layers { minibatch_stddev {} } } }").message,
      HasSubstr("do not divide the 6 samples"));
  EXPECT_EQ(only("batch: 24 gan { discriminator { minibatch_stddev: 16 } }").path,
            "gan.discriminator.minibatch_stddev");
  for (const std::string& text :
       {"gan { discriminator { " + likeness + " } }",
        std::string(
            "batch: 24 gan { packing: 2 discriminator { layers { minibatch_stddev {} } } }"),
        std::string("gan { penalty { } discriminator { minibatch_features: 4 } }")}) {
    EXPECT_THAT(read(text).problems, IsEmpty()) << text;
  }
}

// ---- overrides
// ------------------------------------------------------------------------------------

TEST(ConfigOverrides, ReplaceValuesListsAndBlocks) {
  const auto loaded = read(
      kEverything, {"batch=30", "name=plain-text", "data.dataset=\"ring\"",
                    "gan.generator.layers[0].linear.units=17",
                    "gan.generator.layers[4].reshape.shape=[2,3]", "gan.penalty=[{kind: \"gp\"}]",
                    "data.path=a b\"c", "data.mode[1]={mean: [5, 6]}", "images.every=0"});
  ASSERT_THAT(loaded.problems, IsEmpty()) << all_text(loaded);
  const auto& c = loaded.config;
  const auto& gan = std::get<Gan>(c.family);
  EXPECT_EQ(c.batch, 30);
  EXPECT_EQ(c.name, "plain-text");
  EXPECT_EQ(c.data.dataset, "ring");
  EXPECT_EQ(c.data.path, "a b\"c");
  EXPECT_EQ(std::get<Linear>(gan.generator.layers[0].kind).units, 17);
  EXPECT_THAT(std::get<Reshape>(gan.generator.layers[4].kind).shape, ElementsAre(2, 3));
  ASSERT_THAT(gan.penalty, SizeIs(1));
  EXPECT_EQ(gan.penalty[0].kind, "gp");
  EXPECT_THAT(c.data.mode[1].mean, ElementsAre(5.0, 6.0));
  EXPECT_EQ(c.images.every, 0);
}

TEST(ConfigOverrides, MistakesNameTheOverride) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"btach=3", "did you mean 'batch'"},
      {"batch_size=3", "did you mean 'batch'"},
      {"gan.generator.normalization=batch", "did you mean 'norm'"},
      {"gan.generator.widht=3", "did you mean 'width'"},
      {"vae.beta=2", "chose 'gan'"},
      {"batch=abc", "expected a whole number"},
      {"batch=5 steps: 7", "more than one value"},
      {"batch=", "expected a whole number"},
      {"gan.generator.layers.linear.units=3", "is a list"},
      {"gan.generator.layers[9].linear.units=3", "there are 5 entries"},
      {"gan.generator.layers[0].maxout.units=3", "chose 'linear'"},
      {"gan.generator.layers[x].linear.units=3", "not of the form"},
      {"batch.x=3", "nothing inside"},
      {"data.mode[0]=3", "expected a block"},
      {"data.mode[0].mean[1]=3", "set it whole"},
      {"data[0].std=3", "takes no index"},
      {".=3", "not of the form"},
      {"=3", "not of the form"},
      {"gan.=3", "not of the form"},
  };
  for (const auto& [text, message] : cases) {
    const auto problem = only(kEverything, {text});
    EXPECT_THAT(problem.message, HasSubstr(message)) << text;
    EXPECT_EQ(problem.where, "--set " + text.substr(0, text.find('='))) << text;
  }
  EXPECT_THAT(only("gan {}", {"batch"}).message, HasSubstr("path.to.field=value"));
}

TEST(ConfigOverrides, RangeMistakesNameTheOverrideAndComeLast) {
  const auto loaded =
      read("gan { penalty { weight: 3 } }\nsteps: 0", {"gan.penalty=[{weight: -1}]"});
  EXPECT_THAT(wheres(loaded), ElementsAre("a.txtpb:2:1", "--set gan.penalty")) << all_text(loaded);
}

TEST(ConfigOverrides, ARefusedOverrideLeavesNothingBehind) {
  const auto loaded = read("vae {}", {"data.mode[0].std=1", "verdict.grace_stps=4"});
  EXPECT_THAT(loaded.problems, SizeIs(2));
  EXPECT_EQ(print(loaded.config), print(read("vae {}").config));
}

// ---- places and names
// -------------------------------------------------------------------------------

TEST(ConfigSource, PlaceIsTheFieldOrTheNearestEnclosingOne) {
  const auto source =
      read("gan {\n  generator { width: 7\n layers { linear { units: 1 } } }\n}").source;
  EXPECT_EQ(source.place("gan.generator.width"), "a.txtpb:2:15");
  EXPECT_EQ(source.place("gan.generator.depth"), "a.txtpb:2:3");
  EXPECT_EQ(source.place("gan.generator.layers[0].linear.bias"), "a.txtpb:3:11");
  EXPECT_EQ(source.place("gan.generator.layers"), "a.txtpb:3:2");
  EXPECT_EQ(source.place("data.path"), "a.txtpb:1:1");
  EXPECT_TRUE(source.has("gan.generator.width"));
  EXPECT_FALSE(source.has("gan.generator.depth"));
}

TEST(ConfigNames, NearestAllowsAThirdOfTheNameToBeWrong) {
  const std::vector<std::string> names{"generator", "discriminator", "latent"};
  EXPECT_EQ(nearest("genertaor", names), "generator");  // a swap is one edit
  EXPECT_EQ(nearest("lat", names), "");
  EXPECT_EQ(nearest("lalent", names), "latent");
  EXPECT_EQ(nearest("zzz", names), "");
  EXPECT_EQ(unknown_name("loss", "hnge", {"hinge", "wasserstein"}),
            "unknown loss 'hnge'; did you mean 'hinge'? Known: hinge, wasserstein");
}

TEST(ConfigFile, MissingFilesAndFoldersAreNoInput) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("allmodes-config-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto file = (folder / "run.txtpb").string();
  std::ofstream(file) << "vae { beta: 0.5 }\n";
  EXPECT_EQ(std::get<Vae>(load(file, {"vae.beta=2"}).config.family).beta, 2);
  for (const auto& name : {folder.string(), file + ".missing"}) {
    try {
      load(name);
      ADD_FAILURE() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kNoInput);
      EXPECT_THAT(error.what(), HasSubstr(name));
    }
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace allmodes::config
