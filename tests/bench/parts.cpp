// How often parts of the data (diagnostics/modes/parts.h) are called lost or narrow where nothing
// is wrong, and how often where it is: a table of docs/verdict.md.
//
//   build/tests/parts_bench [healthy sets a row = 200] [planted sets a row = 10]

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/random.h"
#include "diagnostics/modes/parts.h"

namespace allmodes::diagnostics {
namespace {

using Rows = std::vector<float>;
using Draw = std::function<Rows(int64_t rows, int64_t width, uint64_t seed)>;

Rows normal_rows(int64_t rows, int64_t width, uint64_t seed, double scale = 1) {
  Rows values(static_cast<size_t>(rows * width));
  fill_normal({seed, Purpose("x")}, 0, rows, width, values.data());
  for (float& value : values) value *= static_cast<float>(scale);
  return values;
}

// `alive` of `count` groups, whose centres are `apart` times normal ones.
Rows group_rows(int64_t rows, int64_t width, uint64_t seed, int64_t count, double apart,
                double scale, int64_t alive) {
  const Rows centres = normal_rows(count, width, 999, apart);
  Rows values = normal_rows(rows, width, seed, scale);
  Random random({seed, Purpose("g")});
  for (int64_t row = 0; row < rows; ++row) {
    const auto group = static_cast<int64_t>(random.below(static_cast<uint64_t>(alive)));
    for (int64_t j = 0; j < width; ++j)
      values[static_cast<size_t>(row * width + j)] +=
          centres[static_cast<size_t>(group * width + j)];
  }
  return values;
}

Rows cauchy_rows(int64_t rows, int64_t width, uint64_t seed) {
  Rows values = normal_rows(rows, width, seed);
  const Rows below = normal_rows(rows, width, seed + 777'777);
  for (size_t i = 0; i < values.size(); ++i) values[i] /= below[i] == 0 ? 1e-6F : below[i];
  return values;
}

Rows added(Rows values, const Rows& more) {
  for (size_t i = 0; i < values.size(); ++i) values[i] += more[i];
  return values;
}

struct Row {
  const char* name;
  Draw reals;
  Draw samples;
  bool planted;
};

std::vector<Row> table() {
  const Draw normal = [](auto n, auto d, auto s) { return normal_rows(n, d, s); };
  const Draw point = [](auto n, auto d, auto s) {
    Rows rows = normal_rows(n, d, s);
    std::fill_n(rows.begin(), n / 5 * d, 0.5F);
    return rows;
  };
  const Draw ten = [](auto n, auto d, auto s) { return group_rows(n, d, s, 10, 3, 0.5, 10); };
  const Draw forty = [](auto n, auto d, auto s) { return group_rows(n, d, s, 40, 4, 0.5, 40); };
  return {
      {"normal", normal, normal, false},
      {"ten groups", ten, ten, false},
      {"Cauchy", cauchy_rows, cauchy_rows, false},
      {"a fifth is one point", point, point, false},
      {"one of forty groups gone", forty,
       [](auto n, auto d, auto s) { return group_rows(n, d, s, 40, 4, 0.5, 39); }, true},
      {"one of ten groups gone", ten,
       [](auto n, auto d, auto s) { return group_rows(n, d, s, 10, 3, 0.5, 9); }, true},
      {"groups at 0.6 of their width", ten,
       [](auto n, auto d, auto s) { return group_rows(n, d, s, 10, 3, 0.3, 10); }, true},
      {"groups at 0.9 of their width", ten,
       [](auto n, auto d, auto s) { return group_rows(n, d, s, 10, 3, 0.45, 10); }, true},
      {"all at 0.3 of the width", normal,
       [](auto n, auto d, auto s) { return normal_rows(n, d, s, 0.3); }, true},
      {"complete, moved by half a width", ten,
       [=](auto n, auto d, auto s) {
         return added(ten(n, d, s), Rows(static_cast<size_t>(n * d), 0.25F));
       },
       true},
      {"complete, with noise of that width", ten,
       [=](auto n, auto d, auto s) { return added(ten(n, d, s), normal_rows(n, d, s + 5, 0.5)); },
       true}};
}

void print_rows(int64_t healthy, int64_t planted) {
  fmt::print(
      "| samples | D | N | sets | parts lost | 1 % surely lost | parts narrow | lost mass | "
      "smallest loss |\n|---|---|---|---|---|---|---|---|---|\n");
  for (const Row& row : table()) {
    for (const int64_t width : {2, 16, 64}) {
      for (const int64_t rows : {60, 150, 500, 2000}) {
        if (row.planted && rows < 500) continue;
        const int64_t sets = row.planted ? planted : healthy;
        int64_t lost = 0, surely = 0, narrow = 0;
        double mass = 0, smallest = 1;
        for (uint64_t set = 0; set < static_cast<uint64_t>(sets); ++set) {
          const Rows reals = row.reals(rows, width, 2 * set + 1);
          const Rows made = row.samples(rows, width, 2 * set + 2);
          const PartFindings found =
              find_parts(make_part_reference({reals, width}), {made, width}, 1e-3 / 12);
          lost += found.lost_mass > 0 ? 1 : 0;
          surely += found.lost_mass_low >= 0.01 ? 1 : 0;
          narrow += found.narrow.empty() ? 0 : 1;
          mass += found.lost_mass / static_cast<double>(sets);
          smallest = found.smallest_loss;
        }
        fmt::print("| {} | {} | {} | {} | {} | {} | {} | {:.3f} | {:.3f} |\n", row.name, width,
                   rows, sets, lost, surely, narrow, mass, smallest);
        std::fflush(stdout);
      }
    }
  }
}

}  // namespace
}  // namespace allmodes::diagnostics

int main(int count, char** arguments) {
  allmodes::diagnostics::print_rows(count > 1 ? std::atoll(arguments[1]) : 200,
                                    count > 2 ? std::atoll(arguments[2]) : 10);
  return 0;
}
