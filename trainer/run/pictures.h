#pragma once

// The pictures of a run, by the kind of its data.

#include "diagnostics/verdict/verdict.h"
#include "records/plots.h"
#include "records/run_folder.h"
#include "run/checked_run.h"

namespace allmodes::run {

// Samples of such a shape are drawn as pictures, in grey or colour; or as points in the plane.
bool drawable(const data::SampleShape& shape);
bool planar(const data::SampleShape& shape);

// images/fakes-<step>.png of a fixed set of latents, images/reals.png once, and for an autoencoder
// images/reconstructions-<step>.png (inputs above their reconstructions): grids of images, or
// scatter plots of points.
void write_sample_pictures(const records::RunFolder& folder, uint64_t step, const CheckedRun& run,
                           const objectives::Forward& forward, at::Device device);

// Scatter plot: fakes (left out when undefined) over reals and mode centres, whose extent the axes
// cover; where the data are not there, fakes alone.
records::Image scatter_picture(const CheckedRun& run, const at::Tensor& fakes = {},
                               std::span<const records::Ellipse> ellipses = {});

// images/modes-<step>.png: expected and observed counts of each mode.
void write_histogram_picture(const records::RunFolder& folder, uint64_t step,
                             const diagnostics::ModeHistogram& histogram,
                             const diagnostics::Verdict& verdict);

// images/missing-<step>.png.
void write_missing_picture(const records::RunFolder& folder, uint64_t step,
                           const records::Image& picture);

// Of a class-conditional family, `count` labels from the `first` one of 0, 1, ..., classes - 1, 0,
// ... on [count]; else undefined.
at::Tensor labels_in_turn(const CheckedRun& run, int64_t count, int64_t first = 0);

}  // namespace allmodes::run
