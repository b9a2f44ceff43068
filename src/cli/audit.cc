#include "cli/audit.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/printable.h"
#include "ledger/audit.h"

namespace postlude::cli {

namespace {

constexpr std::size_t kShownMax = 400;

int print_check(const Remote& remote, const json::value& check) {
  const bool holds = flag_in(check, "intact");
  const std::string count = std::to_string(number_in(check, "records"));
  const std::string table =
      holds
          ? "the chain is intact: " + count + " records, head " + std::string(find_text(check, "head")) +
                "\nCut-off records at the end cannot be detected: compare the number of records and the head "
                "with ones that you kept elsewhere.\n"
          : "the chain is broken after " + count +
                " records: " + quoted_printable(find_text(check, "firstBad"), kShownMax) + "\n";
  (void)print_answer(remote, check, table);
  return holds ? kFine : kFoundWrong;
}

int verify(const Remote& remote, const std::string& file) {
  if (file.empty()) {
    const auto answer = get(remote.server, "/api/v1/audit/verify", verified_shape());
    return answer ? print_check(remote, *answer) : failed(remote, answer.error());
  }
  const auto check = ledger::verify_audit_file(file);
  if (!check) {
    std::fprintf(stderr, "%s\n", check.error().message.c_str());
    return kUsedWrongly;
  }
  return print_check(
      remote, json::object{{"intact", check->bad.empty()},
                           {"firstBad", check->bad.empty() ? json::value(nullptr) : json::value(check->bad)},
                           {"records", check->records},
                           {"head", check->head}});
}

int export_records(const std::string& file) {
  bool written = true;
  const Status done = ledger::export_audit_file(file, [&](const std::string& line) {
    written = std::fwrite(line.data(), 1, line.size(), stdout) == line.size();
    return written;
  });
  if (done && written && std::fflush(stdout) == 0) return kFine;
  std::fprintf(stderr, "%s\n", done ? "standard output cannot be written" : done.error().message.c_str());
  return done ? kFoundWrong : kUsedWrongly;
}

}  // namespace

void add_audit(CLI::App& app, const Wiring& wiring) {
  const auto file = std::make_shared<std::string>();
  auto* audit = app.add_subcommand("audit", "Verify and export the audit log")->require_subcommand(1);
  auto* verified = audit->add_subcommand(
      "verify",
      "Verify the chain of audit records; exits with 1 and names the first bad record if it is broken");
  verified->add_option("--file", *file,
                       "Read this database file instead of asking the daemon; safe while the daemon runs");
  wiring.add_remote(verified);
  verified->callback(
      [wiring, file] { *wiring.run = [wiring, file] { return verify(wiring.remote(), *file); }; });
  auto* exported =
      audit->add_subcommand("export", "Print all audit records of a database file, one JSON object per line");
  exported->add_option("--file", *file, "The database file; safe while the daemon runs")->required();
  exported->callback([wiring, file] { *wiring.run = [file] { return export_records(*file); }; });
}

}  // namespace postlude::cli
