#pragma once

// One cut of pooled rows into reals and fakes, and what is read off the rows' lists of neighbours
// for it (pooled_null.h has what each figure is).

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "diagnostics/metrics/local_cut.h"
#include "diagnostics/metrics/pooled_rows.h"
#include "diagnostics/metrics/precision_recall.h"

namespace allmodes::diagnostics {

inline constexpr size_t kCutFigures = 8;

class PooledCut {
 public:
  // The rows, and the marks `is_real` [pool] of this cut, must outlive it.
  PooledCut(const PooledRows& pool, const Neighborhood& neighborhood,
            const std::vector<uint8_t>& is_real);

  // precision .. invented, in the order of kPooledFigures.
  std::array<double, kCutFigures> figures() const;

  // As PooledFigures::repeated_reals.
  double repeated_reals() const;

  const LocalCut local;
  std::vector<uint8_t> precise;   // [pool], of fakes
  std::vector<uint8_t> recalled;  // [pool], of reals
  std::vector<uint8_t> covered;
  std::vector<uint8_t> repeated;  // [pool], of fakes
  std::vector<uint8_t> invented;  // [pool], of fakes
  std::vector<uint8_t> near_own;  // [pool], of either

 private:
  // Share of the rows of one set that are marked.
  double share(const std::vector<uint8_t>& flags, uint8_t of) const;

  // A fake that is as near as the k-th other real of the list lies in this real's ball. Equal rows
  // all have one list, in which any of them may come first.
  void visit_real(int64_t row);

  // The median squared distance of a real to its nearest other one: for fakes among so many others
  // that no real is listed.
  double usual_spacing() const;

  // Returns the squared distance of the second nearest other fake over that of the nearest real to
  // its nearest other one; infinity where the list holds no two fakes.
  double visit_fake(int64_t row);

  void mark_repeated(const std::vector<double>& of_fakes);

  void mark_near_own();

  // Of squared distances: to the second nearest row of its own set over that of the other one. The
  // last that is listed stands for what is farther.
  double own_over_other(int64_t row) const;

  // Whose balls are known only now.
  void mark_invented();

  bool far_from_reals(int64_t fake) const;

  double nearest_real_square(int64_t real) const { return real_square(real, 1); }

  // To the second nearest other row of a set; to the last that is listed where fewer are.
  double second_square(int64_t row, uint8_t set) const;

  // Of the real's k-th nearest other real, or the last that is listed; 0 where none is.
  double real_square(int64_t real, int64_t k) const;

  const std::vector<int64_t>& rows_;
  const std::vector<double>& squares_;
  int64_t listed_;
  const Neighborhood& k_;
  const std::vector<uint8_t>& is_real_;
  double reals_ = 0;
  double fakes_ = 0;
  double usual_spacing_ = 0;
  int64_t inside_ = 0;
  int64_t near_ = 0;
};

}  // namespace allmodes::diagnostics
