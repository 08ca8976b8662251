#pragma once

// What the collectors of a run say of a model, and the law that all numbers of ranks say the same.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "diagnostics/collectors/collector.h"
#include "ranks/training_fixture.h"

namespace allmodes::diagnostics::fixture {

using ::allmodes::testing::kRankCounts;
using ::allmodes::testing::on_ranks;
using ::allmodes::testing::Problem;
using ::allmodes::testing::RankTrainer;

// Levels for one evaluation, which nothing could confirm.
inline config::Verdict once() {
  config::Verdict levels;
  levels.confirmations = 1;
  return levels;
}

struct Figures {
  records::Record record;
  Evidence evidence;
};

inline Figures evaluate(const Problem& problem, RankTrainer& trainer, world::Communicator& ranks,
                        bool averaged = true) {
  const CollectorSetup setup{problem.config, trainer.objective(), *problem.dataset, ranks, ranks,
                             at::kCPU};
  const auto forward = trainer.model().evaluation_forward(averaged);
  const Evaluation evaluation{trainer.objective(),
                              forward,
                              *problem.dataset,
                              ranks,
                              at::kCPU,
                              problem.config.seed,
                              7,
                              problem.config.diagnostics.samples};
  const auto generated = generate_chunks(evaluation);
  Figures figures;
  for (const auto& collector : make_collectors(setup))
    collector.collector->collect(evaluation, generated, figures.record, figures.evidence);
  const records::FigureTables tables = figure_tables();
  for (const auto& [name, value] : figures.record.values)
    EXPECT_NE(records::find_figure(tables, "evaluation", name), nullptr)
        << "no collector says in its row what '" << name << "' is";
  return figures;
}

inline void expect_equal(const records::Value& a, const records::Value& b,
                         const std::string& name) {
  ASSERT_EQ(a.index(), b.index()) << name;
  const auto close = [&](double x, double y) {
    if (std::isnan(x) && std::isnan(y)) return;
    EXPECT_NEAR(x, y, 1e-5 * std::max(1.0, std::abs(y))) << name;
  };
  if (const auto* real = std::get_if<double>(&a)) {
    close(*real, std::get<double>(b));
  } else if (const auto* reals = std::get_if<std::vector<double>>(&a)) {
    const auto& others = std::get<std::vector<double>>(b);
    ASSERT_EQ(reals->size(), others.size()) << name;
    for (size_t i = 0; i < reals->size(); ++i) close((*reals)[i], others[i]);
  } else {
    EXPECT_TRUE(a == b) << name;
  }
}

inline void expect_equal(const records::Record& a, const records::Record& b) {
  ASSERT_EQ(a.values.size(), b.values.size());
  for (size_t i = 0; i < a.values.size(); ++i) {
    EXPECT_EQ(a.values[i].first, b.values[i].first);
    expect_equal(a.values[i].second, b.values[i].second, a.values[i].first);
  }
}

// Figures of every rank of every count are those of one rank.
inline void expect_same_on_all_ranks(const Problem& problem,
                                     const std::function<void(RankTrainer&)>& prepare,
                                     const std::function<void(const Figures&)>& law) {
  records::Record alone;
  for (const int size : kRankCounts) {
    SCOPED_TRACE(fmt::format("{} ranks", size));
    const auto figures = on_ranks<Figures>(size, [&](world::Communicator& group) {
      RankTrainer trainer(problem, group);
      prepare(trainer);
      return evaluate(problem, trainer, group);
    });
    if (size == 1) alone = figures[0].record;
    for (const auto& each : figures) expect_equal(each.record, alone);
    law(figures[0]);
  }
}

}  // namespace allmodes::diagnostics::fixture
