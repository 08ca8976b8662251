include(TableOfRows)

# allmodes_room(NAME [SOURCES pattern...] [EXCEPT pattern...] [DEPENDS target...])
#
# One room of trainer/ as the static library allmodes_NAME: headers are included relative to
# trainer/ ("base/error.h"), warnings are on. Dependencies are public: a room's headers show what
# they use.
#
# The sources are the files of the patterns, by default all *.cpp of the folder, without those of
# EXCEPT. Patterns are looked up at every build, so that a new file needs no line here. Programs of others
# link the room as allmodes::NAME (AllmodesProgram.cmake).
function(allmodes_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "" "" "SOURCES;EXCEPT;DEPENDS")
  if(room_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "allmodes_room(${name}): not understood: ${room_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT room_SOURCES)
    set(room_SOURCES *.cpp)
  endif()
  file(GLOB sources CONFIGURE_DEPENDS ${room_SOURCES})
  if(room_EXCEPT)
    file(GLOB others CONFIGURE_DEPENDS ${room_EXCEPT})
    list(REMOVE_ITEM sources ${others})
  endif()
  list(SORT sources)
  add_library(allmodes_${name} STATIC ${sources})
  set_target_properties(allmodes_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(allmodes_${name} PUBLIC cxx_std_20)
  target_include_directories(allmodes_${name} PUBLIC
    "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/trainer>" "$<INSTALL_INTERFACE:include/allmodes>")
  target_link_libraries(allmodes_${name} PUBLIC ${room_DEPENDS} PRIVATE allmodes_warnings)
  target_link_libraries(allmodes_${name} PUBLIC allmodes_version allmodes_cuda)
  set_property(GLOBAL APPEND PROPERTY ALLMODES_ROOMS allmodes_${name})
endfunction()

# allmodes_rows(NAME TYPE FUNCTION HEADER NAMESPACE [MAY_BE_EMPTY])
#
# A table whose rows stand in the files of the room NAME, each as a constant at the beginning of a
# line: `extern const TYPE kSomething{...};`. Writes and compiles the definition of
#
#   std::span<const TYPE* const> FUNCTION();   // every row, in the order of the constants' names
#
# which HEADER declares in NAMESPACE, as it does TYPE. The rows are looked for at every build. That a
# row is named there also keeps the linker from leaving out the object file that holds it, as it does
# with what nobody names in a static library.
#
# The table is an object file of its own: a program that brings a longer table of the same name is
# linked with that one, and this one is left out.
function(allmodes_rows name type function header namespace)
  get_target_property(sources allmodes_${name} SOURCES)
  list(FILTER sources EXCLUDE REGEX "^${PROJECT_BINARY_DIR}/generated/")
  set(output "${PROJECT_BINARY_DIR}/generated/${name}/${function}.cpp")
  allmodes_table_of_rows("${output}" ${type} ${function} ${header} ${namespace} "${ARGN}" ${sources})
  target_sources(allmodes_${name} PRIVATE "${output}")
  set_source_files_properties("${output}" PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  set_property(GLOBAL APPEND PROPERTY ALLMODES_TABLES "${type},${function},${header},${namespace}")
  install(FILES "${output}" DESTINATION "${ALLMODES_PACKAGE_DIR}/rows" COMPONENT development EXCLUDE_FROM_ALL)
endfunction()

# Sets `out` to TRUE when `target` links LibTorch, itself or through what it links.
function(allmodes_uses_torch target out)
  set(result FALSE)
  if(target STREQUAL "LibTorch::LibTorch")
    set(result TRUE)
  elseif(TARGET ${target})
    set(libraries "")
    get_target_property(found ${target} INTERFACE_LINK_LIBRARIES)
    if(found)
      set(libraries ${found})
    endif()
    foreach(library IN LISTS libraries)
      # What a static library links in private is listed as $<LINK_ONLY:...>.
      string(REGEX REPLACE "^\\$<LINK_ONLY:(.*)>$" "\\1" library "${library}")
      if(library MATCHES "^(allmodes_|LibTorch::)" AND NOT result)
        allmodes_uses_torch(${library} result)
      endif()
    endforeach()
  endif()
  set(${out} ${result} PARENT_SCOPE)
endfunction()
