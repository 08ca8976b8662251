#pragma once

// Exact copies among samples: what a generator that falls on a few points makes, and what a data
// set may hold itself. Torch-free.

#include <cstdint>
#include <span>
#include <vector>

namespace allmodes::diagnostics {

// XXH3 (64 bits) of each of the [n][width] rows; 0 and -0 are one number. Different rows of a set
// of n have one hash with a probability of about n^2 / 2^65.
std::vector<uint64_t> row_hashes(std::span<const float> values, int64_t width);

struct Copies {
  int64_t samples = 0;
  int64_t copies = 0;   // samples that equal another one; 0 or 2 .. samples
  int64_t repeats = 0;  // samples that equal an earlier one: samples less different ones
};
Copies count_copies(std::vector<uint64_t> hashes);

// How often a row is among others.
int64_t times_in(const std::vector<uint64_t>& sorted, uint64_t hash);

// Rows of one set that equal a row of another one.
struct SharedRows {
  int64_t rows = 0;
  int64_t different = 0;  // as many different ones
};
SharedRows count_shared(std::vector<uint64_t> hashes, const std::vector<uint64_t>& sorted_others);

// Fakes that equal a real, beside reals that equal another one. A row that the data hold again and
// again is theirs, and counts for neither: whoever makes it has copied nothing. That is asked of
// both sets together, so that neither is favoured when they have one distribution; a row that only
// fakes hold again and again, so often that chance does not make it so, is not the data's.
struct CopiedRows {
  int64_t copied = 0;
  int64_t different = 0;  // reals that they equal
  int64_t repeated = 0;
  // log10 of the chance of so many copied ones: the larger of two. Hypergeometric, of so few of the
  // rows that are found twice being reals, which is exact where few are; and of the normal law of
  // copied less repeated (times fakes over reals), were it drawn of each row that is found c times
  // which of these are reals, given how many reals there are. Rows that are found a few times are
  // not independent, so that the first alone is too small among many of them.
  double log10_tail = 0;
};
CopiedRows copied_rows(std::vector<uint64_t> reals, std::vector<uint64_t> fakes);

// Generated samples beside real ones of the same data.
struct CopyFigures {
  Copies of_samples;
  Copies of_reals;
};

// Share of copies among the samples in excess of the reals', in [-1, 1].
double copies_excess(const CopyFigures& figures);

// log10 of the probability of so many repeats among the samples, or more, given how many there are
// in both sets: that of X >= a, X ~ Binomial(a + b, q). With a rate of repeats per sample
// q = n / (n + m); where they are pairs of a finite set, both of which must be drawn,
// q = n^2 / (n^2 + m^2); the larger of the two is taken, so that the tail is not too small.
double copies_log10_tail(const CopyFigures& figures);

}  // namespace allmodes::diagnostics
