#include "cli/protobuf_version.h"

#include <google/protobuf/stubs/common.h>

namespace allmodes::cli {

std::string protobuf_version() {
  return google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
}

}  // namespace allmodes::cli
