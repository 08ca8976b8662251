#include "run/protobuf_version.h"

#include <google/protobuf/stubs/common.h>

namespace allmodes::run {

std::string protobuf_version() {
  return google::protobuf::internal::VersionString(GOOGLE_PROTOBUF_VERSION);
}

}  // namespace allmodes::run
