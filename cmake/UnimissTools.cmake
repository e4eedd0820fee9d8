# Compiler cache, linker, sanitizers, clang-tidy: how to build, never what.

find_program(UNIMISS_CCACHE ccache)
if(UNIMISS_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # A precompiled header is only cacheable with these checks relaxed.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
    ${UNIMISS_CCACHE})
endif()

find_program(UNIMISS_MOLD mold)
if(UNIMISS_MOLD AND NOT UNIMISS_SANITIZE)
  add_link_options(-fuse-ld=mold)
endif()

if(UNIMISS_SANITIZE)
  add_compile_options(-fsanitize=${UNIMISS_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${UNIMISS_SANITIZE})
endif()

if(UNIMISS_TIDY)
  find_program(UNIMISS_CLANG_TIDY NAMES clang-tidy-14 clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY ${UNIMISS_CLANG_TIDY} --quiet)
endif()
