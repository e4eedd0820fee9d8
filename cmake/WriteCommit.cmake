# Writes OUTPUT, a C++ source that tells the commit of the checkout SOURCE:
#
#   cmake -DSOURCE=... -DOUTPUT=... -P WriteCommit.cmake
#
# Left alone where it says so already, so that nothing is compiled anew.

set(commit unknown)
find_program(git git)
if(git AND EXISTS ${SOURCE}/.git)
  execute_process(
    COMMAND ${git} -C ${SOURCE} describe --always --dirty --abbrev=7
    OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET
    RESULT_VARIABLE failed)
  if(NOT failed)
    set(commit ${described})
  endif()
endif()
set(text "#include \"version.h\"

namespace unimiss {

const char* source_commit() { return \"${commit}\"; }

}  // namespace unimiss
")
set(before "")
if(EXISTS ${OUTPUT})
  file(READ ${OUTPUT} before)
endif()
if(NOT before STREQUAL text)
  file(WRITE ${OUTPUT} "${text}")
endif()
