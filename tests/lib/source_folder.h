#pragma once
// source_path: where a file of this repository lies, for tests that read one.
//
// Only one generated file (cmake/Module.cmake) contains the folder's name, so that ccache finds all other
// objects again in a checkout elsewhere.

#include <string>
#include <string_view>

namespace postlude {

std::string source_path(std::string_view below);  // "src/lang/prelude.cc" -> the file's whole path

}  // namespace postlude
