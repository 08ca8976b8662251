# Script: writes OUTPUT, the definition of FUNCTION() as allmodes_rows() of Rooms.cmake describes it,
# from the lines `extern const TYPE kNAME` of SOURCES (separated by '|'). A file that did not change
# keeps its time, so that nothing is compiled again.
string(REPLACE "|" ";" SOURCES "${SOURCES}")
set(names "")
foreach(source IN LISTS SOURCES)
  file(STRINGS "${source}" lines REGEX "^(static |constexpr |inline |extern )*const(expr)? +${TYPE} +k[A-Za-z0-9]+")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "^extern const ${TYPE} (k[A-Za-z0-9]+)")
      message(FATAL_ERROR "${source}: a row that would not be found: begin it with "
                          "'extern const ${TYPE} kNAME', outside of unnamed namespaces:\n  ${line}")
    endif()
    list(APPEND names "${CMAKE_MATCH_1}")
  endforeach()
endforeach()
if(NOT names)
  message(FATAL_ERROR "no line 'extern const ${TYPE} kNAME' in: ${SOURCES}")
endif()
list(SORT names)
set(declarations "")
foreach(name IN LISTS names)
  string(APPEND declarations "extern const ${TYPE} ${name};\n")
endforeach()
list(JOIN names ", &" pointers)
set(text "// Made by cmake/GatherRows.cmake from the rows in the files of the room.
#include \"${HEADER}\"

namespace ${NAMESPACE} {

${declarations}
std::span<const ${TYPE}* const> ${FUNCTION}() {
  static constexpr const ${TYPE}* rows[] = {&${pointers}};
  return rows;
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
