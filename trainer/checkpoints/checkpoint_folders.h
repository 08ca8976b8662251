#pragma once

// The folder of a run's checkpoints: which are there, under which names, and how one takes its
// place or goes.
//
//   step-NNNNNNNN            a whole checkpoint
//   step-NNNNNNNN.replaced   the whole checkpoint that stood there until another of the same step
//                            was put in its place; counts only while there is no other
//   .tmp-...                 a save, or a removal, that is under way or was cut short

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace allmodes::checkpoints {

// "step-00001000"
std::string step_folder_name(uint64_t step);

// The checkpoint folders by rising step, unverified. Empty when there is no such folder; throws
// kInputOutput when there is one that cannot be read.
std::vector<std::pair<uint64_t, std::filesystem::path>> list_checkpoints(
    const std::filesystem::path& checkpoints_dir);

// Moves a filled temporary folder to its final name, in one move also when a checkpoint is there
// already and the file system can exchange two names; where it cannot, the old one is moved to its
// name ".replaced" first, so that one of the two counts at every moment. Throws kCannotCreate.
void put_in_place(const std::filesystem::path& temporary, const std::filesystem::path& final_place);

// Ends what was cut short: removes temporary folders and replaced checkpoints, and gives a replaced
// one whose successor never came its name back. What cannot be removed stays for the next time.
void tidy(const std::filesystem::path& checkpoints_dir);

// Removes a checkpoint, which gets a temporary name first: a removal cut short leaves a whole one or
// none. What cannot be removed stays.
void remove_checkpoint(const std::filesystem::path& folder);

// Removes the checkpoints of later steps, newest first: what is left after a crash is still a row
// of checkpoints that belong together.
void remove_after(const std::filesystem::path& checkpoints_dir, uint64_t step);

// Of the checkpoints up to `step` removes all but the `keep` newest and that of step `spare`.
void remove_old(const std::filesystem::path& checkpoints_dir, uint64_t step, int64_t keep,
                std::optional<uint64_t> spare);

}  // namespace allmodes::checkpoints
