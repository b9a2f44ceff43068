#include "store/store.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <filesystem>

#include "base/hash.h"
#include "base/log.h"
#include "ledger/commands.h"
#include "ledger/rows.h"
#include "ledger/schema.h"
#include "sql/copy.h"
#include "sql/wal.h"
#include "store/custody.h"
#include "store/file_lock.h"
#include "store/inline.h"
#include "store/writer.h"

namespace postlude::store {

namespace {

constexpr Duration kWritableFor = std::chrono::seconds(1);

template <class Handler>
class Asleep final : public Sleeper {
 public:
  explicit Asleep(Handler handler) : handler_(std::move(handler)) {}
  void resume() override {
    Handler handler = std::move(handler_);
    std::move(handler)();
  }

 private:
  Handler handler_;
};

// Puts the calling coroutine to sleep, as `place`'s. It is resumed through the loop, that is, not before
// this.
rt::Task<> sleep_in(std::unique_ptr<Sleeper>* place) {
  const auto initiate = [place](auto handler) {
    *place = std::make_unique<Asleep<decltype(handler)>>(std::move(handler));
  };
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      initiate, boost::asio::use_awaitable);
}

struct Opened {
  std::unique_ptr<sql::Connection> writer;
  std::unique_ptr<sql::Connection> reader;
  std::optional<std::string> damage;  // what its log has lost
};

// Logs the rescued copies: an operator who starts with an empty database beside one has probably not seen it.
void name_rescued(const std::string& path) {
  const std::filesystem::path database(path);
  std::error_code unknown;
  const std::filesystem::path folder = database.has_parent_path() ? database.parent_path() : ".";
  std::filesystem::directory_iterator at(folder, unknown);
  for (; !unknown && at != std::filesystem::directory_iterator(); at.increment(unknown)) {
    if (!at->path().filename().string().starts_with(database.filename().string() + ".rescued-")) continue;
    log::error(
        "this database is new and empty, and beside it is a copy that was rescued from one that was removed: "
        "if that is the one you want, stop Postlude, move the copy to the database's path and start again",
        {{"file", path}, {"copy", at->path().string()}});
  }
}

Result<Opened> open_database(const std::string& path, const Options& options, sql::CommitNote* note) {
  Opened out;
  sql::forget_partial_copy(path);
  if (const auto cut = sql::cut_short(path)) {
    return Error(Code::kCorrupt,
                 *cut +
                     "; its files were left as they are. Move a backup or a copy that was "
                     "rescued to its place, without the -wal and -shm files that are there now");
  }
  note->look();
  TRY(out.writer, sql::open_sqlite(path, {options.durable, false, options.bytes_max, false, note}));
  TRY(const bool known, out.writer->has_schema());
  if (!known) {
    // A database that was made just now is there after a power loss only if its folder has been synced.
    (void)sql::sync_folder_of(path);
    name_rescued(path);
  }
  TRY_DONE(out.writer->begin_service());
  TRY(const std::int64_t commit, sql::last_commit(*out.writer));
  out.damage = note->lost(commit);  // before anything is committed, and noted in the place of what was
  TRY(const ledger::Schemas schema, ledger::schemas(*out.writer));
  std::string copy;
  if (schema.stored > 0 && schema.stored < schema.known) {
    TRY(copy, sql::copy_before(*out.writer, path, schema.stored, schema.known));
  }
  const Status migrated = ledger::migrate(*out.writer);
  if (!migrated && !copy.empty()) ::unlink(copy.c_str());  // it is what the database still is
  TRY_DONE(migrated);
  TRY(out.reader, sql::open_sqlite(path, {options.durable, true, 0, false, nullptr}));
  TRY_DONE(out.reader->begin_service());
  return out;
}

Result<std::string> path_in(const std::string& url) {
  constexpr std::string_view kScheme = "sqlite:";
  if (url.starts_with(kScheme) && url.size() > kScheme.size()) return url.substr(kScheme.size());
  return Error(Code::kInvalid, "the store's url is to be sqlite:PATH");
}

// The loop's knowledge of pending work. Shared, because a group's report may arrive after the store has
// closed.
struct Horizon {
  explicit Horizon(rt::Loop& loop) : changed(loop) {}

  void learn(const CommitReport& report) {
    const bool sooner = report.next_due && (!next_due || *report.next_due < *next_due);
    next_due = report.next_due;
    work = work || report.made_work;
    made_event = made_event || report.made_event;
    if (listener) listener(report.happened);
    if (report.made_work || sooner) changed.wake();
  }

