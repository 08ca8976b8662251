# Of the CMake package: a program like allmodes that also knows the rows of others.
set(_allmodes_package "${CMAKE_CURRENT_LIST_DIR}")
include("${CMAKE_CURRENT_LIST_DIR}/TableOfRows.cmake")

# allmodes_program(NAME FOLDER)
#
# The program NAME from the sources of FOLDER, which is laid out as trainer/ is (objectives/, networks/, data/,
# diagnostics/collectors/, diagnostics/verdict/, cli/): their rows (docs/extending.md) are known to it beside
# those of allmodes. Sources and rows are looked for at every build. Headers are found relative to FOLDER and
# to trainer/.
function(allmodes_program name folder)
  get_filename_component(folder "${folder}" ABSOLUTE)
  set(patterns "")
  foreach(table IN LISTS allmodes_TABLES)
    string(REGEX REPLACE "^[^,]+,[^,]+,([^,]+)/[^/,]+,.*$" "\\1" room "${table}")
    list(APPEND patterns "${folder}/${room}/*.cpp")
  endforeach()
  list(REMOVE_DUPLICATES patterns)
  file(GLOB sources CONFIGURE_DEPENDS ${patterns})
  if(NOT sources)
    list(JOIN patterns ", " patterns)
    message(FATAL_ERROR "allmodes_program(${name}): there is no source; looked for ${patterns}")
  endif()

  set(tables "")
  foreach(table IN LISTS allmodes_TABLES)
    string(REPLACE "," ";" table "${table}")
    list(GET table 0 type)
    list(GET table 1 function)
    list(GET table 2 header)
    list(GET table 3 namespace)
    set(ours "${_allmodes_package}/rows/${function}.cpp")
    set(output "${CMAKE_CURRENT_BINARY_DIR}/${name}_rows/${function}.cpp")
    allmodes_table_of_rows("${output}" ${type} ${function} ${header} ${namespace} ON "${ours}" ${sources})
    list(APPEND tables "${output}")
  endforeach()
  # All of them are one source to the compiler.
  add_library(${name}_rows OBJECT ${tables})
  set_target_properties(${name}_rows PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  target_link_libraries(${name}_rows PRIVATE allmodes::cli)

  # These tables come before those of the static libraries, which are then left out.
  add_executable(${name} "${_allmodes_package}/main.cpp" ${sources} $<TARGET_OBJECTS:${name}_rows>)
  target_include_directories(${name} PRIVATE "${folder}")
  target_link_libraries(${name} PRIVATE allmodes::cli)
endfunction()
