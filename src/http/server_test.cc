#include "http/server.h"

#include <sys/resource.h>

#include "base/log.h"
#include "unit/http/server_fixture.h"

namespace postlude::http {
namespace {

TEST(Server, SurvivesEveryTruncation) {
  ServerFixture fixture;
  const std::string whole = chunked("2;x=y\r\n[]\r\n3\r\n123\r\n0\r\nT: 1\r\n\r\n");
  for (std::size_t n = 0; n < whole.size(); ++n) {
    Wire wire = fixture.connect();
    wire.send(whole.substr(0, n));
    if (n % 3 == 0) wire.reset();
    if (n % 3 == 1) wire.end();
  }
  fixture.expect_well();
  EXPECT_TRUE(fixture.eventually([&] { return fixture.connections() == 0; }));
  EXPECT_EQ(fixture.handled(), 1);
}

TEST(Server, EndsQuietlyWhenThePeerEndsInTheMiddle) {
  ServerFixture fixture;
  for (const std::string& part : {std::string("GET /ge"), std::string("GET /get HTTP/1.1\r\nHost: a\r\n"),
                                  sized("1234").substr(0, 85)}) {
    Wire wire = fixture.connect();
    wire.send(part);
    wire.end();
    EXPECT_TRUE(wire.closed()) << part;
  }
}

TEST(Server, AnswersARequestWhoseSenderHasShutItsSide) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send(sized("half"));
  wire.end();
  EXPECT_EQ(hear(wire).body, "half");
  EXPECT_TRUE(wire.closed());
}

TEST(Server, AnswersHeadWithoutBody) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send("HEAD /get?abc HTTP/1.1\r\nHost: a\r\n\r\nHEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
  const Heard found = hear(wire, true);
  EXPECT_EQ(found.status, 200);
  EXPECT_NE(found.head.find("Content-Length: 7\r\n"), std::string::npos) << found.head;
  EXPECT_EQ(hear(wire, true).status, 404);
  wire.send(sized("next"));
  EXPECT_EQ(hear(wire).body, "next");
}

TEST(Server, WritesTheHeadersItShould) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send(post("/echo", "X-Split: 1\r\nContent-Length: 2\r\n", "[]"));
  const Heard heard = hear(wire);
  EXPECT_NE(heard.head.find("Content-Type: text/plain\r\n"), std::string::npos);
  EXPECT_NE(heard.head.find("\r\nDate: "), std::string::npos);
  EXPECT_NE(heard.head.find(" GMT\r\n"), std::string::npos);
  EXPECT_EQ(heard.head.find("Server:"), std::string::npos);
  EXPECT_EQ(heard.head.find("\r\nInjected:"), std::string::npos) << heard.head;
  EXPECT_EQ(fixture.last_remote(), "127.0.0.1");
}

