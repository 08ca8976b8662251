#pragma once

// Files that are mapped into memory and then cut short, or whose disk fails: the process that reads
// them gets SIGBUS instead of an error.

namespace allmodes::world {

// From now on a SIGBUS for a mapped file ends the process with kInputOutput and one message that
// names the file, instead of with 135 and none; one for memory that ranks share, which the system
// could not provide, with kOsError. Call it in main(). Any other SIGBUS ends the process as before.
void report_lost_mappings();

}  // namespace allmodes::world
