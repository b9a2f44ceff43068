#include "unit/app/config.h"

namespace postlude::app {
namespace {

// What can match nothing would keep a workflow from ever running, in silence.
TEST(Patterns, that_match_nothing) {
  const auto on = [](const std::string& pattern) {
    return "clusters: {eu-1: {}}\nworkflows:\n  w: {on: " + pattern + ", steps: [{uses: t/x}]}";
  };
  expect_all({
      {on("{kind: forwards}"), "p.yaml:3:18: no kind matches 'forwards'; did you mean 'forward'?"},
      {on("[{}, {kind: [back, downgrade]}]"),
       "p.yaml:3:30: no kind matches 'downgrade'; there is first, forward, back, configOnly, unchanged"},
      {on("{outcome: promted}"),
       "p.yaml:3:21: no outcome matches 'promted'; did you mean 'promoted'? (this version does "
       "not look at the cluster: phase Succeeded is promoted, phase Failed is failed)"},
      {on("{outcome: [promoted, rolledBack]}"),
       "p.yaml:3:32: no outcome matches 'rolledBack'; there is promoted, failed (this version does not look "
       "at "
       "the cluster: phase Succeeded is promoted, phase Failed is failed)"},
      {on("{hook: post-rolout}"),
       "p.yaml:3:18: no hook of its source matches 'post-rolout'; did you mean 'post-rollout'?"},
      {on("{hook: confirm-promotion}"), "p.yaml:3:18: confirm-promotion is a gate: its calls make no events"},
      {on("{source: postlude, hook: hook-missed}"),
       "p.yaml:3:36: the event 'hook-missed' is not built yet in this version of Postlude"},
      {on("{source: postlude, hook: post-rollout}"),
       "p.yaml:3:36: no hook of its source matches 'post-rollout'; there is run-failed, target-down, "
       "config-rejected, storm"},
      {on("{cluster: eu-2}"), "p.yaml:3:21: no cluster matches 'eu-2'; did you mean 'eu-1'?"},
      {on("{hook: event, outcome: promoted}"),
       "p.yaml:3:34: the events of event have no `outcome`, so that this pattern matches none: leave it out, "
       "or "
       "write `hook: post-rollout`"},
      {on("{source: postlude, phase: Failed}"),
       "p.yaml:3:37: the events of run-failed, target-down, config-rejected, storm have no `phase`, so that "
       "this "
       "pattern matches none: leave it out"},
      {on("{source: postlude, hook: storm, metadata: {k: v}}"),
       "p.yaml:3:53: the events of storm have no `metadata`, so that this pattern matches none: leave it "
       "out"},
      {on("{phase: Failed, outcome: promo*}"),
       "p.yaml:3:36: no event has this outcome and this phase: Succeeded is promoted, and Failed is failed"},
      {on("{phase: Odd}"),
       "p.yaml:3:19: a post-rollout call has the phase Succeeded or Failed, and no other: for "
       "'Odd' add `hook: event`"},
      {on("{phase: 'Succeeded|Failed'}"),
       "p.yaml:3:19: a post-rollout call has the phase Succeeded or Failed, and no other: 'Succeeded|Failed' "
       "is one "
       "word; several are written as a list, as in [a, b]"},
      {on("{name: 'a.-b'}"),
       "p.yaml:3:18: no canary matches 'a.-b': a name has lower-case letters, digits, '-' and '.', never "
       "'.-'"},
      {on("{namespace: 'a.b'}"),
       "p.yaml:3:23: no namespace matches 'a.b': a name has lower-case letters, digits and '-', never '.'"},
      {on("{name: 'a,b'}"),
       "p.yaml:3:18: no canary matches 'a,b': a name has lower-case letters, digits, '-' and '.', never ','; "
       "several are written as a list, as in [a, b]"},
      {on("{metadata: {k: '${{ .event.name }}'}}"),
       "p.yaml:3:26: a pattern takes globs, not expressions: put conditions into the "
       "workflow's `if`"},
      {"workflows:\n  w: {on: {cluster: eu-2}, steps: [{uses: t/x}]}",
       "p.yaml:2:21: no cluster matches 'eu-2'; 'clusters' has none"},
  });
  lang::Problems problems;
  const std::string fine =
      on("[{kind: '*', outcome: [promo*, failed], hook: post-*, cluster: '*', phase: Succ*}, {hook: event, "
         "cluster: 'eu-?', phase: Odd, outcome: '*'}, {source: postlude, name: My_Target}]");
  ASSERT_TRUE(read_for_tests({{"p.yaml", fine}}, problems)) << all(problems);
  EXPECT_EQ(
      all(problems),
      "p.yaml:3:19: warning: no event has a `kind`, so that this pattern matches none: this version of "
      "Postlude does not read the cluster; leave it out (tests may set a release's kind)\n"
      "p.yaml:3:132: warning: no phase of Flagger's matches 'Odd'; there is Initializing, Initialized, "
      "Waiting, "
      "Progressing, WaitingPromotion, Promoting, Finalising, Succeeded, Failed, Terminating, Terminated");
}

}  // namespace
}  // namespace postlude::app
