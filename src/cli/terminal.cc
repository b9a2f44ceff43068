#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>

#include "base/printable.h"

namespace postlude::cli {

namespace {

// Writes all of it; errno says why not.
bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// ESC [ digits and semicolons m, at the beginning of the text; 0: none.
std::size_t colour_at(std::string_view text) {
  if (!text.starts_with("\x1b[")) return 0;
  const std::size_t end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

std::string escaped(std::string_view text, bool colours) {
  if (!colours) return printable(text, Lines::kKept);
  std::string out;
  while (!text.empty()) {
    const std::size_t colour = colour_at(text);
    const std::size_t next = std::min(text.find('\x1b', 1), text.size());
    if (colour > 0) out += text.substr(0, colour);
    out += printable(text.substr(colour, next - colour), Lines::kKept);
    text.remove_prefix(next);
  }
  return out;
}

// A guarded stream: its file descriptor, and the bytes of an incomplete character, which are not written yet.
struct Guard {
  int fd;
  std::string rest;

  bool put(std::string_view text) {
    rest += text;
    const std::size_t later = unfinished(rest);
    const std::string now = escaped(std::string_view(rest).substr(0, rest.size() - later), false);
    rest.erase(0, rest.size() - later);
    return write_all(fd, now);
  }
  void end() {
    write_all(fd, escaped(rest, false));
    rest.clear();
  }
};

Guard& guard_of(int fd) {
  static Guard out{STDOUT_FILENO, ""};
  static Guard err{STDERR_FILENO, ""};
  return fd == STDERR_FILENO ? err : out;
}

ssize_t put_cookie(void* cookie, const char* text, std::size_t size) {
  return static_cast<Guard*>(cookie)->put({text, size}) ? static_cast<ssize_t>(size) : 0;  // 0: an error
}

void put_the_rest() {
  std::fflush(stdout);
  std::fflush(stderr);
  guard_of(STDOUT_FILENO).end();
  guard_of(STDERR_FILENO).end();
}

// glibc lets both names be assigned, and all of <cstdio> follows.
void replace(FILE*& stream, int fd, int buffering) {
  cookie_io_functions_t functions{};
  functions.write = put_cookie;
  FILE* guarded = fopencookie(&guard_of(fd), "w", functions);
  if (guarded == nullptr) std::abort();  // rather nothing than what was not looked at
  std::setvbuf(guarded, nullptr, buffering, BUFSIZ);
  std::fflush(stream);
  stream = guarded;
}

bool wide = false;

std::optional<std::size_t> columns_of_environment() {
  // nothing in this process changes the environment
  const char* text = std::getenv("COLUMNS");
  if (text == nullptr) return std::nullopt;
  const std::string_view given = text;
  std::size_t columns = 0;
  const auto [end, wrong] = std::from_chars(given.data(), given.data() + given.size(), columns);
  if (wrong != std::errc() || end != given.data() + given.size() || columns == 0) return std::nullopt;
  return columns;
}

}  // namespace

void guard_output() {
  replace(stdout, STDOUT_FILENO, ::isatty(STDOUT_FILENO) == 1 ? _IOLBF : _IOFBF);
  replace(stderr, STDERR_FILENO, _IONBF);
  std::atexit(put_the_rest);
}

void print_coloured(std::string_view text) {
  std::fflush(stdout);
  write_all(STDOUT_FILENO, escaped(text, true));
}

std::size_t table_width() {
  constexpr std::size_t kUsual = 80;
  if (wide) return 0;
  if (const auto given = columns_of_environment()) return *given;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return kUsual;
}

void make_tables_wide() {
  wide = true;
}

}  // namespace postlude::cli
