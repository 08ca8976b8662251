#pragma once

// Stacked digits: three grey digits, drawn with replacement, on the three channels of one image. A
// thousand classes that are all known, from files that everyone has (Metz et al., "Unrolled
// Generative Adversarial Networks", arXiv 1611.02163, section 3.3; Srivastava et al., "VEEGAN",
// arXiv 1705.07761).

#include <cstdint>
#include <memory>
#include <string>

#include "base/random.h"
#include "data/dataset.h"

namespace allmodes::data {

// Channel c of sample i is digit t_c of `digits`, where (t_0, t_1, t_2) is a pure function of
// (purpose, seed, i), uniform over digits->size()^3; its class is 100 a + 10 b + c for digits a, b,
// c, named "abc". Only the digits are kept: a sample is put together when it is copied, so that the
// number of samples costs nothing. It is the size of an epoch: 128,000 for the protocol with that
// many fixed images, and a number that training never reaches (up to 2^48 - 1) for the protocol
// with a fresh image each time.
//
// The fingerprint is a function of the digits' fingerprint, purpose, seed and number of samples.
// Throws kDataError unless `digits` are grey images of 10 classes.
std::unique_ptr<Dataset> make_stacked_dataset(const std::string& name,
                                              std::unique_ptr<Dataset> digits, int64_t samples,
                                              uint64_t seed, Purpose purpose);

}  // namespace allmodes::data
