set(_allmodes_gather_rows "${CMAKE_CURRENT_LIST_DIR}/GatherRows.cmake")

# allmodes_table_of_rows(OUTPUT TYPE FUNCTION HEADER NAMESPACE MAY_BE_EMPTY SOURCE...)
#
# The command that writes the source OUTPUT, the table of the rows in SOURCEs: see allmodes_rows() of Rooms.cmake.
function(allmodes_table_of_rows output type function header namespace may_be_empty)
  list(JOIN ARGN "|" joined)
  add_custom_command(
    OUTPUT "${output}"
    COMMAND "${CMAKE_COMMAND}" "-DSOURCES=${joined}" -DTYPE=${type} -DFUNCTION=${function}
            -DHEADER=${header} -DNAMESPACE=${namespace} "-DMAY_BE_EMPTY=${may_be_empty}" "-DOUTPUT=${output}"
            -P "${_allmodes_gather_rows}"
    DEPENDS ${ARGN} "${_allmodes_gather_rows}"
    COMMENT "Gathering the rows of ${function}()"
    VERBATIM)
endfunction()
