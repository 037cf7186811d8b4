# Runs one fuzz target: cmake -DNAME=.. -DTREE=.. -DRUNS=.. -DSEEDS=.. -P run.cmake
# The same inputs each time (a fixed seed, no corpus but the seeds), so that a failure is a change's own.
set(corpus ${TREE}/ctest/${NAME})
file(REMOVE_RECURSE ${corpus})
file(MAKE_DIRECTORY ${corpus} ${TREE}/found)
set(folders ${corpus})
if(IS_DIRECTORY ${SEEDS})
  list(APPEND folders ${SEEDS})
endif()
execute_process(
  COMMAND ${TREE}/bin/${NAME} -seed=1 -runs=${RUNS} -max_total_time=60 -timeout=60 -rss_limit_mb=4096
          -print_final_stats=1 -artifact_prefix=${TREE}/found/${NAME}- ${folders}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NAME} found something: see above, the input is in ${TREE}/found")
endif()
