#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <unordered_map>

#include "base/check.h"
#include "base/log.h"
#include "rt/loop.h"
#include "sql/sql.h"
#include "sql/storable.h"
#include "sql/wal.h"

namespace postlude::sql {

namespace {

constexpr int kApplicationId = 0x506f7374;   // "Post", in the file's header
constexpr int kCheckpointPages = 4000;       // 16 MiB of WAL: below it, a busy page is copied back too often
constexpr std::size_t kStatementsMax = 256;  // filters make texts of their own
constexpr Duration kReadMax = std::chrono::seconds(5);
constexpr const char* kInMemory = ":memory:";
// In the transaction itself: what the database can show of it is what its note is held against. Most commits
// write audit records, whose numbers grow too: counting those would cost them a page of their own.
constexpr std::string_view kLastRecord = "SELECT max(seq) FROM audit";
constexpr std::string_view kCountCommit =
    "INSERT INTO meta (key, value) VALUES ('commits', '1') ON CONFLICT (key) DO UPDATE SET value = "
    "CAST(CAST(meta.value AS BIGINT) + 1 AS TEXT) RETURNING value";
constexpr int kProgressSteps = 20'000;  // virtual machine steps between two looks at the clock

Watch watch = nullptr;  // watch_statements

struct Statement {
  sqlite3_stmt* handle = nullptr;
  std::vector<std::size_t>
      order;  // SQLite's index -> ours: it numbers $3 by its first appearance, not by its name
  bool busy = false;
};

struct HashText {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

class SqliteRow final : public Row {
 public:
  SqliteRow(sqlite3_stmt* handle, bool& spoilt) : handle_(handle), spoilt_(spoilt) {}
  void spoil() const override { spoilt_ = true; }
  bool null(int column) const override { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
  std::int64_t integer(int column) const override { return sqlite3_column_int64(handle_, column); }
  std::string_view bytes(int column) const override {
    const void* data = sqlite3_column_blob(handle_, column);
    if (data == nullptr) return {};
    return {static_cast<const char*>(data), static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
  }

 private:
  sqlite3_stmt* handle_;
  bool& spoilt_;
};

class Sqlite final : public Connection {
 public:
  Sqlite(sqlite3* db, std::string path, OpenOptions options)
      : db_(db), path_(std::move(path)), options_(options) {
    sqlite3_extended_result_codes(db_, 1);
    sqlite3_wal_hook(
        db_,
        [](void* self, sqlite3*, const char*, int pages) {
          static_cast<Sqlite*>(self)->wal_pages_ = pages;
          return SQLITE_OK;
        },
        this);
    if (options_.read_only) sqlite3_progress_handler(db_, kProgressSteps, &Sqlite::too_long, this);
  }
  ~Sqlite() override {
    forget_statements();
    // The last to close copies the log back. A start that failed has not yet said what the note is about.
    if (options_.note != nullptr && in_service_) options_.note->clear();
    sqlite3_close(db_);
  }
  Sqlite(const Sqlite&) = delete;
  Sqlite& operator=(const Sqlite&) = delete;

  Status query(std::string_view sql, const Value* values, std::size_t count, Visitor visit) override {
    Statement* statement = nullptr;
    const int prepared = prepare(sql, statement);
    if (prepared != SQLITE_OK) return failure(prepared, sql);
    if (watch != nullptr) watch(sql, values, count);
    CHECK(!statement->busy);
    const int bound = bind(*statement, values, count);
    if (bound != SQLITE_OK) return failure(bound, sql);
    statement->busy = true;
    ++depth_;
    read_until_ = rt::steady_now() + kReadMax;
    int rc = SQLITE_OK;
    bool spoilt = false;
    const SqliteRow row(statement->handle, spoilt);
    while ((rc = sqlite3_step(statement->handle)) == SQLITE_ROW)
      visit(row);
    statement->busy = false;
    --depth_;
    Status out = ok();
    if (rc == SQLITE_DONE && spoilt) rc = SQLITE_CORRUPT;
    if (rc != SQLITE_DONE) out = failure(rc, sql);  // before the reset, which would clear the message
    sqlite3_reset(statement->handle);
    return out;
  }

  Status begin() override {
    failed_.reset();
    changes_before_ = sqlite3_total_changes64(db_);
    return run("BEGIN IMMEDIATE");
  }
  Status begin_read() override {
    failed_.reset();
    return run("BEGIN");
  }
  Status commit() override {
    Commits commits = commits_;
    const bool noted = options_.note != nullptr && sqlite3_total_changes64(db_) != changes_before_;
    Status out = noted ? number(commits) : ok();
    if (out) out = run("COMMIT");
    if (!out) roll_back();
    if (out && noted) {
      commits_ = commits;
      note_commit();
    }
    return out;
  }
  void roll_back() override {
    // A full disk may have ended the transaction already.
    if (sqlite3_get_autocommit(db_) == 0) {
      const Status done = run("ROLLBACK");
      CHECK(done.has_value());
    }
    failed_.reset();
  }
  const std::optional<Error>& failed() const override { return failed_; }
  std::size_t changed() const override { return static_cast<std::size_t>(sqlite3_changes64(db_)); }

  // The WAL is copied back by us and not by SQLite's own hook, which would keep a failed sync to itself.
  Status tidy() override {
    if (wal_pages_ < tried_pages_) tried_pages_ = 0;  // it has begun anew
    if (wal_pages_ < tried_pages_ + kCheckpointPages) return ok();
    tried_pages_ = wal_pages_;
    const int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY) return ok();
    Status out = failure(rc, "checkpoint", SQLITE_FCNTL_FILE_POINTER);
    failed_.reset();
    return out;
  }

  std::int64_t bytes() const override {
    if (path_ == kInMemory) {
      sqlite3_int64 size = 0;
      (void)sqlite3_serialize(db_, "main", &size, SQLITE_SERIALIZE_NOCOPY);
      return size;
    }
    struct stat file {};
    std::int64_t sum = 0;
    if (stat(path_.c_str(), &file) == 0) sum += file.st_size;
    if (stat((path_ + "-wal").c_str(), &file) == 0) sum += file.st_size;
    return sum;
  }

  Result<bool> has_schema() override {
    std::int64_t application = 0;
    std::int64_t tables = 0;
    TRY_DONE(each("PRAGMA application_id", {}, [&](const Row& row) { application = row.integer(0); }));
    TRY_DONE(
        each("SELECT count(*) FROM sqlite_master", {}, [&](const Row& row) { tables = row.integer(0); }));
    if (tables == 0 && application == 0) return false;
    if (application == kApplicationId) return tables != 0;
    return Error(Code::kCorrupt, "the database " + path_ + " belongs to another program; name another file");
  }

  std::string_view word(std::string_view name) const override {
    if (name == "id") return "INTEGER PRIMARY KEY";
    if (name == "int") return "INTEGER";
    if (name == "blob") return "BLOB";
    if (name == "keyed") return " WITHOUT ROWID";
    CHECK(false);
  }

  Status begin_service() override {
    if (!options_.read_only) {
      std::string mode;
      TRY_DONE(run("PRAGMA application_id = " + std::to_string(kApplicationId)));
      if (path_ == kInMemory) {
        in_service_ = true;
        return ok();
      }
      TRY_DONE(each("PRAGMA journal_mode = WAL", {}, [&](const Row& row) { mode = row.text(0); }));
      if (mode != "wal") return Error(Code::kInvalid, "the file system of " + path_ + " cannot hold a WAL");
      // A commit whose sync failed is visible after a restart, and what follows it could vanish with it.
      const int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
      if (rc != SQLITE_OK) return failure(rc, "checkpoint", SQLITE_FCNTL_FILE_POINTER);
      wal_pages_ = 0;
    }
    in_service_ = true;
    return ok();
  }

  std::string image() const {
    sqlite3_int64 size = 0;
    unsigned char* bytes = sqlite3_serialize(db_, "main", &size, 0);
    CHECK(bytes != nullptr);
    std::string out(static_cast<const char*>(static_cast<const void*>(bytes)),
                    static_cast<std::size_t>(size));
    sqlite3_free(bytes);
    return out;
  }
  void become(std::string_view image) {
    void* bytes = sqlite3_malloc64(image.size());
    CHECK(bytes != nullptr);
    std::memcpy(bytes, image.data(), image.size());
    const auto size = static_cast<sqlite3_int64>(image.size());
    const int rc = sqlite3_deserialize(db_, "main", static_cast<unsigned char*>(bytes), size, size,
                                       SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE);
    CHECK(rc == SQLITE_OK);
  }

  // These answer for themselves: their failure is no news about the database.
  Status copy_to(const std::string& path) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
      return Error(Code::kUnavailable, "cannot make " + path + ": " + std::generic_category().message(errno));
    }
    ::close(fd);
    sqlite3* to = nullptr;
    int rc = sqlite3_open_v2(path.c_str(), &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (rc == SQLITE_OK) rc = sqlite3_exec(to, "PRAGMA journal_mode = OFF", nullptr, nullptr, nullptr);
    if (rc == SQLITE_OK) {
      sqlite3_backup* backup = sqlite3_backup_init(to, "main", db_, "main");
      if (backup != nullptr) {
        rc = sqlite3_backup_step(backup, -1);
        sqlite3_backup_finish(backup);
        if (rc == SQLITE_DONE) rc = SQLITE_OK;
      } else {
        rc = sqlite3_errcode(to);
      }
    }
    sqlite3_close(to);
    if (rc == SQLITE_OK) return ok();
    return Error(Code::kUnavailable, "cannot copy the database to " + path + ": " + sqlite3_errstr(rc));
  }
  Status copy_log_back() {
    int left = 0;
    int done = 0;
    const int rc = sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_FULL, &left, &done);
    if (rc == SQLITE_OK && left == done) return ok();
    return Error(Code::kUnavailable,
                 "the write-ahead log cannot be copied back: " + std::string(sqlite3_errstr(rc)));
  }

