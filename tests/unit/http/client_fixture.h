#pragma once
// ClientFixture: a client on a loop of its own, and servers that fail where a test wants; for the tests of
// src/http only.

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <filesystem>
#include <mutex>
#include <vector>

#include "base/text.h"
#include "http/client.h"
#include "unit/http/loopback.h"

namespace postlude::http {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A key and a certificate, as files.
struct Identity {
  std::string cert_file;
  std::string key_file;
};

// An authority made for the test, and what it signs.
class Authority {
 public:
  explicit Authority(const std::string& name)
      : folder_(testing::TempDir() + "postlude-" + name + "-" + std::to_string(getpid()) + "/"),
        key_(EVP_EC_gen("P-256")) {
    std::filesystem::create_directories(folder_);
    cert_ = make(name, key_, "", -1, 1, true);
    write("ca", cert_, key_);
  }
  ~Authority() {
    X509_free(cert_);
    EVP_PKEY_free(key_);
    std::filesystem::remove_all(folder_);
  }
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  std::string file() const { return folder_ + "ca.pem"; }
  // `names`: OpenSSL's notation, "DNS:localhost,IP:127.0.0.1"; the days count from now.
  Identity issue(const std::string& name, const std::string& names, int from_days = -1, int to_days = 1) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* cert = make(name, key, names, from_days, to_days, false);
    const Identity out = write(name, cert, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    return out;
  }

 private:
  X509* make(const std::string& name, EVP_PKEY* key, const std::string& names, int from_days, int to_days,
             bool ca) {
    X509* cert = X509_new();
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(cert), 86400L * from_days);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400L * to_days);
    X509_set_pubkey(cert, key);
    X509_NAME* subject = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(cert, ca ? subject : X509_get_subject_name(cert_));
    extend(cert, NID_basic_constraints, ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (!names.empty()) extend(cert, NID_subject_alt_name, names);
    EXPECT_GT(X509_sign(cert, key_, EVP_sha256()), 0);
    return cert;
  }
  static void extend(X509* cert, int nid, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }
  Identity write(const std::string& name, X509* cert, EVP_PKEY* key) const {
    Identity out{folder_ + name + ".pem", folder_ + name + ".key"};
    FILE* file = fopen(out.cert_file.c_str(), "w");
    PEM_write_X509(file, cert);
    fclose(file);
    file = fopen(out.key_file.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    fclose(file);
    return out;
  }

  std::string folder_;
  EVP_PKEY* key_;
  X509* cert_ = nullptr;
  long serial_ = 0;
};

// One connection of a server, plain or TLS, blocking.
class Peering {
 public:
  explicit Peering(int fd) : wire_(fd) {}
  ~Peering() { SSL_free(ssl_); }
  Peering(const Peering&) = delete;
  Peering& operator=(const Peering&) = delete;

  bool handshake(SSL_CTX* context) {
    ssl_ = SSL_new(context);
    SSL_set_fd(ssl_, wire_.fd());
    return SSL_accept(ssl_) == 1;
  }
  Wire& wire() { return wire_; }
  bool write(std::string_view bytes) {
    if (ssl_ == nullptr) return wire_.send(bytes);
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) > 0;
  }
  std::string some() {
    if (ssl_ == nullptr) return wire_.some();
    char buffer[16384];
    const int n = SSL_read(ssl_, buffer, sizeof(buffer));
    return n > 0 ? std::string(buffer, static_cast<std::size_t>(n)) : "";
  }
  // The next request, head and body (of a Content-Length); what there is, if it does not come whole.
  // `body_max` stops it in the middle of the body.
  std::string request(std::size_t body_max = SIZE_MAX) {
    std::size_t end = 0;
    while ((end = left_.find("\r\n\r\n")) == std::string::npos) {
      const std::string more = some();
      if (more.empty()) return std::exchange(left_, "");
      left_ += more;
    }
    end += 4;
    const std::size_t at = left_.find("Content-Length: ");
    std::size_t length = at < end ? std::stoul(left_.substr(at + 16)) : 0;
    length = std::min(length, body_max);
    while (left_.size() < end + length) {
      const std::string more = some();
      if (more.empty()) break;
      left_ += more;
    }
    std::string out = left_.substr(0, end + length);
    left_.erase(0, end + length);
    return out;
  }

 private:
  Wire wire_;
  SSL* ssl_ = nullptr;
  std::string left_;
};

