# One folder = one library = one include root. A folder sees only what it declares.
#
#   module(engine TIER rules USES base model HIDES lang)
#
# Four fences, from cheapest to strictest:
#   configure: a module may use only what is declared above it, and edges and rules do not know each other;
#   compile:   "store/store.h" is found only by modules that USE store, or USE a user of it. HIDES is for what
#              appears only in .cc files, and does not travel upwards;
#   link:      <name>_test links this module and what it declares, nothing else;
#   tidy:      each include is of a folder that is declared here, and each declaration is used.
# LINKS names libraries from outside that appear only in this folder's .cc files.
set(POSTLUDE_TIERS words rules edges flow program)

# Two precompiled headers: std and JSON for words and rules; the loop's coroutines as well for the others.
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/pch.cc CONTENT "")  # untouched where it is so already
add_library(pch_plain OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(pch_plain PUBLIC Boost::headers Boost::json Threads::Threads)
target_precompile_headers(pch_plain PRIVATE <string> <string_view> <vector> <map> <memory> <optional> <variant>
  <functional> <chrono> <algorithm> <utility> <cstdint> <cstring> <boost/json.hpp>)
add_library(pch_loop OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
target_link_libraries(pch_loop PUBLIC Boost::headers Boost::json Threads::Threads)
target_precompile_headers(pch_loop PRIVATE <string> <string_view> <vector> <map> <memory> <optional> <variant>
  <functional> <chrono> <algorithm> <utility> <cstdint> <cstring> <boost/json.hpp> <boost/asio/awaitable.hpp>)

# The same two, with GoogleTest. With a sanitizer, optimizing the tests' own code takes longer than it saves.
if(POSTLUDE_SANITIZE)
  set(POSTLUDE_TEST_OPTIONS -O0)
endif()
if(BUILD_TESTING)
  foreach(kind plain loop)
    add_library(pch_${kind}_test OBJECT ${CMAKE_BINARY_DIR}/pch.cc)
    get_target_property(headers pch_${kind} PRECOMPILE_HEADERS)
    target_precompile_headers(pch_${kind}_test PRIVATE ${headers} <gtest/gtest.h>)
    target_link_libraries(pch_${kind}_test PUBLIC Boost::headers Boost::json Threads::Threads GTest::gtest)
    target_compile_options(pch_${kind}_test PRIVATE ${POSTLUDE_TEST_OPTIONS})
  endforeach()
endif()

# The one object that names this checkout's folder (tests/lib/source_folder.h).
if(BUILD_TESTING)
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/source_folder.cc @ONLY CONTENT [=[
#include "lib/source_folder.h"

namespace postlude {
std::string source_path(std::string_view below) { return "@CMAKE_SOURCE_DIR@/" + std::string(below); }
}  // namespace postlude
]=])
  add_library(source_folder STATIC ${CMAKE_BINARY_DIR}/source_folder.cc)
  target_include_directories(source_folder PUBLIC ${CMAKE_SOURCE_DIR}/tests)
endif()

function(module name)
  cmake_parse_arguments(M "" "TIER" "USES;HIDES;LINKS" ${ARGN})
  list(FIND POSTLUDE_TIERS "${M_TIER}" tier)
  if(tier EQUAL -1)
    message(FATAL_ERROR "${name}: unknown tier '${M_TIER}'")
  endif()
  foreach(dep IN LISTS M_USES M_HIDES)
    if(NOT TARGET ${dep})
      message(FATAL_ERROR "${name} uses ${dep}, which is declared later: dependencies point downwards only")
    endif()
    get_target_property(dep_tier ${dep} POSTLUDE_TIER)
    if(dep_tier GREATER tier)
      message(FATAL_ERROR "${name} (${M_TIER}) may not use ${dep}")
    endif()
    if(M_TIER STREQUAL "edges" AND dep_tier EQUAL 1)
      message(FATAL_ERROR "${name} is an edge: it may not know the rule ${dep}")
    endif()
  endforeach()

  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")  # a main() in a library would hide the tests' own
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  add_library(${name} STATIC ${sources} ${CMAKE_BINARY_DIR}/pch.cc)
  set_target_properties(${name} PROPERTIES POSTLUDE_TIER ${tier} LINKER_LANGUAGE CXX OUTPUT_NAME postlude_${name})
  if(tier GREATER 1)
    set(pch pch_loop)
  else()
    set(pch pch_plain)
  endif()
  target_precompile_headers(${name} REUSE_FROM ${pch})

  set(root ${CMAKE_BINARY_DIR}/include/${name})  # holds one symlink, named like the module
  file(MAKE_DIRECTORY ${root})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR}/${name} ${root}/${name} SYMBOLIC)
  target_include_directories(${name} PUBLIC ${root})
  target_link_libraries(${name} PUBLIC Boost::headers Boost::json Threads::Threads ${M_USES} PRIVATE ${M_HIDES} ${M_LINKS})

  if(tests AND BUILD_TESTING)
    add_executable(${name}_test ${tests})
    target_precompile_headers(${name}_test REUSE_FROM ${pch}_test)
    target_compile_options(${name}_test PRIVATE ${POSTLUDE_TEST_OPTIONS})
    target_link_libraries(${name}_test PRIVATE ${name} ${M_HIDES} source_folder GTest::gtest GTest::gtest_main)
    add_test(NAME ${name}_test COMMAND ${name}_test)
  endif()
endfunction()
