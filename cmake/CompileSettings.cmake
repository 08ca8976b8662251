# Compiler settings for all of our own targets.

find_program(CCACHE_PROGRAM ccache)
mark_as_advanced(CCACHE_PROGRAM)
if(CCACHE_PROGRAM AND NOT DEFINED CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# The binary finds LibTorch where it was found at build time, also after installation.
set(CMAKE_INSTALL_RPATH_USE_LINK_PATH ON)

if(ALLMODES_SANITIZE STREQUAL "address")
  # vptr checks need the type information of LibTorch's classes, which it does not export in full.
  add_compile_options(-fsanitize=address,undefined -fno-sanitize=vptr -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
elseif(ALLMODES_SANITIZE STREQUAL "thread")
  # GCC says that it does not follow fences. The one place that has them, world/seq_locked.h, reads and
  # writes atomics only, so there is nothing that it could miss or take for a race.
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer
                      $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  add_link_options(-fsanitize=thread)
elseif(ALLMODES_SANITIZE)
  message(FATAL_ERROR "ALLMODES_SANITIZE is '${ALLMODES_SANITIZE}'; it is address, thread or empty")
endif()

add_library(allmodes_warnings INTERFACE)
# GCC 12 takes the inactive members of a std::variant for uninitialized reads.
target_compile_options(allmodes_warnings INTERFACE -Wall -Wextra -Wshadow -Wconversion
                       $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
                       $<$<BOOL:${ALLMODES_WARNINGS_AS_ERRORS}>:-Werror>)

# base/version.h is made at every build, and rewritten only when the description changed.
set(ALLMODES_GENERATED_DIR "${PROJECT_BINARY_DIR}/generated")
add_custom_target(
  allmodes_version_header
  COMMAND "${CMAKE_COMMAND}" -DSOURCE_DIR=${PROJECT_SOURCE_DIR}
          -DTEMPLATE=${PROJECT_SOURCE_DIR}/trainer/base/version.h.in
          -DOUTPUT=${ALLMODES_GENERATED_DIR}/base/version.h -DVERSION=${PROJECT_VERSION}
          -P "${PROJECT_SOURCE_DIR}/cmake/WriteVersion.cmake"
  BYPRODUCTS "${ALLMODES_GENERATED_DIR}/base/version.h"
  COMMENT "")
add_library(allmodes_version INTERFACE)
target_include_directories(allmodes_version INTERFACE "$<BUILD_INTERFACE:${ALLMODES_GENERATED_DIR}>"
                                                      "$<INSTALL_INTERFACE:include/allmodes>")
add_dependencies(allmodes_version allmodes_version_header)
