# Script: writes OUTPUT from TEMPLATE with VERSION and, in a git checkout, `git describe`.
set(ALLMODES_VERSION "${VERSION}")
set(ALLMODES_GIT "")
find_package(Git QUIET)
if(Git_FOUND AND EXISTS "${SOURCE_DIR}/.git")
  execute_process(
    COMMAND "${GIT_EXECUTABLE}" -c safe.directory=* -C "${SOURCE_DIR}"
            describe --always --dirty --tags
    OUTPUT_VARIABLE ALLMODES_GIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(ALLMODES_GIT STREQUAL "")
  set(ALLMODES_DESCRIPTION "${VERSION}")
else()
  set(ALLMODES_DESCRIPTION "${VERSION}+${ALLMODES_GIT}")
endif()
configure_file("${TEMPLATE}" "${OUTPUT}" @ONLY)
