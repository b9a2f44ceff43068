#include <postgresql/libpq-fe.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "database/job.h"
#include "database/rows.h"

namespace postlude::database {
namespace {

// The types whose values are more than text.
enum : Oid {
  kBool = 16,
  kInt8 = 20,
  kInt2 = 21,
  kInt4 = 23,
  kOid = 26,
  kJson = 114,
  kFloat4 = 700,
  kFloat8 = 701,
  kNumeric = 1700,
  kJsonb = 3802
};

using Answer = std::unique_ptr<PGresult, decltype(&PQclear)>;

std::string one_line(const char* message) {
  std::string text = message == nullptr ? "" : message;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' '))
    text.pop_back();
  return text;
}

SqlError error_in(const PGresult* answer) {
  const auto field = [&](int code) {
    const char* text = PQresultErrorField(answer, code);
    return std::string(text == nullptr ? "" : text);
  };
  SqlError error{field(PG_DIAG_SQLSTATE), field(PG_DIAG_MESSAGE_PRIMARY)};
  for (const int more : {PG_DIAG_MESSAGE_DETAIL, PG_DIAG_MESSAGE_HINT}) {
    const std::string text = field(more);
    if (!text.empty()) error.message += "; " + text;
  }
  return error;
}

// "FATAL:  28P01: password authentication failed": of an error before there is a session, no field tells.
std::string state_in(std::string_view message) {
  for (std::size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 3)) {
    const std::string_view state = message.substr(at + 3, 5);
    const bool sqlstate = state.size() == 5 && std::all_of(state.begin(), state.end(), [](char c) {
                            return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
                          });
    if (sqlstate && message.substr(at + 8, 1) == ":") return std::string(state);
  }
  return "";
}

void add_value(Rows& rows, const PGresult* answer, int column) {
  if (PQgetisnull(answer, 0, column) != 0) return rows.null();
  const std::string_view value(PQgetvalue(answer, 0, column),
                               static_cast<std::size_t>(PQgetlength(answer, 0, column)));
  switch (PQftype(answer, column)) {
    case kBool:
      return rows.boolean(value == "t");
    case kInt2:
    case kInt4:
    case kInt8:
    case kOid:
    case kFloat4:
    case kFloat8:
    case kNumeric:
      return rows.number(value);
    case kJson:
    case kJsonb:
      return rows.json(value);
    default:
      return rows.text(value);
  }
}

class Session {
 public:
  explicit Session(const Job& job) : job_(job), rows_(job.ask.rows_max, job.peer.response_bytes_max) {}
  ~Session() { PQfinish(connection_); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<SqlReply> run() {
    TRY_DONE(connect());
    if (reply_.error) return std::move(reply_);
    const std::string millis =
        std::to_string(std::chrono::ceil<std::chrono::milliseconds>(job_.statement_timeout()).count());
    TRY_DONE(command("SET statement_timeout = " + millis +
                     (job_.ask.execute ? "" : "; SET default_transaction_read_only = on")));
    if (!reply_.error) TRY_DONE(command(job_.ask.execute ? "BEGIN READ WRITE" : "BEGIN READ ONLY"));
    if (!reply_.error) TRY_DONE(statement());
    if (reply_.error) return std::move(reply_);  // the connection ends, and its transaction with it
    if (job_.ask.execute) TRY_DONE(commit());
    return std::move(reply_);
  }

 private:
  Error lost(std::string_view doing) const {
    const std::string why = job_.over() ? job_.ended() : one_line(PQerrorMessage(connection_));
    return Error(Code::kUnavailable, std::string(doing) + ": " + why);
  }

  Status connect() {
    const std::string port = std::to_string(job_.place.port);
    std::string ca = job_.peer.ca_file;
    if (ca.empty() && job_.peer.tls == Tls::kVerifyFull) ca = system_certificates();
    constexpr std::array<const char*, 5> kModes = {"", "disable", "prefer", "require", "verify-full"};
    const std::string& user = job_.ask.user.empty() ? job_.place.user : job_.ask.user;
    // Nothing is to come from the files and the environment of whoever started this process.
    const std::array<const char*, 15> keys = {
        "host",    "port",   "dbname",      "user",    "password",   "passfile",        "sslmode",
        "sslcert", "sslkey", "sslrootcert", "options", "gssencmode", "client_encoding", "application_name",
        nullptr};
    const std::array<const char*, 15> values = {job_.place.host.c_str(),
                                                port.c_str(),
                                                job_.place.database.c_str(),
                                                user.c_str(),
                                                job_.ask.password.c_str(),
                                                "/dev/null",
                                                kModes.at(static_cast<std::size_t>(job_.peer.tls)),
                                                job_.peer.cert_file.c_str(),
                                                job_.peer.key_file.c_str(),
                                                ca.c_str(),
                                                " ",
                                                "disable",
                                                "UTF8",
                                                "postlude",
                                                nullptr};
    connection_ = PQconnectStartParams(keys.data(), values.data(), 0);
    if (connection_ == nullptr) return Error(Code::kUnavailable, "no memory for a connection");
    PQsetNoticeReceiver(
        connection_, [](void*, const PGresult*) {}, nullptr);
    PQsetErrorVerbosity(connection_, PQERRORS_VERBOSE);  // which names the error's code
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
      const bool failed = PQstatus(connection_) == CONNECTION_BAD || next == PGRES_POLLING_FAILED;
      if (failed) return not_connected();
      if (!wait_for(PQsocket(connection_), next == PGRES_POLLING_READING, next == PGRES_POLLING_WRITING,
                    job_))
        return lost("connecting to " + job_.where());
      next = PQconnectPoll(connection_);
    }
    PQsetErrorVerbosity(connection_, PQERRORS_DEFAULT);
    if (PQsetnonblocking(connection_, 1) != 0) return lost("connecting");
    return ok();
  }

