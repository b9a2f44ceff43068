#include "store/memory.h"

#include "base/check.h"
#include "base/hash.h"
#include "ledger/schema.h"
#include "rt/virtual_clock.h"
#include "sql/sql.h"

namespace postlude::store {

// The connection, with the hooks at its commits.
class Memory::Watched final : public sql::Connection {
 public:
  Watched(std::unique_ptr<sql::Connection> db, Memory& memory) : db_(std::move(db)), memory_(memory) {}

  Status commit() override {
    const CommitFault met = memory_.fault ? memory_.fault(++commits) : (++commits, CommitFault::kNone);
    if (met == CommitFault::kFull || met == CommitFault::kCrashBefore) {
      db_->roll_back();
      crashed = met == CommitFault::kCrashBefore;
      if (crashed) return Error(Code::kCancelled, "the process died before it committed");
      return Error(Code::kOverloaded, "the disk is full");
    }
    Status done = db_->commit();
    CHECK(done.has_value());  // memory does not fail
    crashed = met == CommitFault::kCrashAfter;
    if (memory_.on_commit) memory_.on_commit();
    return done;
  }

  Status query(std::string_view sql, const sql::Value* values, std::size_t count,
               sql::Visitor visit) override {
    return db_->query(sql, values, count, visit);
  }
  Status begin() override { return db_->begin(); }
  Status begin_read() override { return db_->begin_read(); }
  void roll_back() override { db_->roll_back(); }
  const std::optional<Error>& failed() const override { return db_->failed(); }
  std::size_t changed() const override { return db_->changed(); }
  Status tidy() override { return ok(); }
  std::int64_t bytes() const override { return db_->bytes(); }
  Result<bool> has_schema() override { return db_->has_schema(); }
  std::string_view word(std::string_view name) const override { return db_->word(name); }
  Status begin_service() override { return db_->begin_service(); }

  std::uint64_t commits = 0;
  bool crashed = false;

 private:
  std::unique_ptr<sql::Connection> db_;
  Memory& memory_;
};

Status Memory::keep(const std::string& target, const std::string& key, const std::string& outputs) {
  return db_->run(
      "INSERT INTO keyed (target, key, outputs, step, attempt, event) VALUES ($1, $2, $3, 0, 0, 0) ON "
      "CONFLICT "
      "(target, key) DO NOTHING",
      {target, key, outputs});
}

Memory::Memory() = default;
Memory::~Memory() = default;

namespace {

// Every memory begins as a copy of one: making the tables takes 50 times as long.
Result<std::string> first_image() {
  const rt::RealTime real;  // what the first rehearsal of a process draws is what the next one does
  TRY(const auto db, sql::open_in_memory(""));
  TRY_DONE(db->begin_service());
  TRY_DONE(ledger::migrate(*db));
  return sql::image_of(*db);
}

}  // namespace

Result<std::shared_ptr<Memory>> Memory::create() {
  static const Result<std::string> image = first_image();
  if (!image) return image.error();
  TRY(auto db, sql::open_in_memory(*image));
  TRY_DONE(db->begin_service());
  TRY_DONE(db->run("UPDATE meta SET value = $1 WHERE key = 'secret'", {to_hex(random_bytes(16))}));
  const std::shared_ptr<Memory> memory(new Memory);
  memory->db_ = std::make_unique<Watched>(std::move(db), *memory);
  return memory;
}

sql::Connection& Memory::db() {
  return *db_;
}

std::uint64_t Memory::commits() const {
  return db_->commits;
}

bool Memory::crashed() const {
  return db_->crashed;
}

void Memory::revive() {
  db_->crashed = false;
}

bool Memory::quiet() {
  bool busy = true;
  const Status asked = db_->each(
      "SELECT EXISTS (SELECT 1 FROM events WHERE planned = 0) OR "
      "EXISTS (SELECT 1 FROM steps WHERE due_at IS NOT NULL AND paused = 0) OR EXISTS (SELECT 1 FROM "
      "steps WHERE state = 2 AND token <> 0)",
      {}, [&](const sql::Row& row) { busy = row.flag(0); });
  CHECK(asked.has_value());
  return !busy;
}

}  // namespace postlude::store
