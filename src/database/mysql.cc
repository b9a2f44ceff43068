#include <mariadb/errmsg.h>
#include <mariadb/mysql.h>
#include <mariadb/mysqld_error.h>
#include <sys/socket.h>

#include <array>
#include <memory>

#include "base/text.h"
#include "database/job.h"
#include "database/rows.h"

namespace postlude::database {
namespace {

constexpr std::size_t kStack =
    256U << 10U;                         // of the library's own coroutine, in which names are resolved too
constexpr std::size_t kCellBytes = 256;  // what a value has room for at first

// What the library itself says, and no server.
bool of_client(unsigned int code) {
  return code >= CR_MIN_ERROR && code < 3000;
}

// `query` begins with one of these: MySQL lets a procedure begin a transaction of its own, which may write.
bool only_reads(std::string_view statement) {
  constexpr std::array<std::string_view, 8> kWords = {"select", "with",     "show",   "explain",
                                                      "desc",   "describe", "values", "table"};
  while (!statement.empty() && std::string_view(" \t\r\n(").find(statement[0]) != std::string_view::npos)
    statement.remove_prefix(1);
  const std::string word = lower(statement.substr(0, statement.find_first_of(" \t\r\n(*'\"`")));
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

struct Cell {
  std::string bytes = std::string(kCellBytes, '\0');
  unsigned long size = 0;
  my_bool null = 0;
  my_bool short_of_room = 0;
};

class Session {
 public:
  explicit Session(const Job& job)
      : job_(job), mysql_(mysql_init(nullptr)), rows_(job.ask.rows_max, job.peer.response_bytes_max) {}
  ~Session() {
    cut_off();  // so that saying good-bye waits for nobody
    if (statement_ != nullptr) mysql_stmt_close(statement_);
    mysql_close(mysql_);
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Result<SqlReply> run() {
    if (mysql_ == nullptr) return Error(Code::kUnavailable, "no memory for a connection");
    if (!job_.ask.execute && !only_reads(job_.ask.statement)) {
      return Error(
          Code::kInvalid,
          "on MySQL and MariaDB a query begins with SELECT, WITH, SHOW, EXPLAIN, DESCRIBE, VALUES or TABLE");
    }
    TRY_DONE(connect());
    if (reply_.error) return std::move(reply_);
    for (const std::string& text : beginning()) {
      TRY_DONE(command(text, Code::kUnavailable));
      if (reply_.error) return std::move(reply_);
    }
    TRY_DONE(statement());
    if (reply_.error) return std::move(reply_);
    if (!job_.ask.execute) return std::move(reply_);
    // Statements such as CREATE TABLE commit by themselves.
    if (!job_.may_go_on()) return Error(Code::kUnknown, "it was not to be committed any more");
    TRY_DONE(command("COMMIT", Code::kUnknown));
    return std::move(reply_);
  }

 private:
  // Carries on with what was begun until it has ended. At the end of its time the socket is shut down,
  // and what is under way ends in an error.
  template <class Cont>
  void drive(int waits_for, Cont cont) {
    while (waits_for != 0) {
      const bool read = (waits_for & MYSQL_WAIT_READ) != 0;
      const bool write = (waits_for & MYSQL_WAIT_WRITE) != 0;
      if (!wait_for(mysql_get_socket(mysql_), read, write, job_)) cut_off();
      waits_for = cont(waits_for & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE));
    }
  }

  void cut_off() {
    if (mysql_ == nullptr) return;
    const my_socket socket = mysql_get_socket(mysql_);
    if (socket != MARIADB_INVALID_SOCKET) shutdown(socket, SHUT_RDWR);
  }

  // Takes an error: the server's is the reply, another one ends the exchange with `lost`.
  Status failed(unsigned int code, const char* message, Code lost) {
    if (code != 0 && !of_client(code)) {
      reply_.error = SqlError{std::to_string(code), message};
      return ok();
    }
    return Error(lost, job_.over() ? job_.ended() : std::string(message) + " (" + job_.where() + ")");
  }
  Status failed(Code lost) { return failed(mysql_errno(mysql_), mysql_error(mysql_), lost); }
  Status statement_failed(Code lost) {
    return failed(mysql_stmt_errno(statement_), mysql_stmt_error(statement_), lost);
  }

  void set_tls() {
    if (job_.peer.tls == Tls::kDisable) return;
    std::string ca = job_.peer.ca_file;
    if (ca.empty() && job_.peer.tls == Tls::kVerifyFull) ca = system_certificates();
    const auto path = [](const std::string& text) { return text.empty() ? nullptr : text.c_str(); };
    mysql_ssl_set(mysql_, path(job_.peer.key_file), path(job_.peer.cert_file), path(ca), nullptr, nullptr);
    const my_bool verify = job_.peer.tls == Tls::kVerifyFull ? 1 : 0;
    mysql_options(mysql_, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
  }

  Status connect() {
    mysql_options(mysql_, MYSQL_OPT_NONBLOCK, &kStack);
    mysql_options(mysql_, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    const unsigned int no_files = 0;  // a server could ask for any file of ours
    mysql_options(mysql_, MYSQL_OPT_LOCAL_INFILE, &no_files);
    const unsigned int tcp = MYSQL_PROTOCOL_TCP;
    mysql_options(mysql_, MYSQL_OPT_PROTOCOL, &tcp);
    // The others send the password as it is, or ask at a terminal.
    mysql_options(mysql_, MARIADB_OPT_RESTRICTED_AUTH,
                  "mysql_native_password,caching_sha2_password,client_ed25519,sha256_password");
    set_tls();
    const std::string& user = job_.ask.user.empty() ? job_.place.user : job_.ask.user;
    MYSQL* connected = nullptr;
    drive(mysql_real_connect_start(&connected, mysql_, job_.place.host.c_str(), user.c_str(),
                                   job_.ask.password.c_str(), job_.place.database.c_str(), job_.place.port,
                                   nullptr, 0),
          [&](int ready) { return mysql_real_connect_cont(&connected, mysql_, ready); });
    if (connected == nullptr) return failed(Code::kUnavailable);
    // A server that has no TLS is answered without it.
    const bool must = job_.peer.tls == Tls::kRequire || job_.peer.tls == Tls::kVerifyFull;
    if (!must || mysql_get_ssl_cipher(mysql_) != nullptr) return ok();
    return Error(Code::kUnavailable,
                 job_.where() + " does not encrypt the connection, as `tls.mode` requires");
  }

  // What is said before the statement. MariaDB and MySQL call the time of a statement by two names.
  std::vector<std::string> beginning() const {
    const auto millis = std::chrono::ceil<std::chrono::milliseconds>(job_.statement_timeout()).count();
    const std::string seconds = std::to_string(std::max<std::int64_t>(1, millis / 1000));
    const bool maria =
        std::string_view(mysql_get_server_info(mysql_)).find("MariaDB") != std::string_view::npos;
    std::vector<std::string> all;
    all.push_back(maria ? "SET SESSION max_statement_time = " +
                              std::to_string(static_cast<double>(millis) / 1000)
                        : "SET SESSION max_execution_time = " + std::to_string(millis));
    all.push_back("SET SESSION innodb_lock_wait_timeout = " + seconds + ", lock_wait_timeout = " + seconds);
    if (!job_.ask.execute) all.emplace_back("SET SESSION TRANSACTION READ ONLY");
    all.emplace_back(job_.ask.execute ? "START TRANSACTION READ WRITE" : "START TRANSACTION READ ONLY");
    return all;
  }

  Status command(const std::string& text, Code lost) {
    int result = 0;
    drive(mysql_real_query_start(&result, mysql_, text.data(), text.size()),
          [&](int ready) { return mysql_real_query_cont(&result, mysql_, ready); });
    return result == 0 ? ok() : failed(lost);
  }

  Status statement() {
    statement_ = mysql_stmt_init(mysql_);
    if (statement_ == nullptr) return Error(Code::kUnavailable, "no memory for a statement");
    int result = 0;
    drive(mysql_stmt_prepare_start(&result, statement_, job_.ask.statement.data(), job_.ask.statement.size()),
          [&](int ready) { return mysql_stmt_prepare_cont(&result, statement_, ready); });
    if (result != 0) return statement_failed(Code::kUnavailable);
    TRY_DONE(bind());
    if (!job_.may_go_on()) return Error(Code::kUnavailable, "it was not to be sent any more");
    drive(mysql_stmt_execute_start(&result, statement_),
          [&](int ready) { return mysql_stmt_execute_cont(&result, statement_, ready); });
    if (result != 0) return statement_failed(Code::kUnknown);
    if (mysql_stmt_field_count(statement_) > 0) return read_rows();
    reply_.count = static_cast<std::int64_t>(mysql_stmt_affected_rows(statement_));
    return ok();
  }

  Status bind() {
    const std::size_t wanted = mysql_stmt_param_count(statement_);
    const std::size_t count = job_.params.size();
    if (wanted != count) {
      return Error(Code::kInvalid, "the statement binds " + std::to_string(wanted) +
                                       " parameters, and `params` has " + std::to_string(count));
    }
    binds_.assign(count, MYSQL_BIND{});
    texts_.resize(count);
    lengths_.resize(count);
    for (std::size_t i = 0; i < count; ++i) {
      const json::value& param = job_.params[i];
      MYSQL_BIND& bound = binds_[i];
      if (param.is_null()) {
        bound.buffer_type = MYSQL_TYPE_NULL;
        continue;
      }
      const bool truth = param.is_bool();
      texts_[i] = truth               ? std::string(param.get_bool() ? "1" : "0")
                  : param.is_string() ? std::string(view(param.get_string()))
                                      : to_text(param);
      lengths_[i] = texts_[i].size();
      bound.buffer_type = MYSQL_TYPE_STRING;
      bound.buffer = texts_[i].data();
      bound.buffer_length = lengths_[i];
      bound.length = &lengths_[i];
    }
    if (count == 0 || mysql_stmt_bind_param(statement_, binds_.data()) == 0) return ok();
    return Error(Code::kInvalid, std::string("the parameters: ") + mysql_stmt_error(statement_));
  }

  Status read_rows() {
    const std::unique_ptr<MYSQL_RES, decltype(&mysql_free_result)> described(
        mysql_stmt_result_metadata(statement_), &mysql_free_result);
    if (described == nullptr) return Error(Code::kUnknown, "the columns of the answer cannot be read");
    fields_ = mysql_fetch_fields(described.get());
    const unsigned int count = mysql_num_fields(described.get());
    std::vector<std::string> names;
    for (unsigned int i = 0; i < count; ++i)
      names.emplace_back(fields_[i].name);
    TRY_DONE(rows_.columns(std::move(names)));
    cells_.resize(count);
    std::vector<MYSQL_BIND> binds(count);
    for (unsigned int i = 0; i < count; ++i) {
      binds[i].buffer_type = MYSQL_TYPE_STRING;
      binds[i].buffer = cells_[i].bytes.data();
      binds[i].buffer_length = cells_[i].bytes.size();
      binds[i].length = &cells_[i].size;
      binds[i].is_null = &cells_[i].null;
      binds[i].error = &cells_[i].short_of_room;
    }
    if (mysql_stmt_bind_result(statement_, binds.data()) != 0) return statement_failed(Code::kUnknown);
    std::int64_t all = 0;
    while (true) {
      int result = 0;
      drive(mysql_stmt_fetch_start(&result, statement_),
            [&](int ready) { return mysql_stmt_fetch_cont(&result, statement_, ready); });
      if (result == MYSQL_NO_DATA) break;
      if (result != 0 && result != MYSQL_DATA_TRUNCATED) return statement_failed(Code::kUnknown);
      ++all;
      if (rows_.begin()) {
        TRY_DONE(row(count));
      } else if (!job_.ask.execute) {
        break;  // the rest is not waited for
      }
    }
    reply_.count = job_.ask.execute ? all : rows_.count();
    reply_.more = rows_.more();
    reply_.rows = rows_.take();
    if (!job_.ask.execute) return ok();
    mysql_stmt_free_result(statement_);
    return ok();
  }

  Status row(unsigned int count) {
    for (unsigned int i = 0; i < count; ++i) {
      Cell& cell = cells_[i];
      if (cell.null != 0) {
        rows_.null();
        continue;
      }
      std::string longer;
      std::string_view value(cell.bytes.data(), std::min<std::size_t>(cell.size, cell.bytes.size()));
      if (cell.size > cell.bytes.size()) {
        if (cell.size > job_.peer.response_bytes_max)
          return Error(Code::kInvalid, "a value is larger than the target's `maxResponse`");
        TRY(longer, whole(i, cell.size));
        value = longer;
      }
      add_value(fields_[i], value);
    }
    return rows_.end();
  }

  Result<std::string> whole(unsigned int column, unsigned long size) {
    std::string bytes(size, '\0');
    MYSQL_BIND bound{};
    unsigned long length = 0;
    my_bool null = 0;
    my_bool short_of_room = 0;
    bound.buffer_type = MYSQL_TYPE_STRING;
    bound.buffer = bytes.data();
    bound.buffer_length = bytes.size();
    bound.length = &length;
    bound.is_null = &null;
    bound.error = &short_of_room;
    if (mysql_stmt_fetch_column(statement_, &bound, column, 0) == 0) return bytes;
    return Error(Code::kUnknown, "a long value cannot be read");
  }

  void add_value(const MYSQL_FIELD& field, std::string_view value) {
    switch (static_cast<int>(field.type)) {
      case MYSQL_TYPE_TINY:
        // BOOLEAN is TINYINT(1) there.
        if (field.length == 1 && (value == "0" || value == "1")) return rows_.boolean(value == "1");
        return rows_.number(value);
      case MYSQL_TYPE_SHORT:
      case MYSQL_TYPE_LONG:
      case MYSQL_TYPE_INT24:
      case MYSQL_TYPE_LONGLONG:
      case MYSQL_TYPE_YEAR:
      case MYSQL_TYPE_FLOAT:
      case MYSQL_TYPE_DOUBLE:
      case MYSQL_TYPE_DECIMAL:
      case MYSQL_TYPE_NEWDECIMAL:
        return rows_.number(value);
      case MYSQL_TYPE_BIT: {
        std::uint64_t bits = 0;
        for (const char c : value)
          bits = (bits << 8U) | static_cast<unsigned char>(c);
        return field.length == 1 ? rows_.boolean(bits != 0) : rows_.number(std::to_string(bits));
      }
      case MYSQL_TYPE_JSON:
        return rows_.json(value);
      default:
        break;
    }
    MARIADB_CONST_STRING format{};
    const bool told = mariadb_field_attr(&format, &field, MARIADB_FIELD_ATTR_FORMAT_NAME) == 0;
    if (told && format.str != nullptr && std::string_view(format.str, format.length) == "json")
      return rows_.json(value);
    rows_.text(value);
  }

  const Job& job_;
  MYSQL* mysql_;
  MYSQL_STMT* statement_ = nullptr;
  std::vector<MYSQL_BIND> binds_;  // of the parameters
  std::vector<std::string> texts_;
  std::vector<unsigned long> lengths_;
  const MYSQL_FIELD* fields_ = nullptr;
  std::vector<Cell> cells_;
  Rows rows_;
  SqlReply reply_;
};

}  // namespace

Result<SqlReply> run_mysql(const Job& job) {
  return Session(job).run();
}

}  // namespace postlude::database
