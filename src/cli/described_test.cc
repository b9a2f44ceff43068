#include "cli/described.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/description.h"

namespace postlude::cli {
namespace {

using Words = std::vector<std::string>;

// As postlude's own: `runs list|show`, `pause` with a group of options, and a command that is hidden.
class Described : public testing::Test {
 protected:
  Described() : app("Does it all", "postlude") {
    auto* runs = app.add_subcommand("runs", "What ran");
    auto* list = runs->add_subcommand("list", "The newest first");
    list->add_option("-o,--output", output, "How it's written")->check(CLI::IsMember({"table", "json"}));
    list->add_option("--limit", limit, "At most so many: a number");
    auto* show = runs->add_subcommand("show", "One, whole");
    show->add_option("id", id, "Its id")->required();
    auto* pause = app.add_subcommand("pause", "Hold back");
    pause->add_option_group("what", "One of these")->add_flag("--all", all, "All of it");
    app.add_subcommand("later", "Not yet")->group("");
  }
  CLI::App app;
  std::string output, limit, id;
  bool all = false;
};

TEST_F(Described, HelpIsAWordToo) {
  EXPECT_EQ(with_help(app, {"help"}), (Words{"--help"}));
  EXPECT_EQ(with_help(app, {"help", "runs"}), (Words{"runs", "--help"}));
  EXPECT_EQ(with_help(app, {"runs", "help"}), (Words{"runs", "--help"}));
  EXPECT_EQ(with_help(app, {"runs", "help", "list"}), (Words{"runs", "list", "--help"}));
  EXPECT_EQ(with_help(app, {"runs", "show", "help"}), (Words{"runs", "show", "help"}));  // may be an id
  EXPECT_EQ(with_help(app, {"--help"}), (Words{"--help"}));
}

TEST_F(Described, UnknownCommandsNameTheNearest) {
  EXPECT_EQ(unknown_command(app, {"rnus", "list"}), "there is no command 'rnus'; did you mean 'runs'?");
  EXPECT_EQ(unknown_command(app, {"runs", "lits"}), "there is no command 'lits'; did you mean 'list'?");
  EXPECT_EQ(unknown_command(app, {"zzzzzz"}), "there is no command 'zzzzzz'; commands: runs, pause");
  EXPECT_EQ(unknown_command(app, {"runs", "list", "x"}), std::nullopt);
  EXPECT_EQ(unknown_command(app, {"later", "x"}), std::nullopt);
}

TEST_F(Described, UnknownOptionsAreNamedWithTheNearest) {
  const auto said_of = [this](Words words) {
    std::reverse(words.begin(), words.end());
    EXPECT_THROW(app.parse(words), CLI::ParseError);
    return unknown_option(app).value_or("");
  };
  EXPECT_EQ(said_of({"runs", "list", "--limt", "3"}),
            "'postlude runs list' has no option '--limt'; did you mean '--limit'?");
  EXPECT_EQ(said_of({"runs", "show", "--limt"}),
            "'postlude runs show' has no option '--limt'; options: -h, --help")
      << "though its id is missing as well";
  EXPECT_EQ(said_of({"pause", "--al=yes"}), "'postlude pause' has no option '--al'; did you mean '--all'?");
  EXPECT_EQ(said_of({"runs", "show"}), "");
  EXPECT_EQ(said_of({"runs", "list", "x"}), "");
}

TEST_F(Described, ALetterIsAnsweredWithTheOptionsThatBeginWithIt) {
  Words words{"-l", "list", "runs"};
  EXPECT_THROW(app.parse(words), CLI::ParseError);
  EXPECT_EQ(unknown_option(app), "'postlude runs list' has no option '-l'; did you mean '--limit'?");
}

TEST_F(Described, HelpFitsAndSaysWhatIsNeeded) {
  auto* long_one = app.get_subcommand("runs")->add_subcommand("act", "Acts");
  long_one
      ->add_option("--with", limit,
                   "A help text that goes on and on, far beyond what a line of the terminal has room for")
      ->required();
  long_one->add_option("--without", id, "Not with the other")->excludes("--with");
  EXPECT_EQ(help_text(*long_one, "postlude runs act"), R"(Acts
Usage: postlude runs act --with VALUE [OPTIONS]

Options:
  -h, --help                Print this help message and exit
  --with VALUE              A help text that goes on and on, far beyond what a
                            line of the terminal has room for (required)
  --without VALUE           Not with the other
)");
  EXPECT_EQ(help_text(*app.get_subcommand("pause"), "postlude pause"), R"(Hold back
Usage: postlude pause [OPTIONS]

Options:
  -h, --help                Print this help message and exit
  --all                     All of it
  One of these: --all
)");
  EXPECT_NE(help_text(app, "postlude").find("\nSubcommands:\n  runs                      What ran\n"),
            std::string::npos);
}

TEST_F(Described, WhatSaysNothingOfItselfIsFound) {
  EXPECT_EQ(undescribed(app), Words{});
  std::string silent;
  app.get_subcommand("runs")->get_subcommand("list")->add_option("--silent", silent);
  app.get_subcommand("pause")->add_option_group("more", "More")->add_option("--quiet", silent);
  EXPECT_EQ(undescribed(app), (Words{"runs list --silent", "pause --quiet"}));
}

TEST_F(Described, CompletionsKnowCommandsOptionsAndChoices) {
  const DescribedCommand all_of_it = description_of(app);
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const std::string script = completion_of(all_of_it, shell);
    for (const char* piece : {"runs", "list", "show", "limit", "output", "table", "json", "all"})
      EXPECT_NE(script.find(piece), std::string::npos) << shell << " " << piece;
    EXPECT_EQ(script.find("later"), std::string::npos) << shell;
  }
  EXPECT_NE(completion_of(all_of_it, "zsh").find(R"('--output:How it'\''s written')"), std::string::npos);
  EXPECT_NE(completion_of(all_of_it, "fish").find(R"(-d 'How it\'s written')"), std::string::npos);
}

TEST_F(Described, ManualsAreForAllAndForEach) {
  const DescribedCommand all_of_it = description_of(app);
  EXPECT_NE(manual_of(all_of_it, "")->find("\\fBruns\\fR\nWhat ran"), std::string::npos);
  const std::string page = *manual_of(all_of_it, "runs");
  EXPECT_EQ(page.find(".TH POSTLUDE-RUNS 1"), page.find(".TH"));
  EXPECT_NE(page.find("\\fB\\-o\\fR, \\fB\\-\\-output\\fR table|json\nHow it's written"), std::string::npos)
      << page;
  for (const char* below : {"runs list", "runs-list"})
    EXPECT_EQ(manual_of(all_of_it, below), page) << below;
  for (const char* none : {"nothing", "runs nothing", "runs-", "runs list more"})
    EXPECT_EQ(manual_of(all_of_it, none), std::nullopt) << none;
  EXPECT_EQ(shared_files(all_of_it).count("man/man1/postlude-pause.1"), 1U);
}

}  // namespace
}  // namespace postlude::cli