  bool work = true;  // nobody has looked yet
  bool made_event = false;
  std::optional<Instant> next_due;
  std::function<void(const Happened&)> listener;
  rt::Waker changed;
};

}  // namespace

struct Store::Impl {
  explicit Impl(rt::Loop& loop) : horizon(std::make_shared<Horizon>(loop)) {}

  OnCommit on_commit() const {
    return [h = horizon](const CommitReport& report) { h->learn(report); };
  }

  template <class T>
  rt::Task<Result<T>> write(typename FunctionCommand<Ledger, T>::Work work_in) {
    const auto call = std::make_shared<FunctionCommand<Ledger, T>>(std::move(work_in));
    if (!worker->push(std::static_pointer_cast<Write>(call)))
      co_return Error(Code::kOverloaded, "too many writes are waiting");
    AWAIT_DONE(sleep_in(&call->sleeper));
    co_return call->take();
  }
  template <class T>
  rt::Task<Result<T>> read(typename FunctionCommand<sql::Connection, T>::Work work_in) {
    const auto call = std::make_shared<FunctionCommand<sql::Connection, T>>(std::move(work_in));
    if (!worker->push(std::static_pointer_cast<Read>(call)))
      co_return Error(Code::kOverloaded, "too many reads are waiting");
    AWAIT_DONE(sleep_in(&call->sleeper));
    co_return call->take();
  }

  std::optional<FileLock> lock;
  std::optional<sql::CommitNote> note;
  std::string secret;
  std::optional<Duration> writable_at;
  std::shared_ptr<Horizon> horizon;
  std::unique_ptr<Worker> worker;
};

