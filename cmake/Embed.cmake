# embed(TARGET FILE...): the files' text becomes part of TARGET's library, found again by base name.
#
#   embed(connector connector/connector.schema.json ../connectors/*.yaml)
#
#   #include "connector/embedded.h"
#   std::string_view text = connector::embedded("jira.yaml");  // "" when there is no such file
#
# Patterns may match nothing; a file that appears later is found at the next build. Each file is one raw string
# literal: megabytes compile in a blink, where arrays of numbers take seconds. Text only: no NUL bytes.

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  # The generator, run at build time: cmake -DNAME=… -DOUTPUT=… -DFILES=a|b|c -P Embed.cmake
  string(REPLACE "|" ";" files "${FILES}")
  set(text "// Made by cmake/Embed.cmake.\n#include \"${NAME}/embedded.h\"\n\n#include <array>\n#include <utility>\n\n")
  string(APPEND text "#pragma GCC diagnostic ignored \"-Woverlength-strings\"\n\n")
  string(APPEND text "namespace postlude::${NAME} {\nnamespace {\n")
  set(rows "")
  set(names "")
  set(count 0)
  foreach(path IN LISTS files)
    get_filename_component(base "${path}" NAME)
    file(READ "${path}" content)
    string(APPEND text "constexpr std::string_view kFile${count} = R\"embed~(${content})embed~\";\n")
    string(APPEND rows "    {\"${base}\", kFile${count}},\n")
    string(APPEND names "\"${base}\", ")
    math(EXPR count "${count} + 1")
  endforeach()
  string(APPEND text "constexpr std::array<std::pair<std::string_view, std::string_view>, ${count}> kFiles{{\n${rows}}};\n")
  string(APPEND text "}  // namespace\n\n")
  string(APPEND text "std::string_view embedded(std::string_view name) {\n  for (const auto& [file, content] : kFiles) {\n")
  string(APPEND text "    if (file == name) return content;\n  }\n  return {};\n}\n\n")
  string(APPEND text "std::vector<std::string_view> embedded_names() { return {${names}}; }\n\n}  // namespace postlude::${NAME}\n")
  file(WRITE "${OUTPUT}" "${text}")
  return()
endif()

set(POSTLUDE_EMBED ${CMAKE_CURRENT_LIST_FILE})

function(embed name)
  set(files "")
  foreach(pattern IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${pattern})
    list(APPEND files ${found})
  endforeach()
  list(SORT files)

  set(folder ${CMAKE_BINARY_DIR}/embed/${name}/${name})
  file(CONFIGURE OUTPUT ${folder}/embedded.h @ONLY CONTENT [=[
#pragma once
// Embedded: the files that are built into this folder's library. Made by cmake/Embed.cmake.

#include <string_view>
#include <vector>

namespace postlude::@name@ {

std::string_view embedded(std::string_view name);  // by base name; "" when there is no such file
std::vector<std::string_view> embedded_names();    // sorted by path

}  // namespace postlude::@name@
]=])
  string(REPLACE ";" "|" joined "${files}")
  add_custom_command(
    OUTPUT ${folder}/embedded.cc
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DOUTPUT=${folder}/embedded.cc "-DFILES=${joined}" -P ${POSTLUDE_EMBED}
    DEPENDS ${files} ${POSTLUDE_EMBED}
    COMMENT "Embedding files into ${name}"
    VERBATIM)
  target_sources(${name} PRIVATE ${folder}/embedded.cc)
  target_include_directories(${name} PUBLIC ${CMAKE_BINARY_DIR}/embed/${name})
endfunction()
