# Configures and builds the fuzz targets: cmake -DSOURCE=.. -DTREE=.. -P build.cmake
foreach(step IN ITEMS "--preset;fuzz;-B;${TREE}" "--build;${TREE};--target;fuzzers")
  execute_process(COMMAND ${CMAKE_COMMAND} ${step} WORKING_DIRECTORY ${SOURCE} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "cmake ${step}: ${result}")
  endif()
endforeach()