TEST(Server, SaysContinueOnlyWhereItWillRead) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send(post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""));
  EXPECT_EQ(wire.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("[]");
  EXPECT_EQ(hear(wire).body, "[]");
  wire.send(post("/echo", "Expect: 100-Continue\r\nTransfer-Encoding: chunked\r\n", ""));
  EXPECT_EQ(wire.until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  wire.send("2\r\n[]\r\n0\r\n\r\n");
  EXPECT_EQ(hear(wire).body, "[]");
  wire.send(post("/echo", "Expect: 100-continue\r\nContent-Length: 2\r\n", "[]"));  // did not wait
  EXPECT_EQ(hear(wire).body, "[]");

  struct Refused {
    std::string bytes;
    int status;
  };
  for (const auto& [bytes, status] :
       {Refused{post("/nowhere", "Expect: 100-continue\r\nContent-Length: 2\r\n", ""), 404},
        Refused{post("/echo", "Expect: 100-continue\r\nContent-Length: 5000\r\n", ""), 413}}) {
    Wire refused = fixture.connect();
    refused.send(bytes);
    const Heard heard = hear(refused);
    EXPECT_EQ(heard.status, status);
    EXPECT_NE(heard.head.find("Connection: close"), std::string::npos);
    EXPECT_TRUE(refused.closed());
  }
}

TEST(Server, DrainsARefusedBodyWithinLimits) {
  ServerFixture fixture;
  Wire patient = fixture.connect();  // looks at the answer only after 4 MiB
  ASSERT_TRUE(patient.send(post("/echo", "Content-Length: 4194304\r\n", std::string(4U << 20U, 'x'))));
  EXPECT_EQ(hear(patient).status, 413);
  patient.send(sized("still here"));
  EXPECT_EQ(hear(patient).body, "still here");

  Wire endless = fixture.connect();
  endless.send(post("/echo", "Content-Length: 1000000000\r\n", std::string(100'000, 'x')));
  EXPECT_EQ(hear(endless).status, 413);
  std::size_t sent = 0;
  while (sent < (64U << 20U) && endless.send(std::string(1U << 20U, 'x')))
    sent += 1U << 20U;
  EXPECT_LT(sent, 48U << 20U) << "it read on and on";
  fixture.expect_well();
}

TEST(Server, DrainsARefusedBodyForAShortTime) {
  ServerOptions options = ServerFixture::patient();
  options.drain_time = milliseconds(300);
  ServerFixture fixture(options);
  Wire stalled = fixture.connect();
  stalled.send(post("/echo", "Content-Length: 2000\r\n", "x"));
  EXPECT_EQ(hear(stalled).status, 413);
  EXPECT_TRUE(stalled.closed());
  fixture.expect_well();
}

TEST(Server, ClosesIdleConnectionsSilently) {
  ServerOptions options = ServerFixture::patient();
  options.idle_timeout = milliseconds(400);
  ServerFixture fixture(options);
  Wire wire = fixture.connect();
  const Duration begun = rt::steady_now();
  wire.send(sized("1"));
  EXPECT_EQ(hear(wire).body, "1");
  EXPECT_TRUE(wire.closed());
  EXPECT_GE(rt::steady_now() - begun, milliseconds(400));
}

TEST(Server, GivesEachRequestItsOwnTime) {
  ServerOptions options = ServerFixture::patient();
  options.header_timeout = options.body_timeout = seconds(1);
  options.idle_timeout = seconds(2);
  ServerFixture fixture(options);
  Wire wire = fixture.connect();
  for (int i = 0; i < 8; ++i) {  // longer than any of these in all
    wire.send(sized("1"));
    EXPECT_EQ(hear(wire).body, "1");
    let_pass(milliseconds(300));
  }
}

TEST(Server, SendsEarlierAnswersWhileALaterRequestWaits) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send(sized("1") + post("/slow", "Content-Length: 1\r\n", "2") + sized("3"));
  EXPECT_EQ(hear(wire).body, "1");
  EXPECT_TRUE(wire.quiet_for(50));
  fixture.release();
  EXPECT_EQ(hear(wire).body, "2");
  EXPECT_EQ(hear(wire).body, "3");
}

TEST(Server, AnswersManyPipelinedRequestsInOrder) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  std::string all;
  for (int i = 0; i < 2000; ++i)
    all += sized(std::to_string(i));
  std::thread sender([&] { wire.send(all); });
  Wire reading(dup(wire.fd()));
  for (int i = 0; i < 2000; ++i)
    ASSERT_EQ(hear(reading).body, std::to_string(i));
  sender.join();
}

// Who sends hundreds of calls at once waits behind the others after a few of them. Told by the order in which
// they are handled, all of them being there before the first is.
TEST(Server, LetsNobodysPipelinedRequestsStarveTheOthers) {
  constexpr int kGreedy = 8;
  constexpr int kInARow = 4;
  constexpr int kPipelined = 100;  // they fit into what is read at once
  ServerFixture fixture;
  std::vector<Wire> greedy;
  for (int i = 0; i < kGreedy; ++i)
    greedy.push_back(fixture.connect());
  Wire honest = fixture.connect();
  const std::string request = "GET /get HTTP/1.1\r\nHost: a\r\n\r\n";
  for (Wire& wire : greedy) {
    wire.send(request);
    EXPECT_EQ(hear(wire).body, "got ");
  }
  honest.send(request);
  EXPECT_EQ(hear(honest).body, "got ");
  std::string many;
  for (int i = 0; i < kPipelined; ++i)
    many += request;
  const int before = fixture.handled();
  fixture.hold([&] {
    for (Wire& wire : greedy)
      wire.send(many);
    honest.send("GET /get?honest HTTP/1.1\r\nHost: a\r\n\r\n");
  });
  EXPECT_EQ(hear(honest).body, "got honest");
  for (Wire& wire : greedy) {
    for (int i = 0; i < kPipelined; ++i)
      ASSERT_EQ(hear(wire).body, "got ");
  }
  // One turn of each before it, and some that had another while it was read; not all eight hundred.
  EXPECT_LE(fixture.place_of("honest") - before, 3 * kGreedy * kInARow);
  EXPECT_EQ(fixture.handled() - before, kGreedy * kPipelined + 1);
}

TEST(Server, OutlivesPeersThatGoAwayBeforeTheirAnswer) {
  ServerFixture fixture;
  for (int i = 0; i < 20; ++i) {
    Wire wire = fixture.connect();
    wire.send(post("/slow", "Content-Length: 1\r\n", "x"));
    ASSERT_TRUE(fixture.eventually([&] { return fixture.waiting() == static_cast<std::size_t>(i) + 1; }));
    if (i % 2 == 0) wire.reset();
  }
  fixture.release();
  fixture.expect_well();
  EXPECT_TRUE(fixture.eventually([&] { return fixture.connections() == 0; }));
}

TEST(Server, GivesUpOnAPeerThatDoesNotRead) {
  ServerOptions options = ServerFixture::patient();
  options.write_timeout = milliseconds(300);
  ServerFixture fixture(options);
  Wire lazy = fixture.connect();
  lazy.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_TRUE(fixture.eventually([&] { return fixture.handled() == 1 && fixture.connections() == 0; }));
  const std::string got = lazy.rest();
  EXPECT_LT(got.size(), 8U << 20U);
}

TEST(Server, SendsAnAnswerThatIsLargerThanItsBuffers) {
  ServerFixture fixture;
  Wire eager = fixture.connect();
  eager.send("GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(hear(eager).body.size(), 8U << 20U);
}

TEST(Server, LetsTheLongestIdleConnectionGoForANewOne) {
  ServerOptions options = ServerFixture::patient();
  options.connections_max = 2;
  ServerFixture fixture(options);
  Wire a = fixture.connect();
  a.send(sized("a"));
  EXPECT_EQ(hear(a).body, "a");
  Wire b = fixture.connect();
  b.send(sized("b"));
  EXPECT_EQ(hear(b).body, "b");
  Wire c = fixture.connect();
  EXPECT_TRUE(a.closed());
  c.send(sized("c"));
  EXPECT_EQ(hear(c).body, "c");
  b.send(sized("b again"));
  EXPECT_EQ(hear(b).body, "b again");
}

TEST(Server, ServesHonestSendersWhileSilentAndSlowOnesFillIt) {
  ServerOptions options = ServerFixture::patient();
  options.connections_max = 10;
  ServerFixture fixture(options);
  std::vector<Wire> strangers;
  const std::string whole = sized("never sent whole");
  const std::string_view begins[] = {"", "POST /ec", std::string_view(whole).substr(0, whole.size() - 3)};
  for (std::size_t i = 0; i < 40; ++i) {
    strangers.push_back(fixture.connect());
    strangers.back().send(begins[i % 3]);
    if (i % 4 == 3) fixture.expect_well();
  }
  EXPECT_TRUE(fixture.eventually([&] { return fixture.connections() <= 10U; }));
  // Whoever had begun is told why it had to go.
  EXPECT_TRUE(strangers[0].closed());
  EXPECT_EQ(hear(strangers[1]).status, 503);
  EXPECT_EQ(hear(strangers[2]).status, 503);
  EXPECT_GT(fixture.let_go("silent") + fixture.let_go("head") + fixture.let_go("body"), 20);
}

TEST(Server, AnswersProbesWhileAllItsConnectionsAreBeingAnswered) {
  ServerOptions options = ServerFixture::patient();
  options.connections_max = 3;
  ServerFixture fixture(options);
  std::vector<Wire> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(fixture.connect());
    busy.back().send(post("/slow", "Content-Length: 2\r\n", "{}"));
  }
  ASSERT_TRUE(fixture.eventually([&] { return fixture.waiting() == 3; }));
  Wire probe = fixture.connect();
  probe.send("GET /get HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(hear(probe).status, 200);
  Wire late = fixture.connect();
  late.send(sized("late"));
  EXPECT_EQ(hear(late).status, 503);
  fixture.release();
  for (Wire& wire : busy)
    EXPECT_EQ(hear(wire).status, 200);
  fixture.expect_well();
}

TEST(Server, RefusesTheOldestUnfinishedRequestsWhenTheirBytesAreTooMany) {
  ServerOptions options = ServerFixture::patient();
  options.bytes_max = 256U << 10U;  // some 4 KiB of it each connection takes, whatever it sends
  ServerFixture fixture(options);
  std::vector<Wire> strangers;
  const std::string body(1000, 'x');
  for (int i = 0; i < 50; ++i) {
    strangers.push_back(fixture.connect());
    strangers.back().send(post("/echo", "Content-Length: 1001\r\n", body));
    if (i % 5 == 4) fixture.expect_well();
  }
  EXPECT_TRUE(fixture.eventually([&] { return fixture.let_go("memory") > 5; }));
  EXPECT_EQ(hear(strangers[0]).status, 503);
  strangers.back().send("y");  // the newest have room
  EXPECT_EQ(hear(strangers.back()).body, body + "y");
}

TEST(Server, BoundsTheBytesOfManyHeadsToo) {
  ServerOptions options = ServerFixture::patient();
  options.bytes_max = 256U << 10U;
  ServerFixture fixture(options);
  std::vector<Wire> strangers;
  std::string head = "GET /get HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 1500; ++i)
    head += "a:\r\n";
  for (int i = 0; i < 12; ++i) {
    strangers.push_back(fixture.connect());
    strangers.back().send(head);
    fixture.expect_well();
  }
  EXPECT_TRUE(fixture.eventually([&] { return fixture.let_go("memory") > 3; }));
  EXPECT_EQ(hear(strangers[0]).status, 503);
}

TEST(Server, KeepsASilentConnectionNoLongerThanItsFirstRequestMayTake) {
  ServerOptions options = ServerFixture::patient();
  options.idle_timeout = milliseconds(100);
  ServerFixture fixture(options);
  Wire silent = fixture.connect();
  EXPECT_TRUE(silent.closed());
}

TEST(Server, HoldsManyConnections) {
  ServerFixture fixture;
  std::vector<Wire> wires;
  for (int i = 0; i < 400; ++i)
    wires.push_back(fixture.connect());
  for (Wire& wire : wires)
    wire.send(sized("x"));
  for (Wire& wire : wires)
    EXPECT_EQ(hear(wire).body, "x");
  EXPECT_EQ(fixture.connections(), 400U);
}

TEST(Server, GoesOnAfterRunningOutOfDescriptors) {
  ServerFixture fixture;
  Wire wire = fixture.connect();
  wire.send(post("/slow", "Content-Length: 2\r\n", "{}"));
  ASSERT_TRUE(fixture.eventually([&] { return fixture.waiting() == 1; }));
  // UBSan opens a pipe when it first sees a class; what logging needs must be known to it by now.
  log::warn("descriptors run out now, on purpose", {{"why", "a test"}});
  rlimit old{};
  getrlimit(RLIMIT_NOFILE, &old);
  Wire waiting(socket(AF_INET, SOCK_STREAM, 0));
  rlimit none = old;
  none.rlim_cur = static_cast<rlim_t>(waiting.fd()) + 1;  // nothing can be opened any more
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(fixture.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(waiting.fd(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  waiting.send(sized("waited"));
  EXPECT_TRUE(waiting.quiet_for(150)) << "nobody can go for it";
  fixture.release();
  EXPECT_EQ(hear(wire).body, "{}");
  EXPECT_EQ(hear(waiting).body, "waited") << "the other idled, and went";
  EXPECT_TRUE(wire.closed());
  setrlimit(RLIMIT_NOFILE, &old);
}

TEST(Server, ClosesWithGrace) {
  ServerFixture fixture;
  Wire idle = fixture.connect();
  idle.send(sized("1"));
  EXPECT_EQ(hear(idle).body, "1");
  Wire fresh = fixture.connect();
  Wire asking = fixture.connect();
  asking.send(post("/slow", "Content-Length: 1\r\n", "2"));
  Wire halfway = fixture.connect();
  halfway.send(sized("1234").substr(0, 85));
  ASSERT_TRUE(fixture.eventually([&] { return fixture.waiting() == 1 && fixture.connections() == 4; }));
  ASSERT_TRUE(fixture.eventually([&] { return true; }));
  std::this_thread::sleep_for(milliseconds(30));

  auto closing = std::async(std::launch::async, [&] { return fixture.close(seconds(5)); });
  EXPECT_TRUE(idle.closed());
  EXPECT_TRUE(fresh.closed());
  halfway.send(sized("1234").substr(85));
  const Heard last = hear(halfway);
  EXPECT_EQ(last.body, "1234");
  EXPECT_NE(last.head.find("Connection: close"), std::string::npos) << last.head;
  fixture.release();
  EXPECT_EQ(hear(asking).body, "2");
  EXPECT_TRUE(asking.closed());
  EXPECT_TRUE(closing.get());
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(fixture.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(fd);
}

TEST(Server, ClosesByForceWhenTheTimeIsOver) {
  ServerFixture fixture;
  Wire asking = fixture.connect();
  asking.send(post("/slow", "Content-Length: 1\r\n", "2"));
  ASSERT_TRUE(fixture.eventually([&] { return fixture.waiting() == 1; }));
  EXPECT_FALSE(fixture.close(milliseconds(50)));
  EXPECT_TRUE(asking.closed());
}

TEST(Server, ListensWhereItIsTold) {
  struct Place {
    const char* listen;
    bool good;
  };
  for (const Place& place :
       {Place{"127.0.0.1:0", true}, Place{"localhost:0", true}, Place{"0.0.0.0:0", true}, Place{":0", true},
        Place{"*:0", true}, Place{"127.0.0.1", false}, Place{"127.0.0.1:x", false},
        Place{"127.0.0.1:70000", false}, Place{"::1:0", false}, Place{"[::1:0", false},
        Place{"no.such.host.invalid:0", false}, Place{"192.0.2.1:0", false}}) {
    LoopThread thread;
    thread.call_void([&] {
      Handler handler;
      handler.head = [](const HttpRequest&, bool) -> HeadVerdict { return ReadBody{}; };
      handler.too_large = [](const HttpRequest&) { return answer(413, ""); };
      handler.handle = [](HttpRequest) -> rt::Task<HttpResponse> { co_return answer(200, ""); };
      handler.broken = [](int status, std::string) { return answer(status, ""); };
      ServerOptions options;
      options.listen = place.listen;
      auto server = Server::listen(thread.loop(), options, handler);
      EXPECT_EQ(server.has_value(), place.good) << place.listen;
      EXPECT_TRUE(!server || (*server)->port() > 0);
    });
  }
}

TEST(Server, RefusesAPortThatIsTaken) {
  ServerFixture fixture;
  LoopThread thread;
  thread.call_void([&] {
    Handler handler;
    handler.head = [](const HttpRequest&, bool) -> HeadVerdict { return ReadBody{}; };
    handler.too_large = [](const HttpRequest&) { return answer(413, ""); };
    handler.handle = [](HttpRequest) -> rt::Task<HttpResponse> { co_return answer(200, ""); };
    handler.broken = [](int status, std::string) { return answer(status, ""); };
    ServerOptions options;
    options.listen = "127.0.0.1:" + std::to_string(fixture.port());
    const auto server = Server::listen(thread.loop(), options, handler);
    ASSERT_FALSE(server);
    EXPECT_NE(server.error().message.find("in use"), std::string::npos) << server.error().message;
  });
}

}  // namespace
}  // namespace postlude::http
