#pragma once

#include <string>

namespace allmodes::cli {

// The path of a configuration: `word` itself when there is such a file, or when it names a folder;
// else the one of this name that lies beside the program, as installed
// (../share/allmodes/configs/NAME.txtpb) or in a checkout (../configs/NAME.txtpb). `word` where
// there is none, so that the complaint names it.
std::string named_config(const std::string& word);

}  // namespace allmodes::cli
