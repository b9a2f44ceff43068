#include "http/client.h"

#include <algorithm>

#include "base/check.h"
#include "unit/http/client_fixture.h"

namespace postlude::http {
namespace {

void expect_code(const Result<HttpResponse>& result, Code code, std::string_view words = "") {
  EXPECT_EQ(code_of(result), static_cast<int>(code)) << shown(result);
  if (!result) {
    EXPECT_NE(result.error().message.find(words), std::string::npos)
        << result.error().message << " lacks " << words;
    for (const char* secret : {"secret", "password", "hidden"}) {
      EXPECT_EQ(result.error().message.find(secret), std::string::npos) << result.error().message;
    }
  }
}

// Answers each request with what `answer` makes of it, on as many connections as come.
class Echo {
 public:
  explicit Echo(std::function<std::string(const std::string&)> answer)
      : answer_(std::move(answer)), house_([this](Peering& peering, int) { play(peering); }) {}
  Playhouse& house() { return house_; }
  std::uint16_t port() const { return house_.port(); }
  std::string last() { return house_.requests().empty() ? "" : house_.requests().back(); }

 private:
  void play(Peering& peering) {
    while (house_.await_bytes(peering)) {
      const std::string request = peering.request();
      if (request.empty()) return;
      house_.saw(request);
      const std::string answer = answer_(request);
      if (answer.empty() || !peering.write(answer)) return;
      if (answer.find("Connection: close") != std::string::npos) return;
    }
  }
  std::function<std::string(const std::string&)> answer_;
  Playhouse house_;
};

std::string fine(const std::string&) {
  return whole_answer();
}

TEST(Client, SendsWhatItIsGiven) {
  Echo server(fine);
  ClientFixture client;
  HttpRequest request = to(server.port(), "PUT", "{\"a\":1}");
  request.headers.add("Content-Type", "application/json");
  request.headers.add("X-Empty", "");
  request.headers.add("X-Twice", "1");
  request.headers.add("X-Twice", "2");
  EXPECT_EQ(shown(client.send(request)), "200 fine");
  const std::string sent = server.last();
  EXPECT_TRUE(sent.starts_with("PUT /path?q=secret HTTP/1.1\r\n")) << sent;
  EXPECT_TRUE(sent.ends_with("\r\n\r\n{\"a\":1}")) << sent;
  for (const char* line :
       {"Content-Type: application/json\r\n", "Content-Length: 7\r\n", "X-Empty:\r\n", "X-Twice: 1\r\n",
        "X-Twice: 2\r\n", "User-Agent: postlude\r\n", "Host: 127.0.0.1"}) {
    EXPECT_NE(sent.find(line), std::string::npos) << line << " in " << sent;
  }
  EXPECT_EQ(sent.find("Expect:"), std::string::npos) << sent;
}

TEST(Client, FramesEveryMethod) {
  struct Case {
    const char* method;
    std::string body;
    bool has_length;
  };
  Echo server(fine);
  ClientFixture client;
  for (const Case& c :
       {Case{"GET", "", false}, Case{"GET", "x", true}, Case{"POST", "", true}, Case{"POST", "x", true},
        Case{"PATCH", "", true}, Case{"DELETE", "", false}, Case{"DELETE", "x", true},
        Case{"OPTIONS", "", false}, Case{"POST", std::string(2U << 20U, 'x'), true}}) {
    const auto result = client.send(to(server.port(), c.method, c.body));
    EXPECT_EQ(shown(result), "200 fine") << c.method;
    const std::string sent = server.last();
    EXPECT_TRUE(sent.starts_with(std::string(c.method) + " /path")) << sent.substr(0, 80);
    const std::string length = "Content-Length: " + std::to_string(c.body.size()) + "\r\n";
    EXPECT_EQ(sent.find(length) != std::string::npos, c.has_length) << sent.substr(0, 300);
    EXPECT_TRUE(sent.ends_with("\r\n\r\n" + c.body));
    EXPECT_EQ(sent.find("Content-Type"), std::string::npos) << "it invented a type";
  }
}

TEST(Client, ReadsAnswersOfAllKinds) {
  struct Case {
    const char* name;
    std::string bytes;
    std::string shown;
  };
  const std::string h = "HTTP/1.1 200 OK\r\n";
  for (const Case& c : {
           Case{"length", h + "Content-Length: 2\r\n\r\nok", "200 ok"},
           Case{"the same length twice", h + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok", "200 ok"},
           Case{"chunks", h + "Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nX-T: 1\r\n\r\n",
                "200 ok"},
           Case{"until the end", h + "Connection: close\r\n\r\nok", "200 ok"},
           Case{"interim answers",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX: 1\r\n\r\n" + h +
                    "Content-Length: 2\r\n\r\nok",
                "200 ok"},
           Case{"no content", "HTTP/1.1 204 No Content\r\n\r\n", "204 "},
           Case{"no reason", "HTTP/1.1 201\r\nContent-Length: 2\r\n\r\nok", "201 ok"},
           Case{"a redirect is an answer",
                "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 2\r\n\r\nok",
                "302 ok"},
           Case{"401 is an answer",
                "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\nContent-Length: 2\r\n\r\nno",
                "401 no"},
           Case{"407 is an answer",
                "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", "407 no"},
           Case{"503 is an answer", "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno",
                "503 no"},
           Case{"HTTP/1.0", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", "200 ok"},
       }) {
    Echo server([&](const std::string&) { return c.bytes; });
    ClientFixture client;
    EXPECT_EQ(shown(client.send(to(server.port(), "POST", "x"))), c.shown) << c.name;
    EXPECT_EQ(server.house().requests().size(), 1U) << c.name;
  }
}

TEST(Client, CallsAnswersItCannotTrustUnknown) {
  struct Case {
    const char* name;
    std::string bytes;
  };
  const std::string h = "HTTP/1.1 200 OK\r\n";
  for (const Case& c : {
           Case{"not HTTP", "SSH-2.0-OpenSSH_9.2\r\nConnection: close\r\n\r\n"},
           Case{"HTTP/0.9", "<html>Connection: close</html>"},
           Case{"a bad chunk",
                h + "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\nzz\r\nok\r\n0\r\n\r\n"},
           Case{"a bad length", h + "Content-Length: two\r\nConnection: close\r\n\r\nok"},
           Case{"a length beyond any",
                h + "Content-Length: 99999999999999999999\r\nConnection: close\r\n\r\nok"},
           Case{"a negative length", h + "Content-Length: -1\r\nConnection: close\r\n\r\nok"},
           Case{"an empty length", h + "Content-Length:\r\nConnection: close\r\n\r\nok"},
           Case{"two lengths", h + "Content-Length: 2\r\nContent-Length: 5\r\nConnection: close\r\n\r\nok"},
           Case{"two lengths, the shorter last",
                h + "Content-Length: 5\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"},
           Case{"two lengths in one", h + "Content-Length: 2, 5\r\nConnection: close\r\n\r\nok"},
           Case{"short of its length", h + "Content-Length: 20\r\nConnection: close\r\n\r\nok"},
           Case{"only interim answers", "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n"},
           Case{"headers too large",
                h + "X: " + std::string(90'000, 'x') + "\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
           Case{"too many headers", h +
                                        [] {
                                          std::string s;
                                          for (int i = 0; i < 9000; ++i)
                                            s += "X: 123456\r\n";
                                          return s;
                                        }() +
                                        "Connection: close\r\n\r\n"},
           Case{"body too large", whole_answer(std::string(2000, 'x'))},
           Case{"chunked body too large",
                h + "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" + std::string(2000, 'x') + "\r\n0\r\n\r\n"},
       }) {
    Echo server([&](const std::string&) { return c.bytes; });
    ClientFixture client;
    Peer peer;
    peer.response_bytes_max = 1000;
    peer.timeout = seconds(15);
    SCOPED_TRACE(c.name);
    expect_code(client.send(to(server.port(), "POST", "x"), peer), Code::kUnknown);
    EXPECT_EQ(server.house().requests().size(), 1U);
  }
}

TEST(Client, RefusesWhatCanNeverBeSent) {
  ClientFixture client;
  Echo server(fine);
  const auto with = [&](const std::function<void(HttpRequest&, Peer&)>& change) {
    HttpRequest request = to(server.port(), "POST", "x");
    Peer peer;
    change(request, peer);
    return client.send(request, peer);
  };
  using R = HttpRequest;
  for (const char* url :
       {"", "http://", "://x", "ftp://127.0.0.1/x", "file:///etc/passwd", "gopher://127.0.0.1/", "no url",
        "http://127.0.0.1:99999/", "http://a b/", "smtp://127.0.0.1"}) {
    SCOPED_TRACE(url);
    expect_code(with([&](R& r, Peer&) { r.target = url; }), Code::kInvalid);
  }
  for (const char* url :
       {"http://169.254.169.254/latest/meta-data", "http://2852039166/", "http://0xA9FEA9FE/",
        "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/", "http://100.100.100.200/", "https://169.254.1.1/"}) {
    SCOPED_TRACE(url);
    expect_code(with([&](R& r, Peer&) { r.target = url; }), Code::kInvalid, "refused");
    expect_code(with([&](R& r, Peer& p) {
                  r.target = url;
                  p.proxy = "http://127.0.0.1:" + std::to_string(server.port());
                }),
                Code::kInvalid, "refused");
  }
  for (const char* bad : {"", "A B", "A:", "A\r\nB", "\xc3\xa4"}) {
    expect_code(with([&](R& r, Peer&) { r.headers.add(bad, "1"); }), Code::kInvalid, "header");
  }
  for (const std::string& bad : {std::string("a\r\nB: 1"), std::string("a\nb"), std::string("a\0b", 3)}) {
    expect_code(with([&](R& r, Peer&) { r.headers.add("A", bad); }), Code::kInvalid, "line break");
  }
  for (const char* name : {"Content-Length", "transfer-encoding", "Expect"}) {
    expect_code(with([&](R& r, Peer&) { r.headers.add(name, "1"); }), Code::kInvalid, "not for requests");
  }
  for (const char* method : {"", "GE T", "POST\r\n", "CONNECT"}) {
    expect_code(with([&](R& r, Peer&) { r.method = method; }), Code::kInvalid, "method");
  }
  expect_code(with([](R& r, Peer&) { r.method = "HEAD"; }), Code::kInvalid, "HEAD");
  for (const char* proxy : {"ftp://user:password@127.0.0.1/", "http://", "socks9://127.0.0.1"}) {
    expect_code(with([&](R&, Peer& p) { p.proxy = proxy; }), Code::kInvalid, "proxy");
  }
  EXPECT_EQ(server.house().connections(), 0);
}

TEST(Client, CallsWhatItCannotReachUnavailable) {
  ClientFixture client;
  std::uint16_t closed = 0;
  {
    Listener listener;
    closed = listener.port();
  }
  expect_code(client.send(to(closed)), Code::kUnavailable, "connect");
  HttpRequest nowhere = to(closed);
  nowhere.target = "http://user:password@no-such-host.invalid/x?token=secret";
  expect_code(client.send(nowhere), Code::kUnavailable, "resolve");
  HttpRequest tls = to(closed, "GET", "", "https");
  Echo plain([](const std::string&) { return std::string(); });
  tls.target = "https://127.0.0.1:" + std::to_string(plain.port()) + "/";
  Peer peer;
  peer.timeout = milliseconds(500);
  expect_code(client.send(tls, peer), Code::kUnavailable);
}

TEST(Client, AsksBeforeItSends) {
  Echo server(fine);
  ClientFixture client;
  int asked = 0;
  expect_code(client.send(to(server.port(), "POST", "x"), {},
                          [&] {
                            ++asked;
                            return false;
                          }),
              Code::kUnavailable, "lapsed");
  EXPECT_EQ(asked, 1);
  EXPECT_TRUE(server.house().requests().empty());
  EXPECT_EQ(shown(client.send(to(server.port(), "POST", "x"), {}, [] { return true; })), "200 fine");
}

TEST(Client, ReusesConnectionsWithinAPoolOnly) {
  Echo server(fine);
  ClientFixture client;
  Peer a;
  a.pool = "a";
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(shown(client.send(to(server.port()), a)), "200 fine");
  EXPECT_EQ(server.house().connections(), 1);
  Peer b;
  b.pool = "b";
  for (int i = 0; i < 5; ++i)
    EXPECT_EQ(shown(client.send(to(server.port()), b)), "200 fine");
  EXPECT_EQ(server.house().connections(), 2) << "a connection crossed from one pool to the other";
  Peer fresh = a;
  fresh.fresh = true;
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(shown(client.send(to(server.port()), fresh)), "200 fine");
  EXPECT_EQ(server.house().connections(), 5);
  EXPECT_EQ(shown(client.send(to(server.port()), a)), "200 fine");
  EXPECT_EQ(server.house().connections(), 5) << "a fresh one took the pool's connection away";
}

// With more at once than idle ones are kept, what has become idle is still used again.
TEST(Client, UsesConnectionsAgainHoweverManyThereAre) {
  Echo server(fine);
  ClientFixture client;
  Peer peer;
  peer.pool_max = 64;
  for (int round = 0; round < 5; ++round) {
    std::vector<std::future<Result<HttpResponse>>> all;
    for (int i = 0; i < 64; ++i)
      all.push_back(client.start(to(server.port()), peer));
    for (auto& one : all)
      EXPECT_EQ(shown(one.get()), "200 fine");
  }
  EXPECT_LE(server.house().connections(), 64);
}

TEST(Client, LeavesOldIdleConnectionsAlone) {
  Echo server(fine);
  ClientOptions options;
  options.idle_time = seconds(1);
  ClientFixture client(options);
  EXPECT_EQ(shown(client.send(to(server.port()))), "200 fine");
  let_pass(milliseconds(2200));
  EXPECT_EQ(shown(client.send(to(server.port()))), "200 fine");
  EXPECT_EQ(server.house().connections(), 2);
}

TEST(Client, IgnoresTheEnvironmentsProxies) {
  Echo server(fine);
  for (const char* name : {"http_proxy", "https_proxy", "ALL_PROXY"})
    setenv(name, "http://127.0.0.1:1", 1);
  ClientFixture client;
  EXPECT_EQ(shown(client.send(to(server.port()))), "200 fine");
  for (const char* name : {"http_proxy", "https_proxy", "ALL_PROXY"})
    unsetenv(name);
}

TEST(Client, HoldsEachPoolToItsShare) {
  std::atomic<int> now{0};
  std::atomic<int> most{0};
  Echo server([&](const std::string&) {
    most = std::max(most.load(), ++now);
    std::this_thread::sleep_for(milliseconds(5));
    --now;
    return whole_answer();
  });
  ClientFixture client;
  Peer peer;
  peer.pool_max = 3;
  std::vector<std::future<Result<HttpResponse>>> all;
  for (int i = 0; i < 60; ++i)
    all.push_back(client.start(to(server.port()), peer));
  for (auto& one : all)
    EXPECT_EQ(shown(one.get()), "200 fine");
  EXPECT_LE(most.load(), 3);
  EXPECT_LE(server.house().connections(), 3);
}

TEST(Client, DoesNotLetHangingPoolsShutOutOthers) {
  Playhouse hanging([&](Peering& peering, int) { hanging.stall(peering); });
  Echo quick(fine);
  ClientOptions options;
  options.in_flight_max = 256;
  ClientFixture client(options);
  Peer slow;
  slow.pool = "slow";
  slow.pool_max = 256;
  slow.timeout = seconds(120);
  std::vector<std::future<Result<HttpResponse>>> hung;
  for (int i = 0; i < 400; ++i)
    hung.push_back(client.start(to(hanging.port()), slow));
  for (int i = 0; i < 6000 && hanging.connections() < 256; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  EXPECT_EQ(hanging.connections(), 256);
  Peer peer;
  peer.pool = "quick";
  for (int i = 0; i < 100; ++i)
    EXPECT_EQ(shown(client.send(to(quick.port()), peer)), "200 fine");
  client.stop();  // while all of the others hang: none of them has ended
  int unknown = 0;
  int unavailable = 0;
  for (auto& one : hung) {
    const auto result = one.get();
    unknown += code_of(result) == static_cast<int>(Code::kUnknown) ? 1 : 0;
    unavailable += code_of(result) == static_cast<int>(Code::kUnavailable) ? 1 : 0;
  }
  EXPECT_EQ(unknown, 256);
  EXPECT_EQ(unavailable, 144);
  expect_code(client.send(to(quick.port())), Code::kUnavailable, "shutting down");
}

TEST(Client, CountsNoWaitingAsTimeout) {
  Echo server([](const std::string&) {
    let_pass(milliseconds(300));
    return whole_answer();
  });
  ClientFixture client;
  Peer peer;
  peer.pool_max = 1;
  peer.timeout = seconds(3);
  std::vector<std::future<Result<HttpResponse>>> all;
  for (int i = 0; i < 14; ++i)  // the last ones wait longer than that
    all.push_back(client.start(to(server.port()), peer));
  for (auto& one : all)
    EXPECT_EQ(shown(one.get()), "200 fine");
}

TEST(Client, RefusesMoreWaitingThanItsLimit) {
  Playhouse hanging([&](Peering& peering, int) { hanging.stall(peering); });
  ClientOptions options;
  options.waiting_max = 5;
  ClientFixture client(options);
  Peer peer;
  peer.pool_max = 1;
  std::vector<std::future<Result<HttpResponse>>> all;
  for (int i = 0; i < 20; ++i)
    all.push_back(client.start(to(hanging.port()), peer));
  for (int i = 0; i < 1000 && hanging.connections() < 1; ++i)
    std::this_thread::sleep_for(milliseconds(5));
  for (int i = 0; i < 20; ++i)
    all.push_back(client.start(to(hanging.port()), peer));
  // Of 40, one hangs and five wait; the others were refused, in whatever batches they came.
  int refused = 0;
  for (int i = 0; i < 2000 && refused < 34; ++i) {
    refused = 0;
    for (auto& one : all)
      refused += one.wait_for(seconds(0)) == std::future_status::ready ? 1 : 0;
    std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_EQ(refused, 34);
  client.stop();
  int too_many = 0;
  for (auto& one : all) {
    const auto result = one.get();
    EXPECT_FALSE(result);
    too_many += shown(result).find("too many") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(too_many, 34);
}

TEST(Client, DestroysWhoStillWaits) {
  Playhouse hanging([&](Peering& peering, int) { hanging.stall(peering); });
  std::future<Result<HttpResponse>> never;
  {
    ClientFixture client;
    never = client.start(to(hanging.port()), {});
    for (int i = 0; i < 1000 && hanging.connections() < 1; ++i)
      std::this_thread::sleep_for(milliseconds(5));
  }
  EXPECT_THROW((void)never.get(), std::future_error);  // the coroutine that held the promise is gone
}

rt::Task<Result<HttpResponse>> many(Client* client, HttpRequest request, int n) {
  for (int i = 1; i < n; ++i) {
    AWAIT_TRY(const auto ignored, client->send(request, Peer()));
    CHECK(ignored.status == 200);
  }
  AWAIT(auto last, client->send(request, Peer()));
  co_return std::move(last);
}

TEST(Client, SendsThousandsOverFewConnections) {
  Echo server(fine);
  ClientFixture client;
  std::vector<std::future<Result<HttpResponse>>> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(client.thread().start<Result<HttpResponse>>(
        [&] { return many(&client.client(), to(server.port(), "POST", "{}"), 250); }));
  }
  for (auto& one : all)
    EXPECT_EQ(shown(one.get()), "200 fine");
  EXPECT_EQ(server.house().requests().size(), 2000U);
  EXPECT_LE(server.house().connections(), 8);
}

}  // namespace
}  // namespace postlude::http
