# Installs BUILD into a fresh prefix, then configures, builds and runs the
# project SOURCE against it, with the EXAMPLES of the documents, which are run
# on RUNS. Everything happens below WORK.
function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status
    OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed (${status}): ${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G Ninja
  -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH=${WORK}/prefix
  -DCMAKE_CXX_COMPILER=${CXX} -DCMAKE_CXX_FLAGS=${FLAGS}
  -DEXAMPLES=${EXAMPLES})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer)
# What the programs of an earlier version predicted with that run.
run(${WORK}/build/predict ${RUNS}/runs/segment ${RUNS}/data/scans/scan1.nii.gz
  ${WORK}/predicted)
run(${WORK}/build/consumer ${WORK}/predicted/scan1.nii.gz
  ${RUNS}/expected/predicted/scan1.nii.gz)

# own_training FOLDER: a start of the example, its exit status and output.
macro(own_training folder)
  execute_process(COMMAND ${WORK}/build/own_training ${WORK}/${folder}
    RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  string(REGEX MATCH "y = [^\n]*" result "${output}")
endmacro()

own_training(unbroken)
set(unbroken "${result}")
set(ENV{UNIMISS_CRASH_AT} "step_taken:50")
own_training(killed)
unset(ENV{UNIMISS_CRASH_AT})
if(NOT unbroken OR status EQUAL 0 OR result)
  message(FATAL_ERROR "own_training did not end, or was not killed: ${output}")
endif()
own_training(killed)
if(NOT result STREQUAL unbroken OR NOT output MATCHES "going on from step")
  message(FATAL_ERROR "own_training did not go on to '${unbroken}': ${output}")
endif()

# What they cannot use they say, and end.
file(WRITE ${WORK}/file "")
own_training(file)
if(NOT status EQUAL 1 OR NOT output MATCHES "run.output")
  message(FATAL_ERROR "own_training took a file for its folder: ${output}")
endif()
execute_process(COMMAND ${WORK}/build/predict ${RUNS}/runs/classify
  ${RUNS}/data/scans/scan1.nii.gz ${WORK}/predicted
  RESULT_VARIABLE status ERROR_VARIABLE output)
if(NOT status EQUAL 1 OR NOT output MATCHES "tells no label maps")
  message(FATAL_ERROR "predict took a classification: ${status}, ${output}")
endif()

file(GLOB programs ${WORK}/prefix/bin/unimiss-*)
foreach(program ${programs})
  run(${program} --help)
endforeach()
