// The disk part of config.h. std::filesystem is used in its forms that do not throw.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
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

bool holds_tests(std::string_view name) {
  return name.ends_with(".test.yaml") || name.ends_with(".test.yml");
}

bool is_configuration(const std::string& name) {
  if (name.starts_with('.') || holds_tests(name)) return false;
  return name.ends_with(".yaml") || name.ends_with(".yml");
}

std::string not_a_file(mode_t mode) {
  const char* what = S_ISDIR(mode)    ? "a folder"
                     : S_ISFIFO(mode) ? "a named pipe"
                     : S_ISSOCK(mode) ? "a socket"
                                      : "a device";
  return std::string("is ") + what + "; only ordinary files are read";
}

}  // namespace

// By descriptor, and never waiting: opening a pipe waits for who writes into it, opening a device may act.
Result<std::string> read_file(const std::string& path, std::size_t most) {
  const auto refused = [] {
    return Error(Code::kInvalid,
                 "cannot be read: " + std::error_code(errno, std::generic_category()).message());
  };
  struct stat found {};
  if (::stat(path.c_str(), &found) != 0) return refused();
  if (!S_ISREG(found.st_mode)) return Error(Code::kInvalid, not_a_file(found.st_mode));
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return refused();
  const auto close = [](const int* file) { ::close(*file); };
  const std::unique_ptr<const int, decltype(close)> closed(&fd, close);
  if (::fstat(fd, &found) != 0) return refused();
  if (!S_ISREG(found.st_mode)) return Error(Code::kInvalid, not_a_file(found.st_mode));  // replaced since
  std::string text;
  while (text.size() <= most) {  // one byte more tells that it is too long: its reader says so
    const std::size_t had = text.size();
    text.resize(std::min(most + 1, had + (64U << 10U)));
    const ssize_t got = ::read(fd, text.data() + had, text.size() - had);
    if (got < 0 && errno != EINTR) return refused();
    text.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
  }
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
    } else if (status.type() == fs::file_type::regular && holds_tests(paths[layer])) {
      problem(paths[layer], "a file of tests, and no configuration: run `postlude test " + paths[layer] + "`",
              problems);
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