Store::Store(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(rt::Loop& loop, Options options) {
  auto impl = std::make_unique<Impl>(loop);
  std::optional<std::string> damage;
  if (options.memory != nullptr) {
    options.memory->revive();
    impl->worker = std::make_unique<Inline>(loop, options.memory, options, impl->on_commit());
  } else {
    TRY(const std::string spelled, path_in(options.url));
    TRY(FileLock lock, FileLock::take(spelled));
    impl->lock.emplace(std::move(lock));
    const std::string& path = impl->lock->path();
    impl->note.emplace(path);
    TRY(Opened opened, open_database(path, options, &*impl->note));
    damage = std::move(opened.damage);
    const auto custody = std::make_shared<Custody>(*impl->lock);
    impl->worker = std::make_unique<Threads>(loop, std::move(opened.writer), std::move(opened.reader),
                                             options, impl->on_commit(),
                                             [custody](sql::Connection& db) { return custody->look(db); });
  }
  Ledger& ledger = impl->worker->ledger();
  TRY_DONE(ledger.db().each("SELECT value FROM meta WHERE key = 'secret'", {}, [&](const sql::Row& row) {
    impl->secret = from_hex(row.bytes(0)).value_or("");
  }));
  if (impl->secret.size() != 16) return Error(Code::kCorrupt, "the store has no secret");

  TRY_DONE(ledger.load());
  Status lapsed = ok();
  TRY_DONE(ledger.transact([&] {
    lapsed = ledger::lapse(ledger, rt::now());
    if (lapsed) lapsed = ledger::lapse_once(ledger);
    if (lapsed && damage) lapsed = ledger.audit(rt::now(), "postlude", "store.damaged", "store", *damage);
  }));
  if (!lapsed) return lapsed.error();
  TRY_DONE(impl->worker->begin());
  return std::unique_ptr<Store>(new Store(std::move(impl)));
}

const std::string& Store::secret() const {
  return impl_->secret;
}

rt::Task<Result<Receipt>> Store::append(Authentic proof, Delivery delivery, std::optional<Event> event,
                                        Identity identity, std::optional<std::vector<Planned>> nothing_runs) {
  delivery.proof = proof.proof();
  auto work = [d = std::move(delivery), e = std::move(event), i = std::move(identity),
               n = std::move(nothing_runs)](Ledger& ledger) { return ledger::append(ledger, d, e, i, n); };
  AWAIT_TRY(const ledger::Appended done, impl_->write<ledger::Appended>(std::move(work)));
  co_return Receipt(done.delivery, done.event, done.duplicate);
}

rt::Task<Result<DeliveryId>> Store::append_rejected(Delivery delivery, Identity identity) {
  return impl_->write<DeliveryId>([d = std::move(delivery), i = std::move(identity)](Ledger& ledger) {
    return ledger::append_rejected(ledger, d, i);
  });
}

rt::Task<Status> Store::start(EventId event, std::vector<NewRun> runs, std::vector<Planned> plan,
                              Instant now) {
  return impl_->write<Done>([event, r = std::move(runs), p = std::move(plan), now](Ledger& ledger) {
    return ledger::start(ledger, event, r, p, now);
  });
}

rt::Task<Result<std::vector<Work>>> Store::claim(Claim claim) {
  return impl_->write<std::vector<Work>>(
      [c = std::move(claim)](Ledger& ledger) { return ledger::claim(ledger, c); });
}

rt::Task<Result<Request>> Store::commit_request(NewRequest request) {
  return impl_->write<Request>(
      [w = std::move(request)](Ledger& ledger) { return ledger::commit_request(ledger, w, rt::now()); });
}

rt::Task<Status> Store::record(AttemptEnd end, Rule rule) {
  return impl_->write<Done>([e = std::move(end), r = std::move(rule)](Ledger& ledger) -> Status {
    TRY([[maybe_unused]] const auto none, ledger::record(ledger, e, r, false));
    return ok();
  });
}

rt::Task<Result<std::optional<Work>>> Store::record_and_go_on(AttemptEnd end, Rule rule) {
  return impl_->write<std::optional<Work>>([e = std::move(end), r = std::move(rule)](Ledger& ledger) {
    return ledger::record(ledger, e, r, true);
  });
}

rt::Task<Status> Store::give_back(Lease lease, Instant now) {
  return impl_->write<Done>([lease, now](Ledger& ledger) { return ledger::give_back(ledger, lease, now); });
}

rt::Task<Status> Store::retry(RunId run, bool stale, std::string actor, Instant now) {
  return impl_->write<Done>([run, stale, a = std::move(actor), now](Ledger& ledger) {
    return ledger::retry(ledger, run, stale, a, now);
  });
}

rt::Task<Status> Store::resume(Resume wanted, Rule rule) {
  return impl_->write<Done>(
      [w = std::move(wanted), r = std::move(rule)](Ledger& ledger) { return ledger::resume(ledger, w, r); });
}

rt::Task<Result<RunId>> Store::replay(RunId of, NewRun run, bool again, bool stale, std::string actor,
                                      Instant now) {
  ledger::Replay wanted{of, std::move(run), again, stale, std::move(actor), now};
  return impl_->write<RunId>([w = std::move(wanted)](Ledger& ledger) { return ledger::replay(ledger, w); });
}

rt::Task<Status> Store::cancel(RunId run, std::string actor, std::string why, Instant now) {
  return impl_->write<Done>([run, a = std::move(actor), w = std::move(why), now](Ledger& ledger) {
    return ledger::cancel(ledger, run, a, w, now);
  });
}

rt::Task<Status> Store::skip(RunId run, std::string step, std::string actor, Instant now) {
  return impl_->write<Done>([run, s = std::move(step), a = std::move(actor), now](Ledger& ledger) {
    return ledger::skip(ledger, run, s, a, now);
  });
}

rt::Task<Status> Store::dismiss(RunId run, std::string actor, Instant now) {
  return impl_->write<Done>(
      [run, a = std::move(actor), now](Ledger& ledger) { return ledger::dismiss(ledger, run, a, now); });
}

rt::Task<Status> Store::answer(RunId run, std::uint32_t step, Answer answer) {
  return impl_->write<Done>(
      [run, step, a = std::move(answer)](Ledger& ledger) { return ledger::answer(ledger, run, step, a); });
}

rt::Task<Status> Store::pause(Pause pause) {
  return impl_->write<Done>([p = std::move(pause)](Ledger& ledger) { return ledger::pause(ledger, p); });
}

rt::Task<Status> Store::unpause(std::string kind, std::string name, std::string actor, Instant now) {
  return impl_->write<Done>([k = std::move(kind), n = std::move(name), a = std::move(actor),
                             now](Ledger& ledger) { return ledger::unpause(ledger, k, n, a, now); });
}

rt::Task<Result<Keyed>> Store::take_keyed(Lease lease, std::string target, std::string key, IfBusy busy) {
  return impl_->write<Keyed>([lease, t = std::move(target), k = std::move(key), b = std::move(busy)](
                                 Ledger& ledger) { return ledger::take_keyed(ledger, lease, t, k, b); });
}

rt::Task<Result<std::int64_t>> Store::renew_keyed(Lease lease, std::string target, std::string key,
                                                  Instant now) {
  return impl_->write<std::int64_t>([lease, t = std::move(target), k = std::move(key), now](Ledger& ledger) {
    return ledger::renew_keyed(ledger, lease, t, k, now);
  });
}

rt::Task<Status> Store::forget_key(std::string target, std::string key, std::string actor, Instant now) {
  return impl_->write<Done>([t = std::move(target), k = std::move(key), a = std::move(actor),
                             now](Ledger& ledger) { return ledger::forget_keyed(ledger, t, k, a, now); });
}

rt::Task<Result<Before>> Store::begin_once(Once once, Instant now) {
  return impl_->write<Before>(
      [o = std::move(once), now](Ledger& ledger) { return ledger::begin_once(ledger, o, now); });
}

rt::Task<Status> Store::end_once(Once once, int status, std::string answer) {
  return impl_->write<Done>([o = std::move(once), status, a = std::move(answer)](Ledger& ledger) {
    return ledger::end_once(ledger, o, status, a);
  });
}

rt::Task<Result<EventId>> Store::tell(Event event) {
  return impl_->write<EventId>([e = std::move(event)](Ledger& ledger) { return ledger::tell(ledger, e); });
}

rt::Task<Status> Store::set_told(std::set<std::string, std::less<>> hooks) {
  return impl_->write<Done>([h = std::move(hooks)](Ledger& ledger) {
    ledger.set_told(h);
    return ok();
  });
}

rt::Task<Status> Store::note(std::string actor, std::string action, std::string subject, std::string detail,
                             Instant now) {
  return impl_->write<Done>([a = std::move(actor), b = std::move(action), c = std::move(subject),
                             d = std::move(detail),
                             now](Ledger& ledger) { return ledger.audit(now, a, b, c, d); });
}

rt::Task<Status> Store::prune(Instant deliveries_before, Instant runs_before) {
  using Portion = Result<std::int64_t> (*)(Ledger&, Instant, std::int64_t);
  struct Walk {
    Portion portion;
    Instant before;
  };
  const std::array<Walk, 3> walks{{{ledger::prune_runs, runs_before},
                                   {ledger::prune_events, deliveries_before},
                                   {ledger::prune_deliveries, deliveries_before}}};
  for (const Walk& walk : walks) {
    std::int64_t after = 0;
    do {
      AWAIT_TRY(after, impl_->write<std::int64_t>([walk, after](Ledger& ledger) {
        return walk.portion(ledger, walk.before, after);
      }));
    } while (after != 0);
  }
  std::optional<ledger::Mark> mark = ledger::Mark();
  while (mark) {
    AWAIT_TRY(mark, impl_->write<std::optional<ledger::Mark>>(
                        [after = *mark](Ledger& ledger) { return ledger::prune_marks(ledger, after); }));
  }
  AWAIT_TRY([[maybe_unused]] const Done rest,
            impl_->write<Done>([deliveries_before](Ledger& ledger) -> Status {
              TRY_DONE(ledger::prune_openings(ledger, deliveries_before));
              return ledger::prune_texts(ledger);
            }));
  co_return ok();
}

rt::Task<Result<std::vector<Event>>> Store::unplanned(std::size_t limit) {
  // Through the writer: planning is not to wait behind somebody's long list.
  return impl_->write<std::vector<Event>>(
      [limit](Ledger& ledger) { return ledger::unplanned(ledger, limit); });
}

rt::Task<Result<std::vector<Delivery>>> Store::deliveries(Filter filter, Page page) {
  return impl_->read<std::vector<Delivery>>(
      [f = std::move(filter), page](sql::Connection& db) { return ledger::list_deliveries(db, f, page); });
}

rt::Task<Result<Delivery>> Store::delivery(DeliveryId id) {
  return impl_->read<Delivery>([id](sql::Connection& db) { return ledger::show_delivery(db, id); });
}

rt::Task<Result<std::vector<Event>>> Store::events(Filter filter, Page page) {
  return impl_->read<std::vector<Event>>(
      [f = std::move(filter), page](sql::Connection& db) { return ledger::list_events(db, f, page); });
}

rt::Task<Result<EventDetail>> Store::event(EventId id) {
  return impl_->read<EventDetail>([id](sql::Connection& db) { return ledger::show_event(db, id); });
}

rt::Task<Result<std::vector<RunLine>>> Store::runs(Filter filter, Page page) {
  return impl_->read<std::vector<RunLine>>(
      [f = std::move(filter), page](sql::Connection& db) { return ledger::list_runs(db, f, page); });
}

rt::Task<Result<RunBrief>> Store::brief(RunId id) {
  return impl_->read<RunBrief>([id](sql::Connection& db) { return ledger::brief_run(db, id); });
}

rt::Task<Result<std::vector<Acted>>> Store::acted(Run run) {
  return impl_->read<std::vector<Acted>>(
      [r = std::move(run)](sql::Connection& db) { return ledger::list_acted(db, r); });
}

rt::Task<Result<RunDetail>> Store::run(RunId id, std::size_t exchanges_max) {
  return impl_->read<RunDetail>(
      [id, exchanges_max](sql::Connection& db) { return ledger::show_run(db, id, exchanges_max); });
}

rt::Task<Result<std::vector<CauseGroup>>> Store::failures(Filter filter) {
  return impl_->read<std::vector<CauseGroup>>(
      [f = std::move(filter)](sql::Connection& db) { return ledger::list_failures(db, f); });
}

rt::Task<Result<std::vector<KeyUse>>> Store::keys(KeyFilter filter, Page page) {
  return impl_->read<std::vector<KeyUse>>(
      [f = std::move(filter), page](sql::Connection& db) { return ledger::list_keys(db, f, page); });
}

rt::Task<Result<std::vector<CauseGroup>>> Store::held(Filter filter) {
  return impl_->read<std::vector<CauseGroup>>(
      [f = std::move(filter)](sql::Connection& db) { return ledger::list_held(db, f); });
}

rt::Task<Result<std::vector<HeldStep>>> Store::held_steps(Filter filter, std::size_t limit) {
  return impl_->read<std::vector<HeldStep>>(
      [f = std::move(filter), limit](sql::Connection& db) { return ledger::held_steps(db, f, limit); });
}

rt::Task<Result<std::vector<Pause>>> Store::pauses() {
  return impl_->read<std::vector<Pause>>([](sql::Connection& db) { return ledger::list_pauses(db); });
}

rt::Task<Result<Counts>> Store::counts() {
  return impl_->read<Counts>([](sql::Connection& db) { return ledger::count(db, rt::now()); });
}

rt::Task<Result<AuditCheck>> Store::verify_audit() {
  ledger::Verified so_far;
  while (!so_far.done) {
    AWAIT_TRY(so_far, impl_->read<ledger::Verified>(
                          [so_far](sql::Connection& db) { return ledger::verify(db, so_far); }));
  }
  co_return ledger::check_of(so_far);
}

rt::Task<Status> Store::writable() {
  // Frequent callers get the last result, so that a probe costs no sync of its own.
  if (impl_->writable_at && rt::steady_now() - *impl_->writable_at < kWritableFor) co_return ok();
  AWAIT_TRY([[maybe_unused]] const Done done, impl_->write<Done>([](Ledger& ledger) {
    return ledger.db().run(
        "INSERT INTO meta (key, value) VALUES ('probed', $1) ON CONFLICT (key) DO UPDATE SET value = "
        "excluded.value",
        {to_rfc3339(rt::now())});
  }));
  impl_->writable_at = rt::steady_now();
  co_return ok();
}

void Store::wake() {
  impl_->horizon->work = true;
  impl_->horizon->changed.wake();
}

void Store::listen(std::function<void(const Happened&)> listener) {
  impl_->horizon->listener = std::move(listener);
}

bool Store::take_made_event() {
  return std::exchange(impl_->horizon->made_event, false);
}

rt::Task<> Store::woken(Duration at_most) {
  const auto horizon = impl_->horizon;
  const Duration until = rt::steady_now() + at_most;
  while (!horizon->work) {
    Duration left = until - rt::steady_now();
    if (left <= Duration(0)) co_return;
    if (horizon->next_due) {
      const Duration to_due = *horizon->next_due - rt::now();
      if (to_due <= Duration(0)) {
        horizon->next_due = std::nullopt;  // the next claim tells anew
        co_return;
      }
      left = std::min(left, to_due);
    }
    AWAIT_DONE(horizon->changed.wait_at_most(left));
  }
  horizon->work = false;
}

Stats Store::stats() const {
  return impl_->worker->stats();
}

}  // namespace postlude::store
