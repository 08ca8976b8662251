# Every library that is not ours, as a target. Debian and Ubuntu packages: see launch/setup.sh.

find_package(Threads REQUIRED)
find_package(MPI REQUIRED COMPONENTS C)
# The C++ bindings that MPI removed in 3.0 would ask for a library that is no longer linked.
add_compile_definitions(OMPI_SKIP_MPICXX=1)
find_package(Protobuf REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(JPEG REQUIRED)

find_path(XXHASH_INCLUDE_DIR xxhash.h REQUIRED)
find_library(XXHASH_LIBRARY xxhash REQUIRED)
mark_as_advanced(XXHASH_INCLUDE_DIR XXHASH_LIBRARY)
add_library(xxhash UNKNOWN IMPORTED GLOBAL)
set_target_properties(xxhash PROPERTIES IMPORTED_LOCATION "${XXHASH_LIBRARY}"
                                        INTERFACE_INCLUDE_DIRECTORIES "${XXHASH_INCLUDE_DIR}")

# Without CMake files of their own in Debian.
foreach(name IN ITEMS webp zstd)
  string(TOUPPER ${name} upper)
  if(name STREQUAL "webp")
    find_path(${upper}_INCLUDE_DIR webp/decode.h REQUIRED)
  else()
    find_path(${upper}_INCLUDE_DIR ${name}.h REQUIRED)
  endif()
  find_library(${upper}_LIBRARY ${name} REQUIRED)
  mark_as_advanced(${upper}_INCLUDE_DIR ${upper}_LIBRARY)
  add_library(${name}_library UNKNOWN IMPORTED GLOBAL)
  set_target_properties(${name}_library PROPERTIES
                        IMPORTED_LOCATION "${${upper}_LIBRARY}"
                        INTERFACE_INCLUDE_DIRECTORIES "${${upper}_INCLUDE_DIR}")
endforeach()

find_package(LibTorch 2.11 REQUIRED)
message(STATUS "LibTorch ${LibTorch_VERSION} at ${LibTorch_ROOT}, CUDA and NCCL sources: "
               "${LibTorch_WITH_CUDA}")

# Linked by every room: the definition ALLMODES_WITH_CUDA and the headers. Empty in the CPU flavour.
add_library(allmodes_cuda INTERFACE)
if(LibTorch_WITH_CUDA)
  target_compile_definitions(allmodes_cuda INTERFACE ALLMODES_WITH_CUDA=1)
  target_link_libraries(allmodes_cuda INTERFACE CUDA::cudart NCCL::NCCL)
endif()
