#pragma once
// Catalogue: all that /metrics tells. docs/operating.md has a row for each of them, and a test compares the
// two.

#include <array>

#include "metrics/metrics.h"

namespace postlude::metrics {

namespace names {
// Labels by what they name.
inline constexpr std::array<std::string_view, 0> kNone{};
inline constexpr std::array<std::string_view, 2> kHook{"source", "hook"};
inline constexpr std::array<std::string_view, 3> kVerdict{"source", "hook", "verdict"};
inline constexpr std::array<std::string_view, 2> kLetGo{"listener", "was"};
inline constexpr std::array<std::string_view, 1> kSource{"source"};
inline constexpr std::array<std::string_view, 1> kStatus{"status"};
inline constexpr std::array<std::string_view, 1> kResult{"result"};
inline constexpr std::array<std::string_view, 1> kTarget{"target"};
inline constexpr std::array<std::string_view, 3> kActionOutcome{"target", "action", "outcome"};
inline constexpr std::array<std::string_view, 3> kActionState{"target", "action", "state"};
inline constexpr std::array<std::string_view, 1> kWorkflow{"workflow"};
inline constexpr std::array<std::string_view, 2> kWorkflowResult{"workflow", "result"};
inline constexpr std::array<std::string_view, 2> kWorkflowState{"workflow", "state"};
inline constexpr std::array<std::string_view, 2> kWorkflowTarget{"workflow", "target"};
inline constexpr std::array<std::string_view, 1> kKind{"kind"};
inline constexpr std::array<std::string_view, 1> kRevision{"revision"};
inline constexpr std::array<std::string_view, 1> kVersion{"version"};
}  // namespace names

namespace bounds {
// In seconds.
inline constexpr std::array kAnswer{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                    0.1,    0.25,  0.5,    1.0,   2.5,  5.0,   10.0};
inline constexpr std::array kAttempt{0.005, 0.01, 0.025, 0.05, 0.1,  0.25, 0.5,
                                     1.0,   2.5,  5.0,   10.0, 30.0, 60.0};
inline constexpr std::array kRun{0.1,   0.5,   1.0,    5.0,    15.0,    30.0,    60.0,
                                 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0};
// In commands.
inline constexpr std::array kBatch{1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0};
}  // namespace bounds

// -- what comes in
inline constexpr CounterDefinition kDeliveries{
    {"postlude_deliveries_total", "Number of deliveries, by source, hook and verdict.", names::kVerdict}};
inline constexpr CounterDefinition kNotStored{
    {"postlude_not_stored_total", "Number of hooks answered 503 because they could not be stored.",
     names::kHook}};
inline constexpr GaugeDefinition kSecretsUnreadable{
    {"postlude_source_secrets_unreadable",
     "Number of secrets of a source that could not be read at the last attempt.", names::kSource}};
inline constexpr CounterDefinition kBrokenRequests{
    {"postlude_broken_requests_total",
     "Number of malformed requests on the hook listener, by response status.", names::kStatus}};
inline constexpr CounterDefinition kConnectionsLetGo{
    {"postlude_connections_let_go_total",
     "Number of connections closed, or requests refused with 503, to make room for others.", names::kLetGo}};
inline constexpr HistogramDefinition kIntakeSeconds{
    {"postlude_intake_seconds", "Time from the complete request to the response, in seconds.", names::kNone},
    bounds::kAnswer};
inline constexpr GaugeDefinition kEventsWaiting{
    {"postlude_events_waiting", "Number of accepted events for which no runs have been created yet.",
     names::kNone}};

// -- what is done
inline constexpr CounterDefinition kRunsEnded{
    {"postlude_runs_total", "Number of finished runs, by workflow and result. A retried run counts again.",
     names::kWorkflowResult}};
inline constexpr HistogramDefinition kRunSeconds{
    {"postlude_run_duration_seconds", "Time from the creation of a run to its end, in seconds.",
     names::kWorkflow},
    bounds::kRun};
inline constexpr GaugeDefinition kRuns{
    {"postlude_runs", "Number of stored runs, by workflow and state.", names::kWorkflowState}};
inline constexpr CounterDefinition kStepsEnded{
    {"postlude_steps_total", "Number of finished steps, by target, action and state.", names::kActionState}};
inline constexpr CounterDefinition kAttempts{
    {"postlude_attempts_total", "Number of attempts, by target, action and outcome.", names::kActionOutcome}};
inline constexpr HistogramDefinition kAttemptSeconds{
    {"postlude_attempt_seconds", "Time from the start of an attempt to its outcome, in seconds.",
     names::kActionOutcome},
    bounds::kAttempt};
inline constexpr GaugeDefinition kStepsHeld{{"postlude_steps_held",
                                             "Number of held steps, which wait for `postlude runs resume`.",
                                             names::kWorkflowTarget}};
inline constexpr GaugeDefinition kApprovalsWaiting{
    {"postlude_approvals_waiting", "Number of steps that wait for an approval.", names::kNone}};
inline constexpr GaugeDefinition kStepsDue{
    {"postlude_steps_due", "Number of steps that are due and have not started.", names::kNone}};
inline constexpr GaugeDefinition kQueueAgeSeconds{
    {"postlude_queue_age_seconds", "Age of the oldest due step, in seconds.", names::kNone}};
inline constexpr GaugeDefinition kPaused{
    {"postlude_paused", "Number of active pauses, by kind.", names::kKind}};
inline constexpr GaugeDefinition kBreakerOpen{
    {"postlude_breaker_open",
     "Whether the circuit breaker of a target is open (1): it fails and is only probed.", names::kTarget}};

// -- what it stands on
inline constexpr CounterDefinition kReloads{
    {"postlude_config_reloads_total", "Number of configuration reloads, by result.", names::kResult}};
inline constexpr GaugeDefinition kConfigValid{
    {"postlude_config_valid", "Whether the newest configuration is in use (1) or was refused (0).",
     names::kNone}};
inline constexpr GaugeDefinition kConfigLoaded{
    {"postlude_config_loaded_timestamp_seconds",
     "Time when the current configuration was loaded, in seconds since the epoch.", names::kNone}};
inline constexpr GaugeDefinition kConfigRevision{{"postlude_config_revision_info",
                                                  "Revision of the current configuration; the value is 1.",
                                                  names::kRevision}};
inline constexpr CounterDefinition kCommits{
    {"postlude_store_commits_total", "Number of store commits.", names::kNone}};
inline constexpr CounterDefinition kCommands{
    {"postlude_store_commands_total", "Number of committed store commands.", names::kNone}};
inline constexpr HistogramDefinition kCommitSeconds{
    {"postlude_store_commit_seconds", "Duration of a store commit, in seconds.", names::kNone},
    bounds::kAnswer};
inline constexpr HistogramDefinition kCommitCommands{
    {"postlude_store_commit_commands", "Number of commands in a store commit.", names::kNone},
    bounds::kBatch};
inline constexpr GaugeDefinition kStoreBytes{
    {"postlude_store_bytes", "Size of the database and its write-ahead log, in bytes.", names::kNone}};
inline constexpr CounterDefinition kLogDropped{
    {"postlude_log_lines_dropped_total",
     "Number of log lines dropped because standard error was not read fast enough.", names::kNone}};
inline constexpr GaugeDefinition kClockOff{
    {"postlude_clock_off_seconds",
     "Difference between the wall clock and the time that Postlude uses, in seconds.", names::kNone}};
inline constexpr GaugeDefinition kStarted{
    {"process_start_time_seconds", "Start time of the process, in seconds since the epoch.", names::kNone}};
inline constexpr GaugeDefinition kBuildInfo{
    {"postlude_build_info", "Version of Postlude; the value is 1.", names::kVersion}};

}  // namespace postlude::metrics