  // From the log's index in shared memory (the header of "WAL-Index Format" in SQLite's documentation).
  std::int64_t log_bytes_needed() {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    if (file == nullptr || file->pMethods == nullptr || file->pMethods->iVersion < 2) return 0;
    volatile void* index = nullptr;
    constexpr int kRegion = 32768, kFrames = 16, kPageSize = 14, kCopied = 96, kFrameHeader = 24;
    if (file->pMethods->xShmMap(file, 0, kRegion, 0, &index) != SQLITE_OK || index == nullptr) return 0;
    const auto at = [index](int offset) { return static_cast<const volatile char*>(index) + offset; };
    const auto number = [&at](int offset) {
      return *reinterpret_cast<const volatile std::uint32_t*>(at(offset));
    };
    const std::uint32_t frames = number(kFrames);
    if (frames <= number(kCopied)) return 0;
    std::int64_t page = *reinterpret_cast<const volatile std::uint16_t*>(at(kPageSize));
    if (page == 1) page = 65536;
    return static_cast<std::int64_t>(sizeof(WalHeader)) + std::int64_t{frames} * (page + kFrameHeader);
  }

  Status configure() {
    sqlite3_busy_timeout(db_, 2000);  // only ever met while a reader of another process looks at the file
    TRY_DONE(run(options_.durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = OFF"));
    TRY_DONE(run("PRAGMA mmap_size = 0"));
    TRY_DONE(run("PRAGMA temp_store = MEMORY"));
    TRY_DONE(run("PRAGMA journal_size_limit = 67108864"));
    TRY_DONE(run(options_.read_only ? "PRAGMA cache_size = -1024" : "PRAGMA cache_size = -16384"));
    if (options_.read_only) TRY_DONE(run("PRAGMA query_only = 1"));
    if (options_.bytes_max > 0) {
      TRY_DONE(run("PRAGMA max_page_count = " + std::to_string(options_.bytes_max / 4096 + 1)));
    }
    return ok();
  }

 private:
  // A commit's number is the sum: it is larger than that of the commit before.
  struct Commits {
    std::int64_t record = -1;         // the last audit record; -1: nobody has looked
    std::int64_t without_record = 0;  // commits that wrote none
  };

  Status number(Commits& commits) {
    const std::int64_t before = commits.record;
    TRY_DONE(each(kLastRecord, {}, [&](const Row& row) { commits.record = row.integer(0); }));
    if (before >= 0 && commits.record > before) return ok();
    return each(kCountCommit, {}, [&](const Row& row) { commits.without_record = row.integer(0); });
  }

  void note_commit() {
    sqlite3_file* log = nullptr;
    WalHeader header{};
    sqlite3_file_control(db_, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log == nullptr || log->pMethods == nullptr) return;
    if (log->pMethods->xRead(log, header.data(), static_cast<int>(header.size()), 0) == SQLITE_OK) {
      options_.note->write(header, static_cast<std::uint32_t>(wal_pages_),
                           commits_.record + commits_.without_record);
    }
  }

  static int too_long(void* self) {
    return rt::steady_now() > static_cast<Sqlite*>(self)->read_until_ ? 1 : 0;
  }

  void forget_statements() {
    for (auto& [text, statement] : statements_)
      sqlite3_finalize(statement.handle);
    statements_.clear();
  }

  int prepare(std::string_view sql, Statement*& out) {
    const auto found = statements_.find(sql);
    if (found != statements_.end()) {
      out = &found->second;
      return SQLITE_OK;
    }
    if (statements_.size() >= kStatementsMax && depth_ == 0) forget_statements();
    Statement fresh;
    const int rc = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &fresh.handle, nullptr);
    if (rc != SQLITE_OK) return rc;
    const int count = sqlite3_bind_parameter_count(fresh.handle);
    for (int i = 1; i <= count; ++i) {
      const char* name = sqlite3_bind_parameter_name(fresh.handle, i);
      CHECK(name != nullptr && name[0] == '$');
      fresh.order.push_back(static_cast<std::size_t>(std::strtoul(name + 1, nullptr, 10)) - 1);
    }
    out = &statements_.emplace(std::string(sql), std::move(fresh)).first->second;
    return SQLITE_OK;
  }

  static int bind_text(sqlite3_stmt* handle, int at, std::string_view bytes) {
    std::string room;
    const std::string_view text = storable(bytes, room);
    const char* data = text.empty() ? "" : text.data();
    return sqlite3_bind_text64(handle, at, data, text.size(), room.empty() ? SQLITE_STATIC : SQLITE_TRANSIENT,
                               SQLITE_UTF8);
  }

  // SQLITE_TOOBIG, or nothing.
  static int bind(const Statement& statement, const Value* values, std::size_t count) {
    for (std::size_t i = 0; i < statement.order.size(); ++i) {
      CHECK(statement.order[i] < count);
      const Value& value = values[statement.order[i]];
      const int at = static_cast<int>(i) + 1;
      const char* data = value.bytes().empty() ? "" : value.bytes().data();
      int rc = SQLITE_OK;
      switch (value.kind()) {
        case Value::Kind::kNull:
          rc = sqlite3_bind_null(statement.handle, at);
          break;
        case Value::Kind::kInteger:
          rc = sqlite3_bind_int64(statement.handle, at, value.integer());
          break;
        case Value::Kind::kText:
          rc = bind_text(statement.handle, at, value.bytes());
          break;
        case Value::Kind::kBlob:
          rc = sqlite3_bind_blob64(statement.handle, at, data, value.bytes().size(), nullptr);
          break;
      }
      if (rc == SQLITE_TOOBIG) return rc;
      CHECK(rc == SQLITE_OK);
    }
    return SQLITE_OK;
  }

  // The errno of the last failed write, truncation or sync of one of the two files. Not
  // sqlite3_system_errno(): a commit does not reset it.
  int last_errno(int which) {
    sqlite3_file* file = nullptr;
    int error = 0;
    sqlite3_file_control(db_, "main", which, static_cast<void*>(&file));
    if (file == nullptr || file->pMethods == nullptr) return sqlite3_system_errno(db_);
    (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
  }

  // Why there was no room for what was to be written; nullptr: it failed otherwise. SQLite itself knows one
  // reason; a quota and a limit on the size of files are others, and the transaction is as little kept. A
  // failed sync is never one of them: what it was to make safe may be gone.
  static const char* no_room(int rc, int error) {
    // The second: the index of the WAL grows in a file of its own.
    if ((rc & 0xff) == SQLITE_FULL || rc == SQLITE_IOERR_SHMSIZE) return "the disk is full";
    if (rc != SQLITE_IOERR_WRITE && rc != SQLITE_IOERR_TRUNCATE) return nullptr;
    if (error == ENOSPC) return "the disk is full";
    if (error == EDQUOT) return "the disk quota is used up";
    if (error == EFBIG) return "a file has the size that this process may write at most (RLIMIT_FSIZE)";
    return nullptr;
  }

  // Which Error a code of SQLite is; or the end of the process.
  // `file`: which one was being written, if any was; the log, except when that is copied back.
  Status failure(int rc, std::string_view what, int file = SQLITE_FCNTL_JOURNAL_POINTER) {
    const int error = last_errno(file);
    const std::string said = rc == SQLITE_CORRUPT ? sqlite3_errstr(rc) : sqlite3_errmsg(db_);
    const int primary = rc & 0xff;
    const bool damaged = primary == SQLITE_NOTADB || primary == SQLITE_CORRUPT;
    std::optional<Error> met;
    if (const char* why = no_room(rc, error)) {
      met = Error(Code::kOverloaded, why);
    } else if (primary == SQLITE_TOOBIG) {
      met = Error(Code::kInvalid, "this is larger than a row of the database may be (1,000,000,000 bytes)");
    } else if (primary == SQLITE_INTERRUPT) {
      met = Error(Code::kOverloaded, "reading took too long; ask for less");
    } else if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED) {
      met = Error(Code::kUnavailable, "the database is busy: " + said);
    } else if (damaged && options_.read_only && in_service_) {
      log::error("the database is damaged, and some rows cannot be read; restore a backup",
                 {{"file", path_}, {"what", said}, {"code", rc}, {"at", what}});
      met = Error(Code::kCorrupt, "the database is damaged, and this row cannot be read: " + said);
    } else if (!in_service_) {
      met = Error(damaged ? Code::kCorrupt : Code::kUnavailable,
                  "cannot use the database " + path_ + ": " + said);
    }
    if (met) {
      failed_ = met;
      return *met;
    }
    log::error(damaged ? "the database is damaged; ending: restore a backup"
                       : "the database failed; ending, since only a new start can tell what is on disk",
               {{"file", path_}, {"what", said}, {"code", rc}, {"errno", error}, {"at", what}});
    (void)log::flush(std::chrono::seconds(1));
    _exit(1);
  }

  sqlite3* db_;
  std::string path_;
  OpenOptions options_;
  std::unordered_map<std::string, Statement, HashText, std::equal_to<>> statements_;
  int depth_ = 0;  // statements under way, one inside the other's rows
  Duration read_until_{};
  int wal_pages_ = 0;
  int tried_pages_ = 0;
  std::int64_t changes_before_ = 0;  // this transaction
  Commits commits_;
  std::optional<Error> failed_;
  bool in_service_ = false;
};

}  // namespace

void watch_statements(Watch new_watch) {
  watch = new_watch;
}

Result<std::unique_ptr<Connection>> open_sqlite(const std::string& path, OpenOptions options) {
  // Nobody asks how much memory it uses, and counting that takes a lock each time some is.
  static const int kCountsMemory = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  CHECK(kCountsMemory == SQLITE_OK);
  sqlite3* db = nullptr;
  const int flags = SQLITE_OPEN_NOMUTEX |
                    (options.existing ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  const int rc = sqlite3_open_v2(path.c_str(), &db, flags, nullptr);
  if (rc != SQLITE_OK) {
    const std::string said = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
    sqlite3_close(db);
    return Error(Code::kInvalid, "cannot open the database " + path + ": " + said);
  }
  auto connection = std::make_unique<Sqlite>(db, path, options);
  TRY_DONE(connection->configure());
  return std::unique_ptr<Connection>(std::move(connection));
}

Status copy_to_file(Connection& db, const std::string& path) {
  return static_cast<Sqlite&>(db).copy_to(path);
}
Status copy_back(Connection& db) {
  return static_cast<Sqlite&>(db).copy_log_back();
}

std::int64_t log_bytes_needed(Connection& db) {
  return static_cast<Sqlite&>(db).log_bytes_needed();
}

Result<std::int64_t> last_commit(Connection& db) {
  std::int64_t tables = 0;
  std::int64_t out = 0;
  TRY_DONE(db.each("SELECT count(*) FROM sqlite_master WHERE name = 'meta'", {},
                   [&](const Row& row) { tables = row.integer(0); }));
  if (tables == 0) return 0;
  TRY_DONE(db.each(kLastRecord, {}, [&](const Row& row) { out = row.integer(0); }));
  TRY_DONE(db.each("SELECT value FROM meta WHERE key = 'commits'", {},
                   [&](const Row& row) { out += row.integer(0); }));
  return out;
}

Result<std::unique_ptr<Connection>> open_in_memory(std::string_view image) {
  OpenOptions options;
  options.durable = false;
  TRY(auto connection, open_sqlite(kInMemory, options));
  if (!image.empty()) static_cast<Sqlite&>(*connection).become(image);
  return connection;
}

std::string image_of(const Connection& in_memory) {
  return static_cast<const Sqlite&>(in_memory).image();
}

}  // namespace postlude::sql
