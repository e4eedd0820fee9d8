# unimiss_library, unimiss_program and unimiss_test: one line of truth each for
# warnings, include paths and the shared precompiled header.

set(UNIMISS_WARNINGS -Wall -Wextra -Wshadow -Wnon-virtual-dtor
  -Woverloaded-virtual -Wno-unknown-pragmas)
if(UNIMISS_WERROR)
  list(APPEND UNIMISS_WARNINGS -Werror)
endif()

# _unimiss_defaults(<target>): what every target of ours has in common.
function(_unimiss_defaults target)
  target_compile_options(${target} PRIVATE ${UNIMISS_WARNINGS})
  set_target_properties(${target} PROPERTIES
    UNITY_BUILD ${UNIMISS_UNITY} UNITY_BUILD_BATCH_SIZE 10)
  if(UNIMISS_PCH AND NOT UNIMISS_TIDY AND NOT ARG_NO_PCH)
    if(NOT TARGET unimiss_pch)
      # Written anew only where it differs: nothing to do stays so.
      file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/pch.cc CONTENT "")
      add_library(unimiss_pch STATIC ${PROJECT_BINARY_DIR}/pch.cc)
      target_link_libraries(unimiss_pch PRIVATE unimiss_torch)
      target_compile_options(unimiss_pch PRIVATE ${UNIMISS_WARNINGS})
      target_precompile_headers(unimiss_pch PRIVATE
        ${PROJECT_SOURCE_DIR}/src/pch.h)
    endif()
    target_precompile_headers(${target} REUSE_FROM unimiss_pch)
  endif()
endfunction()

# unimiss_library(<folder> SOURCES ... [LINKS ...] [PRIVATE_LINKS ...] [NO_PCH])
# The static library unimiss_<folder>, alias unimiss::<folder>.
function(unimiss_library folder)
  cmake_parse_arguments(ARG "NO_PCH" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  set(target unimiss_${folder})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(unimiss::${folder} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${folder})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target} PUBLIC unimiss_torch ${ARG_LINKS}
    PRIVATE ${ARG_PRIVATE_LINKS})
  _unimiss_defaults(${target})
  set_property(GLOBAL APPEND PROPERTY UNIMISS_LIBRARIES ${target})
endfunction()

# unimiss_program(<name> SOURCES ... LINKS ...): an executable of bin/.
function(unimiss_program name)
  cmake_parse_arguments(ARG "NO_PCH" "" "SOURCES;LINKS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINKS})
  _unimiss_defaults(${name})
  set_property(GLOBAL APPEND PROPERTY UNIMISS_PROGRAMS ${name})
endfunction()

# unimiss_test(<folder> SOURCES a_test.cpp ... LINKS ... [LABEL unit])
# One test program per folder; each source becomes the ctest <folder>/a, run by
# the file's own suites: a suite is named after its file in CamelCase.
function(unimiss_test folder)
  cmake_parse_arguments(ARG "NO_PCH" "LABEL" "SOURCES;LINKS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL unit)
  endif()
  set(target ${folder}_test)
  if(NOT TARGET ${target})
    add_executable(${target})
    _unimiss_defaults(${target})
    # What is slow in a test is in the libraries.
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
    target_link_libraries(${target} PRIVATE unimiss_testing)
  endif()
  target_sources(${target} PRIVATE ${ARG_SOURCES})
  target_link_libraries(${target} PRIVATE ${ARG_LINKS})
  foreach(source ${ARG_SOURCES})
    string(REGEX REPLACE "_test\\.cpp$" "" stem ${source})
    string(REGEX REPLACE "(^|_)([a-z0-9])" ";\\2" letters ${stem})
    string(REPLACE "_" ";" words ${stem})
    set(suite "")
    foreach(word ${words})
      string(SUBSTRING ${word} 0 1 first)
      string(SUBSTRING ${word} 1 -1 rest)
      string(TOUPPER ${first} first)
      string(APPEND suite ${first}${rest})
    endforeach()
    # A filter that matches nothing must fail.
    add_test(NAME ${folder}/${stem} COMMAND ${target}
      --gtest_filter=${suite}.*:${suite}/*.*:*/${suite}.*)
    set_tests_properties(${folder}/${stem} PROPERTIES LABELS ${ARG_LABEL}
      FAIL_REGULAR_EXPRESSION "Running 0 tests"
      TIMEOUT 1200 ENVIRONMENT "OMP_NUM_THREADS=1;OMP_WAIT_POLICY=PASSIVE")
  endforeach()
endfunction()
