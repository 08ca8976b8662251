#pragma once

// How much of a codebook is in use, from counts that add over ranks.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

struct CodeCounts {
  int64_t pictures = 0;
  int64_t places = 0;                  // of a picture
  std::vector<int64_t> of_code;        // [codes]
  std::vector<int64_t> of_place = {};  // [places][codes]; empty where that would be too many
};

// Adds the codes of some pictures, [pictures][places], each in [0, codes). Counts by place are kept
// while there are `most` at most. Throws ExitCode::kSoftware for another number of places than
// before, or a code that the book does not have.
void add(CodeCounts& counts, std::span<const int64_t> codes, int64_t places, int64_t most);

// Codes with a count, 0 .. codes.
int64_t codes_used(std::span<const int64_t> counts);

// The mean of codes_used() over `draws` independent draws of `codes` equally likely codes:
// codes (1 - (1 - 1 / codes)^draws). codes >= 1, draws >= 0.
double expected_codes_used(int64_t codes, int64_t draws);

// exp(-sum p ln p) of the shares p of the counts, in [1, codes]; 1 for no count at all.
double perplexity(std::span<const int64_t> counts);

// exp of the mean entropy of the shares of `draws` independent draws of `codes` equally likely
// codes: ln n - K / n sum_c B(c; n, 1 / K) c ln c, exactly. What perplexity() is at most to be
// expected. codes, draws >= 1.
double expected_perplexity(int64_t codes, int64_t draws);

// Entropy at each place, nats: [places], of counts [places][codes].
std::vector<double> entropy_by_place(std::span<const int64_t> counts, int64_t places);

// The ages of codes without a count, ascending. Both [codes].
std::vector<double> ages_of_dead(std::span<const int64_t> counts, std::span<const float> ages);

// What the codes of a book are used for on the pictures of an evaluation.
struct CodeFigures {
  int64_t codes = 0;   // of the book
  int64_t places = 0;  // that a code was found for, over all pictures
  int64_t pictures = 0;
  int64_t used = 0;          // codes found at one place at least
  double expected_used = 0;  // by as many draws of codes that are equally likely
  double perplexity = 1;     // exp(entropy of the shares of the codes), [1, codes]
  // Of those that are not used: steps since a batch of the training used the one whose last use is
  // the latest. Empty where that is not known.
  std::optional<int64_t> dead_for = std::nullopt;
};

// All of them but `dead_for`.
CodeFigures code_figures(const CodeCounts& counts);

}  // namespace allmodes::diagnostics