  // The database's own word is a reply: a wrong password does not become right by trying again.
  Status not_connected() {
    const std::string message = one_line(PQerrorMessage(connection_));
    const std::string state = state_in(message);
    if (state.empty()) return Error(Code::kUnavailable, message.empty() ? "no connection" : message);
    const std::string mark = state + ": ";
    std::string text = message.substr(message.rfind(mark) + mark.size());
    reply_.error = SqlError{state, text.substr(0, text.find('\n'))};
    return ok();
  }

  Status flush() {
    for (int left = PQflush(connection_); left != 0; left = PQflush(connection_)) {
      if (left < 0 || !wait_for(PQsocket(connection_), true, true, job_)) return lost("sending");
      if (PQconsumeInput(connection_) == 0) return lost("sending");
    }
    return ok();
  }

  // The next part of the answer; null: that was all.
  Result<Answer> next() {
    while (PQisBusy(connection_) != 0) {
      if (!wait_for(PQsocket(connection_), true, false, job_)) return lost("waiting for the answer");
      if (PQconsumeInput(connection_) == 0) return lost("waiting for the answer");
    }
    return Answer(PQgetResult(connection_), &PQclear);
  }

  // Takes what is no row; false: the connection is of no use any more.
  bool take(const PGresult* answer) {
    switch (static_cast<int>(PQresultStatus(answer))) {
      case PGRES_COMMAND_OK:
      case PGRES_TUPLES_OK:
      case PGRES_SINGLE_TUPLE:
      case PGRES_EMPTY_QUERY:
        return true;
      default:
        break;
    }
    SqlError error = error_in(answer);
    if (error.code.empty()) return false;  // of libpq, not of the server
    if (!reply_.error) reply_.error = std::move(error);
    return true;
  }

  Status command(const std::string& text) {
    if (PQsendQuery(connection_, text.c_str()) == 0) return lost("sending");
    TRY_DONE(flush());
    while (true) {
      TRY(const Answer answer, next());
      if (answer == nullptr) return ok();
      if (!take(answer.get())) return lost("waiting for the answer");
    }
  }

  Status send() {
    const std::size_t count = job_.params.size();
    std::vector<std::string> texts;
    texts.reserve(count);
    std::vector<const char*> values;
    for (const json::value& param : job_.params) {
      texts.push_back(param.is_string() ? std::string(view(param.get_string())) : to_text(param));
      values.push_back(param.is_null() ? nullptr : texts.back().c_str());
    }
    // The server knows the types, and refuses more than one statement.
    const int sent = PQsendQueryParams(connection_, job_.ask.statement.c_str(), static_cast<int>(count),
                                       nullptr, values.data(), nullptr, nullptr, 0);
    if (sent == 0 || PQsetSingleRowMode(connection_) == 0) return lost("sending");
    return flush();
  }

  Status statement() {
    if (!job_.may_go_on()) return Error(Code::kUnavailable, "it was not to be sent any more");
    TRY_DONE(send());
    bool named = false;
    while (true) {
      TRY(const Answer answer, next());
      if (answer == nullptr) break;
      const ExecStatusType status = PQresultStatus(answer.get());
      if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH)
        return Error(Code::kInvalid, "COPY to or from the client is not for a step");
      if (!take(answer.get())) return lost("waiting for the answer");
      if (reply_.error) continue;
      if (status == PGRES_SINGLE_TUPLE || status == PGRES_TUPLES_OK) {
        if (!std::exchange(named, true)) TRY_DONE(name_columns(answer.get()));
      }
      if (status == PGRES_SINGLE_TUPLE) {
        TRY_DONE(row(answer.get()));
        if (rows_.more() && !job_.ask.execute) break;  // the rest is not waited for
        continue;
      }
      const std::string_view changed = PQcmdTuples(answer.get());
      if (status == PGRES_COMMAND_OK) reply_.count = changed.empty() ? 0 : std::stoll(std::string(changed));
      if (status == PGRES_TUPLES_OK) all_ = changed.empty() ? 0 : std::stoll(std::string(changed));
    }
    if (named) reply_.count = job_.ask.execute ? all_ : rows_.count();
    reply_.more = rows_.more();
    reply_.rows = rows_.take();
    return ok();
  }

  Status name_columns(const PGresult* answer) {
    std::vector<std::string> names;
    for (int i = 0; i < PQnfields(answer); ++i)
      names.emplace_back(PQfname(answer, i));
    return rows_.columns(std::move(names));
  }

  Status row(const PGresult* answer) {
    if (!rows_.begin()) return ok();
    for (int i = 0; i < PQnfields(answer); ++i)
      add_value(rows_, answer, i);
    return rows_.end();
  }

  // From here on only a whole answer tells what became of it.
  Status commit() {
    if (!job_.may_go_on()) return Error(Code::kUnavailable, "it was not to be committed any more");
    const Status done = command("COMMIT");
    if (!done) return Error(Code::kUnknown, "the commit: " + done.error().message);
    if (!reply_.error) return ok();
    // Also said while a commit waits for a replica: what was committed stays so.
    const std::string_view code = reply_.error->code;
    if (!code.starts_with("57P") && !code.starts_with("08") && !code.starts_with("XX")) return ok();
    return Error(Code::kUnknown, "the commit: " + reply_.error->message);
  }

  const Job& job_;
  PGconn* connection_ = nullptr;
  Rows rows_;
  std::int64_t all_ = 0;
  SqlReply reply_;
};

}  // namespace

Result<SqlReply> run_postgresql(const Job& job) {
  return Session(job).run();
}

}  // namespace postlude::database
