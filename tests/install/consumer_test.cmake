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
file(GLOB programs ${WORK}/prefix/bin/unimiss-*)
foreach(program ${programs})
  run(${program} --help)
endforeach()
