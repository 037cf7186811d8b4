# Runs one fuzz target: cmake -DNAME=.. -DTREE=.. -DSECONDS=.. -DSEEDS=.. -P run.cmake
set(corpus ${TREE}/corpus/${NAME})
file(MAKE_DIRECTORY ${corpus} ${TREE}/found)
set(folders ${corpus})
if(IS_DIRECTORY ${SEEDS})
  list(APPEND folders ${SEEDS})
endif()
execute_process(
  COMMAND ${TREE}/bin/${NAME} -max_total_time=${SECONDS} -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
          -artifact_prefix=${TREE}/found/${NAME}- ${folders}
  RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NAME} found something: see above, the input is in ${TREE}/found")
endif()
