#pragma once
// ServerFixture: a server with a few paths, on a loop of its own; for the tests of src/http only.

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "http/server.h"
#include "unit/http/loopback.h"

namespace postlude::http {

using std::chrono::milliseconds;
using std::chrono::seconds;

inline HttpResponse answer(int status, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", "text/plain");
  response.body = std::move(body);
  return response;
}

// POST /echo (a JSON content type wanted, 1 KiB at most), POST /slow (answered when release() is called), GET
// /get, GET /big (8 MiB), GET /none (204).
class ServerFixture {
 public:
  explicit ServerFixture(ServerOptions options = patient()) {
    Handler handler;
    handler.head = [](const HttpRequest& request, bool headers_too_large) {
      return head(request, headers_too_large);
    };
    handler.too_large = [](const HttpRequest&) { return answer(413, "too large"); };
    handler.handle = [this](HttpRequest request) { return handle(std::move(request)); };
    handler.broken = [](int status, std::string why) { return answer(status, "broken: " + why); };
    handler.always = [](const HttpRequest& request) { return request.path() == "/get"; };
    handler.let_go = [this](std::string_view why) { ++let_go_[std::string(why)]; };
    thread_.call_void([&] {
      auto listening = Server::listen(thread_.loop(), options, handler);
      EXPECT_TRUE(listening) << (listening ? "" : listening.error().message);
      if (listening) server_ = *std::move(listening);
    });
  }
  ~ServerFixture() {
    release();
    close(seconds(5));
    thread_.call_void([this] { server_.reset(); });
  }

  // No time is over before a test has failed in another way; a test of one of them shortens that one.
  static ServerOptions patient() {
    ServerOptions options;
    options.header_timeout = options.body_timeout = options.idle_timeout = seconds(20);
    options.drain_time = options.write_timeout = seconds(20);
    return options;
  }

  Wire connect() { return Wire::to(server_->port()); }
  std::uint16_t port() const { return server_->port(); }
  bool close(Duration at_most) {
    return thread_.start<bool>([this, at_most] { return server_->close(at_most); }).get();
  }
  void release() {
    thread_.call_void([this] {
      for (auto& latch : waiting_)
        latch->open();
      waiting_.clear();
    });
  }
  std::size_t waiting() {
    return thread_.call<std::size_t>([this] { return waiting_.size(); });
  }
  std::size_t connections() {
    return thread_.call<std::size_t>([this] { return server_->connections(); });
  }
  bool eventually(const std::function<bool()>& what) {
    for (int i = 0; i < 1000; ++i) {
      if (what()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }
  std::string last_remote() {
    return thread_.call<std::string>([this] { return last_remote_; });
  }
  int let_go(const std::string& why) {
    return thread_.call<int>([&] { return let_go_[why]; });
  }
  int handled() {
    return thread_.call<int>([this] { return handled_; });
  }
  // The server does nothing meanwhile, and finds at once what came.
  void hold(const std::function<void()>& meanwhile) {
    std::promise<void> go;
    auto held = std::make_shared<std::promise<void>>();
    thread_.loop().post([held, going = go.get_future().share()] {
      held->set_value();
      going.wait();
    });
    held->get_future().wait();
    meanwhile();
    go.set_value();
  }
  // How many requests had been handled, with it, when the one that asks for that came.
  int place_of(const std::string& query) {
    return thread_.call<int>([&] { return places_[query]; });
  }
  // A good request on a new connection is answered.
  void expect_well() {
    Wire wire = connect();
    wire.send(
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}");
    EXPECT_EQ(hear(wire).body, "{}");
  }

 private:
  static HeadVerdict head(const HttpRequest& request, bool headers_too_large) {
    const bool get = request.path() == "/get" || request.path() == "/big" || request.path() == "/none";
    const bool post = request.path() == "/echo" || request.path() == "/slow";
    if (!get && !post) return answer(404, "no such path: " + request.target);
    if (post && request.method != "POST") return answer(405, "POST only");
    if (get && request.method != "GET" && request.method != "HEAD") return answer(405, "GET only");
    if (headers_too_large) return answer(431, "large headers");
    if (post && request.headers.get("content-type") != "application/json") return answer(415, "JSON only");
    return ReadBody{1024};
  }

  rt::Task<HttpResponse> handle(HttpRequest request) {
    ++handled_;
    if (!request.query().empty()) places_.try_emplace(std::string(request.query()), handled_);
    last_remote_ = request.remote;
    if (request.path() == "/slow") {
      auto latch = std::make_shared<rt::Latch>();
      waiting_.push_back(latch);
      co_await latch->wait();
    }
    if (request.path() == "/big") co_return answer(200, std::string(8U << 20U, 'b'));
    if (request.path() == "/none") co_return answer(204, "");
    if (request.path() == "/get") co_return answer(200, "got " + std::string(request.query()));
    HttpResponse response = answer(200, std::move(request.body));
    if (request.headers.find("x-split") != nullptr) response.headers.add("X-Split", "a\r\nInjected: yes");
    co_return response;
  }

  std::vector<std::shared_ptr<rt::Latch>> waiting_;
  std::string last_remote_;
  int handled_ = 0;
  std::map<std::string, int> places_;
  std::map<std::string, int> let_go_;
  std::unique_ptr<Server> server_;
  LoopThread thread_;
};

inline std::string post(std::string_view path, std::string_view headers, std::string_view body) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}
inline std::string sized(std::string_view body) {
  return post("/echo", "Content-Length: " + std::to_string(body.size()) + "\r\n", body);
}
inline std::string chunked(std::string_view coded) {
  return post("/echo", "Transfer-Encoding: chunked\r\n", coded);
}

}  // namespace postlude::http