inline std::string whole_answer(const std::string& body = "fine") {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

// A server whose connections are each played by `play(peering, number of the connection)` on a thread.
class Playhouse {
 public:
  using Play = std::function<void(Peering&, int)>;

  explicit Playhouse(Play play, const Identity* identity = nullptr, const std::string& client_ca = "")
      : play_(std::move(play)) {
    if (identity != nullptr) {
      context_ = SSL_CTX_new(TLS_server_method());
      EXPECT_EQ(SSL_CTX_use_certificate_file(context_, identity->cert_file.c_str(), SSL_FILETYPE_PEM), 1);
      EXPECT_EQ(SSL_CTX_use_PrivateKey_file(context_, identity->key_file.c_str(), SSL_FILETYPE_PEM), 1);
      if (!client_ca.empty()) {
        SSL_CTX_load_verify_locations(context_, client_ca.c_str(), nullptr);
        SSL_CTX_set_verify(context_, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
      }
    }
    thread_ = std::thread([this] { accept(); });
  }
  ~Playhouse() {
    listener_.quit();
    ending_ = true;
    thread_.join();
    for (std::thread& each : each_)
      each.join();
    SSL_CTX_free(context_);
  }
  std::uint16_t port() const { return listener_.port(); }
  SSL_CTX* context() const { return context_; }
  int connections() const { return connections_; }
  bool ending() const { return ending_; }
  void saw(std::string request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(std::move(request));
  }
  std::vector<std::string> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  // Until the end of the test, or the client has gone.
  void stall(Peering& peering) const {
    while (!ending_) {
      pollfd p{peering.wire().fd(), POLLRDHUP, 0};
      if (poll(&p, 1, 20) > 0) return;
    }
  }
  // Whether bytes (or an end) have come; false: the test is over.
  bool await_bytes(Peering& peering) const {
    while (!ending_) {
      pollfd p{peering.wire().fd(), POLLIN, 0};
      if (poll(&p, 1, 20) > 0) return true;
    }
    return false;
  }
  // Answers whatever comes, until the client goes.
  void serve(Peering& peering) {
    while (await_bytes(peering)) {
      std::string request = peering.request();
      if (request.empty()) return;
      saw(std::move(request));
      if (!peering.write(whole_answer())) return;
    }
  }

 private:
  void accept() {
    for (int fd = listener_.next(); fd >= 0; fd = listener_.next()) {
      const int number = connections_++;
      each_.emplace_back([this, fd, number] {
        sigset_t pipe;
        sigemptyset(&pipe);
        sigaddset(&pipe, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
        Peering peering(fd);
        play_(peering, number);
      });
    }
  }

  Play play_;
  Listener listener_;
  SSL_CTX* context_ = nullptr;
  std::atomic<int> connections_{0};
  std::atomic<bool> ending_{false};
  std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::thread> each_;
  std::thread thread_;
};

class ClientFixture {
 public:
  explicit ClientFixture(ClientOptions options = {}) {
    thread_.call_void([&] { client_ = std::make_unique<Client>(thread_.loop(), options); });
  }
  ~ClientFixture() {
    thread_.call_void([this] {
      if (client_) client_.reset();
    });
  }

  std::future<Result<HttpResponse>> start(HttpRequest request, Peer peer,
                                          std::function<bool()> may_send = nullptr) {
    return thread_.start<Result<HttpResponse>>(
        [this, request, peer, may_send] { return client_->send(request, peer, may_send); });
  }
  Result<HttpResponse> send(HttpRequest request, Peer peer = {}, std::function<bool()> may_send = nullptr) {
    auto future = start(std::move(request), std::move(peer), std::move(may_send));
    if (future.wait_for(seconds(20)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer from the client";
      std::abort();
    }
    return future.get();
  }
  void stop() {
    thread_.call_void([this] { client_->stop(); });
  }
  LoopThread& thread() { return thread_; }
  Client& client() { return *client_; }

 private:
  std::unique_ptr<Client> client_;
  LoopThread thread_;
};

inline HttpRequest to(std::uint16_t port, std::string method = "GET", std::string body = "",
                      std::string_view scheme = "http") {
  HttpRequest request;
  request.method = std::move(method);
  request.target = std::string(scheme) + "://127.0.0.1:" + std::to_string(port) + "/path?q=secret";
  request.body = std::move(body);
  return request;
}

inline std::string shown(const Result<HttpResponse>& result) {
  if (result) return std::to_string(result->status) + " " + result->body;
  return "code " + std::to_string(static_cast<int>(result.error().code)) + ": " + result.error().message;
}
inline int code_of(const Result<HttpResponse>& result) {
  return result ? 0 : static_cast<int>(result.error().code);
}

}  // namespace postlude::http
