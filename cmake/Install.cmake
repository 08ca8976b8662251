# What `cmake --install` makes of the program: a prefix that may be moved and that any user can run.
#
# LibTorch lies in the builder's cache, which other users need not be able to read: its libraries are
# copied beside the program, which finds them relative to itself. Not with CUDA, whose libraries take
# gigabytes: there the program names the place that it was built with.

if(LibTorch_WITH_CUDA)
  set(bundle OFF)
else()
  set(bundle ON)
endif()
option(ALLMODES_INSTALL_TORCH "cmake --install copies LibTorch's libraries into the prefix" ${bundle})

install(TARGETS allmodes RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
if(ALLMODES_INSTALL_TORCH)
  get_filename_component(torch_libraries "${LIBTORCH_ROOT}/lib" REALPATH)
  set_target_properties(allmodes PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/allmodes"
                                            INSTALL_RPATH_USE_LINK_PATH OFF)
  install(DIRECTORY "${torch_libraries}/" DESTINATION lib/allmodes
          FILES_MATCHING PATTERN "libtorch.so*" PATTERN "libtorch_cpu.so*" PATTERN "libc10.so*"
                         PATTERN "libgomp*.so*" PATTERN "libshm*" EXCLUDE)
endif()

# Completion and the manual page are the command line's own description.
install(CODE "
  foreach(place IN ITEMS
      bash:${CMAKE_INSTALL_DATADIR}/bash-completion/completions/allmodes
      zsh:${CMAKE_INSTALL_DATADIR}/zsh/site-functions/_allmodes
      fish:${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d/allmodes.fish
      man:${CMAKE_INSTALL_MANDIR}/man1/allmodes.1)
    string(REGEX MATCH \"^[^:]+\" form \"\${place}\")
    string(REGEX REPLACE \"^[^:]+:\" \"\" path \"\${place}\")
    set(target \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/\${path}\")
    get_filename_component(folder \"\${target}\" DIRECTORY)
    file(MAKE_DIRECTORY \"\${folder}\")
    execute_process(COMMAND \"$<TARGET_FILE:allmodes>\" completion \"\${form}\"
                    OUTPUT_FILE \"\${target}\" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()")
