// How often `allmodes diagnose` is wrong on samples that are right, and what it finds where
// something is planted: the tables of docs/verdict.md. Points, so that everything is known.
//
//   build/tests/diagnose_bench [seeds = 200] [planted seeds = 20] [largest N = 2000]

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <vector>

#include "base/random.h"
#include "diagnosis/diagnosis.h"
#include "world/communicator.h"

namespace allmodes::diagnosis {
namespace {

using diagnostics::State;
using Points = std::vector<float>;

struct Set {
  Points values;
  std::vector<int64_t> labels = {};
};

constexpr int64_t kClusters = 10;

Points bench_normal(int64_t rows, int64_t width, uint64_t seed, double scale = 1) {
  Points values(static_cast<size_t>(rows * width));
  fill_normal({seed, Purpose("bench")}, 0, rows, width, values.data());
  for (float& value : values) value *= static_cast<float>(scale);
  return values;
}

// `count` groups whose centres are `apart` times normal ones, the same for every seed.
Set bench_groups(int64_t rows, int64_t width, uint64_t seed, int64_t count, double apart,
                 double scale, const std::function<int64_t(Random&)>& group) {
  const Points centres = bench_normal(count, width, 999, apart);
  Set set{bench_normal(rows, width, seed, scale)};
  Random random({seed, Purpose("bench groups")});
  for (int64_t row = 0; row < rows; ++row) {
    set.labels.push_back(group(random));
    for (int64_t j = 0; j < width; ++j)
      set.values[static_cast<size_t>(row * width + j)] +=
          centres[static_cast<size_t>(set.labels.back() * width + j)];
  }
  return set;
}

int64_t one_of(Random& random, int64_t count) {
  return static_cast<int64_t>(random.below(static_cast<uint64_t>(count)));
}

diagnostics::Verdict verdict_on(const Set& reals, const Set& fakes, int64_t width,
                                int64_t classes) {
  const auto as_samples = [&](const Set& set, bool labelled) {
    DiagnosedSamples samples{.source = "bench",
                             .shape = {.channels = width},
                             .values = set.values,
                             .labels = {},
                             .class_names = {},
                             .count = std::ssize(set.values) / width};
    if (!labelled) return samples;
    samples.labels = set.labels;
    for (int64_t k = 0; k < classes; ++k) samples.class_names.push_back(std::to_string(k));
    return samples;
  };
  const auto self = world::make_self_communicator();
  const auto real = as_samples(reals, classes > 0);
  config::Verdict levels;
  levels.grace_steps = 0;
  return diagnose_samples(*self, real, as_samples(fakes, false),
                          diagnostics::pixel_features(real.shape), {}, {.step = 1}, levels)
      .verdict;
}

struct Source {
  const char* name;
  int64_t classes;  // 0: labels are not given
  std::function<Set(int64_t rows, int64_t width, uint64_t seed)> draw;
};

Set bench_ten(int64_t rows, int64_t width, uint64_t seed) {
  return bench_groups(rows, width, seed, kClusters, 3, 0.5,
                      [](Random& random) { return one_of(random, kClusters); });
}

std::vector<Source> sources() {
  return {{"normal", 0,
           [](int64_t rows, int64_t width, uint64_t seed) {
             return Set{bench_normal(rows, width, seed)};
           }},
          {"ten groups", 0, bench_ten},
          {"ten groups, labelled", kClusters, bench_ten},
          {"a hundred groups (Zipf), labelled", 100,
           [](int64_t rows, int64_t width, uint64_t seed) {
             return bench_groups(rows, width, seed, 100, 3, 0.2, [](Random& random) {
               // P(k) in proportion to 1 / (k + 1), by the logarithm of a uniform number.
               const double x = std::pow(101.0, random.uniform()) - 1;
               return std::min<int64_t>(99, static_cast<int64_t>(x));
             });
           }},
          {"Cauchy", 0,
           [](int64_t rows, int64_t width, uint64_t seed) {
             Set set{bench_normal(rows, width, seed)};
             const Points below = bench_normal(rows, width, seed + 1'000'000);
             for (size_t i = 0; i < set.values.size(); ++i)
               set.values[i] /= below[i] == 0 ? 1e-6F : below[i];
             return set;
           }},
          {"a fifth is one point", 0, [](int64_t rows, int64_t width, uint64_t seed) {
             Set set{bench_normal(rows, width, seed)};
             std::fill_n(set.values.begin(), rows / 5 * width, 0.5F);
             return set;
           }}};
}

void healthy_rows(int64_t seeds, int64_t largest) {
  fmt::print(
      "| data | D | N | sets | too few | other alarms | of mass | collapsed |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Source& source : sources()) {
    for (const int64_t width : {2, 16, 64}) {
      for (const int64_t rows : {60, 150, 500, 2000}) {
        if (rows > largest) continue;
        int64_t few = 0, alarms = 0, of_mass = 0, collapsed = 0;
        std::string example;
        for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
          const auto verdict =
              verdict_on(source.draw(rows, width, 2 * seed + 1),
                         source.draw(rows, width, 2 * seed + 2), width, source.classes);
          if (verdict.state == State::healthy) continue;
          if (verdict.kind == "too_few_samples") {
            ++few;
            continue;
          }
          ++alarms;
          example = verdict.kind + ": " + verdict.reason;
          of_mass += verdict.kind == "mode_dropping" || verdict.kind == "mode_imbalance" ? 1 : 0;
          collapsed += verdict.state == State::collapsed ? 1 : 0;
        }
        fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} |\n", source.name, width, rows, seeds,
                   few, alarms, of_mass, collapsed);
        if (!example.empty())
          fmt::print(stderr, "{} {} {}: {}\n", source.name, width, rows, example);
        std::fflush(stdout);
      }
    }
  }
}

