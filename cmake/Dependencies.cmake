# Every library that is not ours, as a target. Debian and Ubuntu packages: see launch/setup.sh.

find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
mark_as_advanced(XXHASH_INCLUDE_DIR XXHASH_LIBRARY)
add_library(xxhash UNKNOWN IMPORTED GLOBAL)
set_target_properties(xxhash PROPERTIES IMPORTED_LOCATION "${XXHASH_LIBRARY}"
                                        INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")

find_package(LibTorch 2.11 REQUIRED)
message(STATUS "LibTorch ${LibTorch_VERSION} at ${LibTorch_ROOT}, CUDA and NCCL sources: "
               "${LibTorch_WITH_CUDA}")

# Linked by every room: the definition ALLMODES_WITH_CUDA and the headers. Empty in the CPU flavour.
add_library(allmodes_cuda INTERFACE)
if(LibTorch_WITH_CUDA)
  target_compile_definitions(allmodes_cuda INTERFACE ALLMODES_WITH_CUDA=1)
  target_link_libraries(allmodes_cuda INTERFACE CUDA::cudart NCCL::NCCL)
endif()
