#pragma once

namespace allmodes {

// Opens /dev/null in place of each of standard input, output and error that the process was started
// without ("2>&-", some daemons). Otherwise the next file to be opened gets its number, and what is
// said to a person stands within a checkpoint or a record. Call it first in main().
void open_standard_streams();

}  // namespace allmodes
