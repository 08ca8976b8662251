#pragma once

// Which files the threads of this process wait for.

#include <filesystem>
#include <string>
#include <vector>

namespace allmodes::world {

// Each thread that is, at this moment, in a system call on a file: "fsync of
// '/runs/x/records.jsonl'". Asked when nothing has moved for long, this names the file whose disk
// does not answer. Sockets and pipes without a name are left out. Empty where the kernel does not
// say (/proc/PID/task/TID/syscall). `root`: where /proc is.
std::vector<std::string> file_waits(const std::filesystem::path& root = "/");

}  // namespace allmodes::world
