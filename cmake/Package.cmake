# What `cmake --install BUILD --component development` adds to a prefix: headers, the static libraries of
# the rooms, and the CMake package `allmodes`, with which a program of one's own is built on all of it
# (allmodes_program(), AllmodesProgram.cmake). Not installed unless it is asked for.

include(CMakePackageConfigHelpers)
set(development COMPONENT development EXCLUDE_FROM_ALL)

get_property(rooms GLOBAL PROPERTY ALLMODES_ROOMS)
set_target_properties(allmodes_version PROPERTIES EXPORT_NAME version)
set_target_properties(allmodes_cuda PROPERTIES EXPORT_NAME cuda)
set_target_properties(allmodes_warnings PROPERTIES EXPORT_NAME warnings)
install(TARGETS ${rooms} allmodes_proto allmodes_version allmodes_cuda allmodes_warnings
        EXPORT allmodes ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}/allmodes" ${development})
install(EXPORT allmodes NAMESPACE allmodes:: FILE allmodesTargets.cmake
        DESTINATION "${ALLMODES_PACKAGE_DIR}" ${development})

install(DIRECTORY trainer/ "${ALLMODES_GENERATED_DIR}/base" DESTINATION include/allmodes ${development}
        FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_SOURCE_DIR}/trainer/main.cpp" DESTINATION "${ALLMODES_PACKAGE_DIR}" ${development})
install(FILES cmake/AllmodesProgram.cmake cmake/Dependencies.cmake cmake/FindLibTorch.cmake
              cmake/GatherRows.cmake cmake/TableOfRows.cmake
        DESTINATION "${ALLMODES_PACKAGE_DIR}" ${development})

# The tables of rows, which a program of one's own may lengthen.
get_property(ALLMODES_TABLES GLOBAL PROPERTY ALLMODES_TABLES)
list(JOIN ALLMODES_TABLES "\n    " ALLMODES_TABLES)
configure_package_config_file(
  cmake/allmodesConfig.cmake.in "${PROJECT_BINARY_DIR}/package/allmodesConfig.cmake"
  INSTALL_DESTINATION "${ALLMODES_PACKAGE_DIR}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/allmodesConfigVersion.cmake"
                                 COMPATIBILITY ExactVersion)
install(FILES "${PROJECT_BINARY_DIR}/package/allmodesConfig.cmake"
              "${PROJECT_BINARY_DIR}/package/allmodesConfigVersion.cmake"
        DESTINATION "${ALLMODES_PACKAGE_DIR}" ${development})
