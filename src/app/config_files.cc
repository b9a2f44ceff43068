// The disk part of config.h. std::filesystem is used in its forms that do not throw.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "app/config.h"
#include "lang/yaml.h"

namespace postlude::app {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kFilesMax = 10'000;

void problem(const std::string& path, std::string message, lang::Problems& problems) {
  problems.push_back({{path, 0, 0}, std::move(message)});
}

bool is_configuration(const std::string& name) {
  if (name.starts_with('.') || name.ends_with(".test.yaml") || name.ends_with(".test.yml")) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

}  // namespace

// One byte more than may be read tells that a file is too long: its reader says so.
Result<std::string> read_file(const std::string& path, std::size_t most) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  const auto refused = [] {
    return Error(Code::kInvalid,
                 "cannot be read: " + std::error_code(errno, std::generic_category()).message());
  };
  if (!file) return refused();
  std::string text(most + 1, '\0');
  errno = 0;
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return refused();
  text.shrink_to_fit();
  return text;
}

Result<std::vector<std::string>> files_of(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code unknown;
    const std::string name = at->path().filename().string();
    if (!is_configuration(name) || fs::is_directory(at->path(), unknown)) continue;
    paths.push_back(at->path().string());
    if (paths.size() > kFilesMax)
      return Error(Code::kInvalid, "more than " + std::to_string(kFilesMax) + " files in this folder");
  }
  if (error) return Error(Code::kInvalid, "cannot be read: " + error.message());
  if (paths.empty()) return Error(Code::kInvalid, "no .yaml or .yml file in this folder");
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::string path_beside(const lang::Place& place, std::string_view path) {
  const fs::path written(path);
  return written.is_absolute() ? written.string()
                               : (fs::path(place.file).parent_path() / written).lexically_normal().string();
}

std::optional<std::vector<ConfigText>> load_config(const std::vector<std::string>& paths,
                                                   lang::Problems& problems) {
  std::vector<ConfigText> texts;
  const std::size_t before = problems.size();
  for (std::size_t layer = 0; layer < paths.size(); ++layer) {
    std::error_code error;
    const fs::file_status status = fs::status(paths[layer], error);
    std::vector<std::string> files;
    if (status.type() == fs::file_type::not_found) {
      problem(paths[layer], "no such file or folder", problems);
    } else if (status.type() == fs::file_type::directory) {
      auto found = files_of(paths[layer]);
      if (!found) problem(paths[layer], found.error().message, problems);
      if (found) files = std::move(*found);
    } else if (status.type() == fs::file_type::regular) {
      files.push_back(paths[layer]);
    } else {
      problem(paths[layer], error ? "cannot be read: " + error.message() : "neither a file nor a folder",
              problems);
    }
    for (const std::string& path : files) {
      auto text = read_file(path, lang::kYamlBytesMax);
      if (!text) problem(path, text.error().message, problems);
      if (text) texts.push_back({path, std::move(*text), layer});
    }
  }
  if (problems.size() > before) return std::nullopt;
  return texts;
}

}  // namespace postlude::app
