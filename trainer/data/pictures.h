#pragma once

// Data sets of pictures: a folder, a zip archive, tar or MDS shards.

#include <memory>
#include <string>

#include "data/dataset.h"
#include "data/shared_reading.h"

namespace allmodes::data {

// The part of a set that is read.
enum class Split { kTraining, kHeldOut };

// What data.path names, as the fields of pictures say:
//
//   * What a file is, its first bytes say. A file that is no picture is left out and counted by its
//     extension, unless its name says that it was to be one: then it is damaged. Where files in
//     picture formats that are not read (GIF, TIFF, HEIC) outnumber those read, the set is refused.
//   * Split words as names of the outermost folders (train, training; val, valid, validation, dev;
//     test, testing, eval, evaluation) part the set; otherwise data.held_out does, by a hash of
//     each file's name, so that adding files moves none.
//   * Classes are the outermost folders, sorted; pictures may lie deeper inside. An archive's own
//     labels take their place. With classes: none there are none.
//   * Each picture is decoded (decode_picture) and made image_size square; with image_size 0 all
//     must have one size.
//
// Every picture is decoded once before this returns, by data.threads threads, and every one that
// cannot be read is named, with its reason, in one message. Null when the part is empty and
// `split` is held out. With several ranks in `reading` each decodes its part, and all have the same
// set, in memory where data.cache allows it, else decoded as needed. Throws kNoInput (nothing
// there, no pictures), kDataError, kConfiguration.
std::unique_ptr<Dataset> read_pictures(const config::Data& data, Split split,
                                       const SharedReading& reading = {});

}  // namespace allmodes::data
