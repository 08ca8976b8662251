#pragma once

// Classes of pictures that stand in a file beside them.

#include <optional>
#include <span>
#include <string_view>

#include "data/containers/container.h"

namespace allmodes::data {

// Whether a file of this name says something of the pictures beside it and is no data itself:
// dataset.json (StyleGAN's data tool), metadata.csv and metadata.jsonl (Hugging Face's
// imagefolder).
bool is_label_file(std::string_view key);

// `text` as StyleGAN's tool writes it, {"labels": [[NAME, CLASS], ...]} or null: of each of the
// container's files the class, -1 where it names none. No names where there are no labels. Throws
// kDataError, which begins with `place`.
Labels labels_of_dataset_json(const Container& container, const std::string& place,
                              std::span<const uint8_t> text);

// What the container's own label files say: an outermost dataset.json, else every metadata file,
// whose column or key "label" is the class of the file "file_name", seen from its folder. Whole
// numbers are the classes themselves; texts are numbered in sorted order. Nothing where there is no
// such file, or none with labels. Throws kDataError, also for a file that is named and not there.
std::optional<Labels> labels_beside(const Container& container);

}  // namespace allmodes::data
