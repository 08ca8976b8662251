# allmodes_room(NAME SOURCES file... [DEPENDS target...])
#
# One room of trainer/ as the static library allmodes_NAME: headers are included relative to
# trainer/ ("base/error.h"), warnings are on. Dependencies are public: a room's headers show what
# they use.
function(allmodes_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "" "" "SOURCES;DEPENDS")
  if(room_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "allmodes_room(${name}): not understood: ${room_UNPARSED_ARGUMENTS}")
  endif()
  add_library(allmodes_${name} STATIC ${room_SOURCES})
  target_include_directories(allmodes_${name} PUBLIC "${PROJECT_SOURCE_DIR}/trainer")
  target_link_libraries(allmodes_${name} PUBLIC ${room_DEPENDS} PRIVATE allmodes_warnings)
  target_link_libraries(allmodes_${name} PUBLIC allmodes_version allmodes_cuda)
  set_property(GLOBAL APPEND PROPERTY ALLMODES_ROOMS allmodes_${name})
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
