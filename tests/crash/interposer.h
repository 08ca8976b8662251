#pragma once

// Stands between the program and the C library at every call that changes what is on the disk, and
// ends the process at one of them, as a power cut or SIGKILL would.
//
// Points are counted over the calls that concern a watched folder: one before each open for
// writing, mkdir, fsync, rename, unlink, rmdir and truncation; of a write two, one before it and
// one after half of its bytes.

#include <cstdint>

namespace allmodes::crash {

// In memory that a process shares with the one that forked it.
struct Progress {
  uint64_t points = 0;     // passed so far
  uint64_t renamed = 0;    // checkpoints that came under their final name
  uint64_t last_step = 0;  // of the last of them
};

// Watches the folder from now on. At the point of that number (from 1; 0: never) the process gets
// SIGKILL. `exchange` false: renameat2() fails with EINVAL, as on NFS.
void watch(const char* folder, uint64_t kill_at, bool exchange, Progress* progress);

// From now on each mkdir, fsync and rename, and each open that creates a file, that concerns the
// watched folder and succeeds leaves a line in `file`: "mkdir PATH", "sync PATH", "rename FROM TO",
// "create PATH".
void keep_journal(const char* file);

}  // namespace allmodes::crash
