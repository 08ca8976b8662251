#pragma once

// A verdict as people read it: one line, a table of what was found, what to try.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "report/kinds.h"

namespace allmodes::report {

// One row of the table.
struct Finding {
  std::string state;               // "at_risk" or "collapsed"
  std::string kind;                // "mode_dropping"
  std::string what;                // "classes missing"; the kind in words where it is empty
  std::vector<std::string> parts;  // modes, classes or parts; empty: all of the data
  std::string found;               // "0 to 3"
  std::string expected;            // "250 each"
  std::optional<double> log10_p;   // of the chance that it is none
  bool explained = false;          // it follows from the first
};

struct VerdictText {
  std::string place;  // "verdict at step 6000", "verdict"
  std::string state;  // "healthy", "at_risk", "collapsed"
  std::string kind;   // "none" where healthy
  std::string brief;  // what is missing, in one clause
  std::optional<uint64_t> since;
  std::vector<Finding> findings;  // worst first
  std::vector<Suggestion> help;
  std::string see;  // where more stands; may be empty
  // Where findings that follow from the first are listed; empty: the table lists them.
  std::string whole = "--verbose lists them";
};

// "4 of 8 modes missing (1, 2, 3, 6)": the first clause of a verdict's reason, which names what is
// lost whatever decided.
std::string brief_of(const std::string& reason);

// "verdict at step 6000: collapsed: mode_dropping, 4 of 8 modes missing; since step 4000", in lines
// of at most `columns` characters, the first of which begins at column `used`.
std::string headline(const VerdictText& verdict, size_t columns, size_t used = 0);

// "still collapsed at step 6500: mode_dropping, Trouser missing; since step 4000", for a verdict
// that says again what the one before said.
std::string repetition(const VerdictText& verdict, size_t columns, size_t used = 0);

// Headline, table and what to try; lines of at most `columns` characters, with a line break at the
// end.
std::string in_full(const VerdictText& verdict, size_t columns, size_t used = 0);

// Adds what verdict.json and diagnosis.json say of it: brief, since (where it is known), all
// findings, and try, each as "CHANGE  # WORDS".
void add_words(const VerdictText& verdict, nlohmann::ordered_json& json);
// The findings read back from there; what is no finding is left out.
std::vector<Finding> findings_from(const nlohmann::json& list);

}  // namespace allmodes::report
