# Script: writes OUTPUT, the definition of FUNCTION() as allmodes_rows() of Rooms.cmake describes it,
# from the lines `extern const TYPE kNAME` of SOURCES (separated by '|'). A file that did not change
# keeps its time, so that nothing is compiled again.
cmake_minimum_required(VERSION 3.25)
string(REPLACE "|" ";" SOURCES "${SOURCES}")
set(names "")
foreach(source IN LISTS SOURCES)
  file(STRINGS "${source}" lines REGEX "^(static |constexpr |inline |extern )*const(expr)? +${TYPE} +k[A-Za-z0-9]+")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "^extern const ${TYPE} (k[A-Za-z0-9]+)")
      message(FATAL_ERROR "${source}: a row that would not be found: begin it with "
                          "'extern const ${TYPE} kNAME', outside of unnamed namespaces:\n  ${line}")
    endif()
    if(CMAKE_MATCH_1 IN_LIST names)
      message(FATAL_ERROR "${source}: there is a row ${CMAKE_MATCH_1} of type ${TYPE} already; give it another name")
    endif()
    list(APPEND names "${CMAKE_MATCH_1}")
  endforeach()
endforeach()
if(NOT names AND NOT MAY_BE_EMPTY)
  message(FATAL_ERROR "no line 'extern const ${TYPE} kNAME' in: ${SOURCES}")
endif()
list(SORT names)
set(declarations "")
foreach(name IN LISTS names)
  string(APPEND declarations "extern const ${TYPE} ${name};\n")
endforeach()
list(JOIN names ", &" pointers)
if(names)
  set(body "  static constexpr const ${TYPE}* rows[] = {&${pointers}};\n  return rows;")
else()
  set(body "  return {};")
endif()
set(text "// Made by cmake/GatherRows.cmake from the rows in the files of the room.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

${declarations}
std::span<const ${TYPE}* const> ${FUNCTION}() {
${body}
}

}  // namespace ${NAMESPACE}
")
set(before "")
if(EXISTS "${OUTPUT}")
  file(READ "${OUTPUT}" before)
endif()
if(NOT before STREQUAL text)
  file(WRITE "${OUTPUT}" "${text}")
endif()