struct Plant {
  const char* name;
  const char* kind;
  int64_t classes;
  std::function<Set(int64_t rows, int64_t width, uint64_t seed)> data;
  std::function<Set(int64_t rows, int64_t width, uint64_t seed, const Set& reals)> made;
};

Set bench_forty(int64_t rows, int64_t width, uint64_t seed, int64_t alive = 40,
                double scale = 0.5) {
  return bench_groups(rows, width, seed, 40, 4, scale,
                      [=](Random& random) { return one_of(random, alive); });
}

Set bench_starved(int64_t rows, int64_t width, uint64_t seed, double share) {
  return bench_groups(rows, width, seed, kClusters, 3, 0.5, [=](Random& random) {
    const int64_t group = one_of(random, kClusters);
    return group == 4 && random.uniform() >= share ? one_of(random, 4) : group;
  });
}

std::vector<Plant> plants() {
  const auto forty = [](int64_t n, int64_t d, uint64_t s) { return bench_forty(n, d, s); };
  return {
      {"one of ten groups gone", "mode_dropping", 0, bench_ten,
       [](auto n, auto d, auto s, const Set&) { return bench_starved(n, d, s, 0); }},
      {"one of ten groups gone, labelled", "mode_dropping", kClusters, bench_ten,
       [](auto n, auto d, auto s, const Set&) { return bench_starved(n, d, s, 0); }},
      {"one of ten at 0.3 of its share", "mode_imbalance", 0, bench_ten,
       [](auto n, auto d, auto s, const Set&) { return bench_starved(n, d, s, 0.3); }},
      {"one of forty groups gone", "mode_dropping", 0, forty,
       [](auto n, auto d, auto s, const Set&) { return bench_forty(n, d, s, 39); }},
      {"half of the groups gone", "mode_dropping", 0, forty,
       [](auto n, auto d, auto s, const Set&) { return bench_forty(n, d, s, 20); }},
      {"groups at 0.6 of their width", "within_mode_collapse", 0, bench_ten,
       [](auto n, auto d, auto s, const Set&) {
         return bench_groups(n, d, s, kClusters, 3, 0.3,
                             [](Random& random) { return one_of(random, kClusters); });
       }},
      {"all at 0.3 of the width", "within_mode_collapse", 0,
       [](auto n, auto d, auto s) { return Set{bench_normal(n, d, s)}; },
       [](auto n, auto d, auto s, const Set&) { return Set{bench_normal(n, d, s, 0.3)}; }},
      {"complete, with noise of a group's width", "unformed", 0, bench_ten,
       [](auto n, auto d, auto s, const Set&) {
         Set set = bench_ten(n, d, s);
         const Points noise = bench_normal(n, d, s + 500, 0.5);
         for (size_t i = 0; i < noise.size(); ++i) set.values[i] += noise[i];
         return set;
       }},
      {"complete, moved by half a group's width", "unformed", 0, bench_ten,
       [](auto n, auto d, auto s, const Set&) {
         Set set = bench_ten(n, d, s);
         for (float& value : set.values) value += 0.25F;
         return set;
       }},
      {"the reals themselves", "memorized", 0, bench_ten,
       [](auto, auto, auto, const Set& reals) { return reals; }},
      {"5 % of them", "memorized", 0, bench_ten,
       [](auto n, auto d, auto s, const Set& reals) {
         Set set = bench_ten(n, d, s);
         std::copy_n(reals.values.begin(), n / 20 * d, set.values.begin());
         return set;
       }},
  };
}

void planted_rows_of(int64_t seeds, int64_t largest) {
  fmt::print(
      "\n| planted | D | N | sets | not healthy | right kind | collapsed | of mass |\n"
      "|---|---|---|---|---|---|---|---|\n");
  for (const Plant& plant : plants()) {
    for (const int64_t width : {2, 16, 64}) {
      const int64_t rows = std::min<int64_t>(largest, 2000);
      int64_t found = 0, right = 0, collapsed = 0, of_mass = 0;
      for (uint64_t seed = 0; seed < static_cast<uint64_t>(seeds); ++seed) {
        const Set reals = plant.data(rows, width, 2 * seed + 1);
        const auto verdict =
            verdict_on(reals, plant.made(rows, width, 2 * seed + 2, reals), width, plant.classes);
        found += verdict.state != State::healthy ? 1 : 0;
        right += verdict.kind == plant.kind ? 1 : 0;
        collapsed += verdict.state == State::collapsed ? 1 : 0;
        of_mass += verdict.kind == "mode_dropping" || verdict.kind == "mode_imbalance" ? 1 : 0;
        if (verdict.kind != plant.kind)
          fmt::print(stderr, "{} {}: {}: {}\n", plant.name, width, verdict.kind, verdict.reason);
      }
      fmt::print("| {} ({}) | {} | {} | {} | {} | {} | {} | {} |\n", plant.name, plant.kind, width,
                 rows, seeds, found, right, collapsed, of_mass);
      std::fflush(stdout);
    }
  }
}

}  // namespace
}  // namespace allmodes::diagnosis

int main(int count, char** arguments) {
  const auto number = [&](int i, int64_t otherwise) {
    return i < count ? std::atoll(arguments[i]) : otherwise;
  };
  allmodes::diagnosis::healthy_rows(number(1, 200), number(3, 2000));
  allmodes::diagnosis::planted_rows_of(number(2, 20), number(3, 2000));
  return 0;
}
