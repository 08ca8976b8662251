#pragma once

namespace allmodes {

// Has the C library keep what is freed for what is allocated next. By itself it gives large pieces
// back to the system, which hands them out again page by page, each one zeroed: a training step
// frees and allocates the tensors of the step before. To be called before there are other threads,
// which then share one heap, since those of threads do not hold large pieces. The process keeps the
// most memory that it needed. Does nothing where the environment has glibc's
// MALLOC_TRIM_THRESHOLD_, and with other C libraries.
void keep_freed_memory();

}  // namespace allmodes
