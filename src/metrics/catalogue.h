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
    {"postlude_deliveries_total", "Deliveries by source, hook and verdict.", names::kVerdict}};
inline constexpr CounterDefinition kNotStored{
    {"postlude_not_stored_total", "Calls answered 503 because the store did not take them.", names::kHook}};
inline constexpr GaugeDefinition kSecretsUnreadable{
    {"postlude_source_secrets_unreadable", "Secrets of a source that could not be read when last tried.",
     names::kSource}};
inline constexpr CounterDefinition kBrokenRequests{
    {"postlude_broken_requests_total",
     "Requests on the hooks' listener that could not be read, by the answer's status.", names::kStatus}};
inline constexpr CounterDefinition kConnectionsLetGo{
    {"postlude_connections_let_go_total",
     "Connections closed, or requests refused with 503, to make room for others.", names::kLetGo}};
inline constexpr HistogramDefinition kIntakeSeconds{
    {"postlude_intake_seconds", "From the whole request to the answer.", names::kNone}, bounds::kAnswer};
inline constexpr GaugeDefinition kEventsWaiting{
    {"postlude_events_waiting", "Accepted events that are not planned yet.", names::kNone}};

// -- what is done
inline constexpr CounterDefinition kRunsEnded{
    {"postlude_runs_total", "Ends of runs by workflow and result; one that is retried ends again.",
     names::kWorkflowResult}};
inline constexpr HistogramDefinition kRunSeconds{
    {"postlude_run_duration_seconds", "From a run's creation to its end.", names::kWorkflow}, bounds::kRun};
inline constexpr GaugeDefinition kRuns{
    {"postlude_runs", "Stored runs by workflow and state.", names::kWorkflowState}};
inline constexpr CounterDefinition kStepsEnded{
    {"postlude_steps_total", "Ends of steps by target, action and state.", names::kActionState}};
inline constexpr CounterDefinition kAttempts{
    {"postlude_attempts_total", "Attempts by target, action and outcome.", names::kActionOutcome}};
inline constexpr HistogramDefinition kAttemptSeconds{
    {"postlude_attempt_seconds", "From an attempt's begin to its outcome.", names::kActionOutcome},
    bounds::kAttempt};
inline constexpr GaugeDefinition kStepsHeld{
    {"postlude_steps_held", "Steps held for a person: `postlude runs resume`.", names::kWorkflowTarget}};
inline constexpr GaugeDefinition kApprovalsWaiting{
    {"postlude_approvals_waiting", "Steps that wait for an approval.", names::kNone}};
inline constexpr GaugeDefinition kStepsDue{
    {"postlude_steps_due", "Steps whose time has come and that have not begun.", names::kNone}};
inline constexpr GaugeDefinition kQueueAgeSeconds{
    {"postlude_queue_age_seconds", "How long the oldest of the due steps has been due.", names::kNone}};
inline constexpr GaugeDefinition kPaused{{"postlude_paused", "Pauses in force, by kind.", names::kKind}};
inline constexpr GaugeDefinition kBreakerOpen{
    {"postlude_breaker_open", "1 while a target fails and is only probed now and then.", names::kTarget}};

// -- what it stands on
inline constexpr CounterDefinition kReloads{
    {"postlude_config_reloads_total", "Changed configurations, by what came of them.", names::kResult}};
inline constexpr GaugeDefinition kConfigValid{
    {"postlude_config_valid", "1 while the newest configuration is the one in force.", names::kNone}};
inline constexpr GaugeDefinition kConfigLoaded{{"postlude_config_loaded_timestamp_seconds",
                                                "When the configuration in force was loaded.", names::kNone}};
inline constexpr GaugeDefinition kConfigRevision{
    {"postlude_config_revision_info", "The configuration in force.", names::kRevision}};
inline constexpr CounterDefinition kCommits{
    {"postlude_store_commits_total", "Commits of the store.", names::kNone}};
inline constexpr CounterDefinition kCommands{
    {"postlude_store_commands_total", "Commands that were committed.", names::kNone}};
inline constexpr HistogramDefinition kCommitSeconds{
    {"postlude_store_commit_seconds", "Duration of a commit of the store.", names::kNone}, bounds::kAnswer};
inline constexpr HistogramDefinition kCommitCommands{
    {"postlude_store_commit_commands", "Commands that shared a commit.", names::kNone}, bounds::kBatch};
inline constexpr GaugeDefinition kStoreBytes{
    {"postlude_store_bytes", "Size of the database and its write-ahead log.", names::kNone}};
inline constexpr CounterDefinition kLogDropped{
    {"postlude_log_lines_dropped_total",
     "Log lines that were dropped: standard error was not read fast enough.", names::kNone}};
inline constexpr GaugeDefinition kClockOff{
    {"postlude_clock_off_seconds",
     "How far the wall clock was set away from the time that has passed since the start.", names::kNone}};
inline constexpr GaugeDefinition kStarted{
    {"process_start_time_seconds", "When the process started, in seconds since the epoch.", names::kNone}};
inline constexpr GaugeDefinition kBuildInfo{{"postlude_build_info", "What runs here.", names::kVersion}};

}  // namespace postlude::metrics
