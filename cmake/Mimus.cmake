# Compiler settings and the two functions with which every layer declares itself.

set(CMAKE_CXX_STANDARD 23)  # C++20 style; 23 is what makes libstdc++ 12 ship <expected>
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS ON)  # __int128
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/lib/mimus)

# Translations that are kept between runs belong to one build (core/base/build_id.h).
add_link_options(LINKER:--build-id=sha1)
add_compile_options(-Wall -Wextra -Wno-unused-parameter -fno-strict-aliasing -Wno-invalid-offsetof -fvisibility=hidden)

if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  add_compile_options(-fconstexpr-steps=20000000)  # instruction tables are checked while they are compiled
endif()

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()
find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# mimus_layer(NAME [SUBDIR...] [EXCLUDE SUBDIR] [LINKS TARGET...])
# A static library of every .cc file under the given folders (the current one when none is named).
function(mimus_layer name)
  cmake_parse_arguments(L "" "EXCLUDE" "LINKS" ${ARGN})
  set(patterns)
  foreach(dir IN LISTS L_UNPARSED_ARGUMENTS)
    list(APPEND patterns ${CMAKE_CURRENT_SOURCE_DIR}/${dir}/*.cc)
  endforeach()
  if(NOT patterns)
    set(patterns ${CMAKE_CURRENT_SOURCE_DIR}/*.cc)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${patterns})
  if(L_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "^${CMAKE_CURRENT_SOURCE_DIR}/${L_EXCLUDE}/")
  endif()
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} PUBLIC ${L_LINKS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${CMAKE_SOURCE_DIR})
    target_link_libraries(${name} INTERFACE ${L_LINKS})
  endif()
endfunction()

# mimus_module(NAME SOURCES... LINKS TARGET...)
# A shared object that is loaded on first use, with one extern "C" factory (core/base/module.h).
function(mimus_module name)
  cmake_parse_arguments(M "" "" "LINKS" ${ARGN})
  add_library(${name} MODULE ${M_UNPARSED_ARGUMENTS})
  set_property(GLOBAL APPEND PROPERTY MIMUS_MODULES ${name})
  set_target_properties(${name} PROPERTIES PREFIX "")
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${M_LINKS})
endfunction()
