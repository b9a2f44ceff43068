// The disk part of config.h. std::filesystem is used in its forms that do not throw.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "app/config.h"
#include "lang/yaml.h"

namespace postlude::app {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kFilesMax = 10'000;

void problem(const std::string& path, std::string message, lang::Problems& problems) {
  problems.push_back({{path, 0, 0}, std::move(message)});
}

// One byte more than may be read tells that a file is too long: read_yaml says so.
bool read_file(const std::string& path, std::string& into, lang::Problems& problems) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (!file) {
    problem(path, std::string("cannot be read: ") + std::strerror(errno), problems);
    return false;
  }
  into.resize(lang::kYamlBytesMax + 1);
  errno = 0;
  into.resize(std::fread(into.data(), 1, into.size(), file.get()));
  if (std::ferror(file.get()) != 0) {
    problem(path, std::string("cannot be read: ") + std::strerror(errno), problems);
    return false;
  }
  into.shrink_to_fit();
  return true;
}

bool is_configuration(const std::string& name) {
  if (name.starts_with('.') || name.ends_with(".test.yaml") || name.ends_with(".test.yml")) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

std::vector<std::string> files_of(const std::string& folder, lang::Problems& problems) {
  std::vector<std::string> paths;
  std::error_code error;
  fs::directory_iterator at(folder, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    std::error_code unknown;
    const std::string name = at->path().filename().string();
    if (!is_configuration(name) || fs::is_directory(at->path(), unknown)) continue;
    paths.push_back(at->path().string());
    if (paths.size() > kFilesMax) {
      problem(folder, "more than " + std::to_string(kFilesMax) + " files in this folder", problems);
      return {};
    }
  }
  if (error) {
    problem(folder, "cannot be read: " + error.message(), problems);
  } else if (paths.empty()) {
    problem(folder, "no .yaml or .yml file in this folder", problems);
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

}  // namespace

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
      files = files_of(paths[layer], problems);
    } else if (status.type() == fs::file_type::regular) {
      files.push_back(paths[layer]);
    } else {
      problem(paths[layer], error ? "cannot be read: " + error.message() : "neither a file nor a folder",
              problems);
    }
    for (const std::string& path : files) {
      ConfigText text{path, {}, layer};
      if (read_file(path, text.text, problems)) texts.push_back(std::move(text));
    }
  }
  if (problems.size() > before) return std::nullopt;
  return texts;
}

}  // namespace postlude::app
