#include "unit/http/server_fixture.h"

namespace postlude::http {
namespace {

struct Case {
  const char* name;
  std::string bytes;
  std::vector<int> statuses;  // all answers, in order
  bool closes = false;        // the server ends the connection then; else it answers another request on it
  std::string body_has = "";  // in the last answer
};

std::vector<Case> requests() {
  const std::string h = "Host: a\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  std::vector<Case> cases = {
      {"body of a length", sized("{\"a\":1}"), {200}, false, "{\"a\":1}"},
      {"empty body", sized(""), {200}},
      {"no length at all", "POST /echo HTTP/1.1\r\n" + h + json + "\r\n", {200}},
      {"lower-case header names",
       "POST /echo HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
       {200},
       false,
       "[]"},
      {"upper-case header names",
       "POST /echo HTTP/1.1\r\nHOST: a\r\nCONTENT-TYPE: application/json\r\nCONTENT-LENGTH: 2\r\n\r\n[]",
       {200},
       false,
       "[]"},
      {"spaces around values",
       "POST /echo HTTP/1.1\r\nHost:   a  \r\nContent-Type:\tapplication/json \r\nContent-Length:  "
       "2\t\r\n\r\n[]",
       {200},
       false,
       "[]"},
      {"no space after the colon",
       "POST /echo HTTP/1.1\r\nHost:a\r\nContent-Type:application/json\r\nContent-Length:2\r\n\r\n[]",
       {200},
       false,
       "[]"},
      {"empty lines before", "\r\n\r\n" + sized("[]"), {200}, false, "[]"},
      {"one chunk", chunked("2\r\n[]\r\n0\r\n\r\n"), {200}, false, "[]"},
      {"many chunks", chunked("1\r\n[\r\n3\r\n1,2\r\n001\r\n]\r\n0\r\n\r\n"), {200}, false, "[1,2]"},
      {"hexadecimal chunk sizes",
       chunked("A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n"),
       {200},
       false,
       "01234567890123456789"},
      {"chunk extension", chunked("2;name=value\r\n[]\r\n0;last\r\n\r\n"), {200}, false, "[]"},
      {"trailers", chunked("2\r\n[]\r\n0\r\nX-Checksum: 1\r\n\r\n"), {200}, false, "[]"},
      {"Chunked in another case",
       post("/echo", "Transfer-Encoding: Chunked\r\n", "2\r\n[]\r\n0\r\n\r\n"),
       {200},
       false,
       "[]"},
      {"exactly as much as allowed", sized(std::string(1024, 'x')), {200}, false, std::string(1024, 'x')},
      {"exactly as much as allowed, chunked",
       chunked("400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n"),
       {200}},
      {"absolute target",
       "POST http://a:80/echo HTTP/1.1\r\n" + h + json + "Content-Length: 2\r\n\r\n[]",
       {200},
       false,
       "[]"},
      {"absolute target with query",
       "GET HTTPS://a/get?x=1 HTTP/1.1\r\n" + h + "\r\n",
       {200},
       false,
       "got x=1"},
      {"absolute target without path",
       "GET http://a HTTP/1.1\r\n" + h + "\r\n",
       {404},
       false,
       "no such path: /"},
      {"absolute target, only a query",
       "GET http://a?q HTTP/1.1\r\n" + h + "\r\n",
       {404},
       false,
       "no such path: /?q"},
      {"a URL inside the path is a path",
       "GET /http://a/get HTTP/1.1\r\n" + h + "\r\n",
       {404},
       false,
       "/http://a/get"},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\n" + h + "\r\n", {404}, false, "no such path: *"},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" + h + "\r\n", {404}},
      {"unknown method", "BREW /get HTTP/1.1\r\n" + h + "\r\n", {405}},
      {"method in lower case", "get /get HTTP/1.1\r\n" + h + "\r\n", {405}},
      {"204 has no body", "GET /none HTTP/1.1\r\n" + h + "\r\n", {204}},
      {"connection close", "GET /get HTTP/1.1\r\n" + h + "Connection: close\r\n\r\n", {200}, true},
      {"connection Close, x", "GET /get HTTP/1.1\r\n" + h + "Connection: x, Close\r\n\r\n", {200}, true},
      {"HTTP/1.0 closes", "GET /get HTTP/1.0\r\n\r\n", {200}, true, "got"},
      {"HTTP/1.0 keeps alive when asked", "GET /get HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", {200}},
      {"HTTP/1.0 with a body",
       "POST /echo HTTP/1.0\r\n" + json + "Content-Length: 2\r\n\r\n[]",
       {200},
       true,
       "[]"},
      {"h2c upgrade is ignored",
       "GET /get HTTP/1.1\r\n" + h +
           "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
       {200}},
      {"an expectation we do not know", post("/echo", "Expect: more\r\nContent-Length: 2\r\n", "[]"), {200}},
      {"two pipelined", sized("1") + sized("2"), {200, 200}, false, "2"},
      {"pipelined, good and refused",
       sized("1") + "GET /nowhere HTTP/1.1\r\n" + h + "\r\n" + sized("3"),
       {200, 404, 200},
       false,
       "3"},
      {"pipelined after a refused body",
       post("/nowhere", "Content-Length: 5\r\n", "12345") + sized("2"),
       {404, 200},
       false,
       "2"},
      {"pipelined after a refused chunked body",
       post("/nowhere", "Transfer-Encoding: chunked\r\n", "2\r\n[]\r\n0\r\n\r\n") + sized("2"),
       {404, 200},
       false,
       "2"},
      {"pipelined, the second broken", sized("1") + "nonsense\r\n\r\n", {200, 400}, true},
      {"pipelined behind a close",
       "GET /get HTTP/1.1\r\n" + h + "Connection: close\r\n\r\n" + sized("2"),
       {200},
       true},
      {"unknown path", post("/nowhere", "Content-Length: 2\r\n", "[]"), {404}},
      {"wrong method", "GET /echo HTTP/1.1\r\n" + h + "\r\n", {405}},
      {"wrong content type",
       "POST /echo HTTP/1.1\r\n" + h + "Content-Type: text/xml\r\nContent-Length: 2\r\n\r\n<>",
       {415}},
      {"missing content type", "POST /echo HTTP/1.1\r\n" + h + "Content-Length: 2\r\n\r\n{}", {415}},
      {"body too large", sized(std::string(1025, 'x')), {413}},
      {"chunked body too large", chunked("401\r\n" + std::string(1025, 'x') + "\r\n0\r\n\r\n"), {413}},
      {"chunked body too large in small pieces",
       chunked([] {
         std::string s;
         for (int i = 0; i < 300; ++i)
           s += "4\r\nabcd\r\n";
         return s + "0\r\n\r\n";
       }()),
       {413}},
      {"404 before 413", post("/nowhere", "Content-Length: 5000\r\n", std::string(5000, 'x')), {404}},
      {"415 before 413",
       "POST /echo HTTP/1.1\r\n" + h + "Content-Length: 5000\r\n\r\n" + std::string(5000, 'x'),
       {415}},
      {"431",
       post("/echo", "X: " + std::string(17000, 'x') + "\r\nContent-Length: 2\r\n", "[]"),
       {431},
       true,
       "large headers"},
      {"431 by many small headers",
       post(
           "/echo",
           [] {
             std::string s;
             for (int i = 0; i < 2000; ++i)
               s += "X: 1234567\r\n";
             return s;
           }(),
           ""),
       {431},
       true},
      {"404 before 431", post("/nowhere", "X: " + std::string(17000, 'x') + "\r\n", ""), {404}, true},
      {"405 before 431",
       "GET /echo HTTP/1.1\r\n" + h + "X: " + std::string(17000, 'x') + "\r\n\r\n",
       {405},
       true},
      {"request line too long",
       "GET /get?" + std::string(17000, 'x') + " HTTP/1.1\r\n" + h + "\r\n",
       {431},
       true,
       "request line"},
      {"headers without end", "POST /echo HTTP/1.1\r\n" + h + "X: " + std::string(40000, 'x'), {431}, true},
      {"headers just within",
       "GET /get HTTP/1.1\r\n" + h + "X: " + std::string(16000, 'x') + "\r\n\r\n",
       {200}},
  };
  return cases;
}

std::vector<Case> broken_requests() {
  const std::string h = "Host: a\r\n";
  const std::string json = "Content-Type: application/json\r\n";
  std::vector<Case> cases = {
      {"nonsense", "nonsense\r\n\r\n", {400}, true},
      {"a TLS hello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 15), {400}, true},
      {"HTTP/0.9", "GET /get\r\n\r\n", {400}, true},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", {400}, true},
      {"HTTP/1.2", "GET /get HTTP/1.2\r\n" + h + "\r\n", {400}, true},
      {"version in lower case", "GET /get http/1.1\r\n" + h + "\r\n", {400}, true},
      {"two spaces", "GET  /get HTTP/1.1\r\n" + h + "\r\n", {400}, true},
      {"space in the target", "GET /get me HTTP/1.1\r\n" + h + "\r\n", {400}, true},
      {"NUL in the target", std::string("GET /g\0t HTTP/1.1\r\nHost: a\r\n\r\n", 30), {400}, true},
      {"NUL in a header name",
       std::string("GET /get HTTP/1.1\r\nHost: a\r\nX\0Y: 1\r\n\r\n", 38),
       {400},
       true},
      {"NUL in a header value",
       std::string("GET /get HTTP/1.1\r\nHost: a\r\nX: 1\0"
                   "2\r\n\r\n",
                   38),
       {400},
       true},
      {"control character in a value", "GET /get HTTP/1.1\r\n" + h + "X: a\x01z\r\n\r\n", {400}, true},
      {"header without colon", "GET /get HTTP/1.1\r\n" + h + "nonsense\r\n\r\n", {400}, true},
      {"space before the colon", "GET /get HTTP/1.1\r\n" + h + "X : 1\r\n\r\n", {400}, true},
      {"header without name", "GET /get HTTP/1.1\r\n" + h + ": 1\r\n\r\n", {400}, true},
      {"bare line feeds", "GET /get HTTP/1.1\nHost: a\n\n", {400}, true},
      {"bare carriage return in a value", "GET /get HTTP/1.1\r\n" + h + "X: a\rb\r\n\r\n", {400}, true},
      {"no Host", "GET /get HTTP/1.1\r\n\r\n", {400}, true, "no Host"},
      {"two Hosts", "GET /get HTTP/1.1\r\n" + h + h + "\r\n", {400}, true, "more than one Host"},
      {"both lengths",
       "POST /echo HTTP/1.1\r\n" + h + json +
           "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
       {400},
       true},
      {"both lengths, the other way",
       "POST /echo HTTP/1.1\r\n" + h + json +
           "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n[]\r\n0\r\n\r\n",
       {400},
       true},
      {"two different lengths",
       post("/echo", "Content-Length: 2\r\nContent-Length: 3\r\n", "[]"),
       {400},
       true},
      {"a list of different lengths", post("/echo", "Content-Length: 2, 3\r\n", "[]"), {400}, true},
      {"negative length", post("/echo", "Content-Length: -2\r\n", "[]"), {400}, true},
      {"length with a plus", post("/echo", "Content-Length: +2\r\n", "[]"), {400}, true},
      {"length that is no number", post("/echo", "Content-Length: two\r\n", "[]"), {400}, true},
      {"length in hexadecimal", post("/echo", "Content-Length: 0x2\r\n", "[]"), {400}, true},
      {"length beyond 64 bits",
       post("/echo", "Content-Length: 99999999999999999999999\r\n", "[]"),
       {400},
       true},
      {"empty length", post("/echo", "Content-Length:\r\n", "[]"), {400}, true},
      {"gzip as transfer encoding", post("/echo", "Transfer-Encoding: gzip\r\n", "[]"), {400}, true},
      {"gzip, chunked",
       post("/echo", "Transfer-Encoding: gzip, chunked\r\n", "2\r\n[]\r\n0\r\n\r\n"),
       {400},
       true},
      {"chunked twice",
       post("/echo", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
       {400},
       true},
      {"chunked, then identity",
       post("/echo", "Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
       {400},
       true},
      {"chunked in HTTP/1.0",
       "POST /echo HTTP/1.0\r\n" + json + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       {400},
       true},
      {"chunk size that is no number", chunked("zz\r\n[]\r\n0\r\n\r\n"), {400}, true},
      {"negative chunk size", chunked("-2\r\n[]\r\n0\r\n\r\n"), {400}, true},
      {"empty chunk size", chunked("\r\n[]\r\n0\r\n\r\n"), {400}, true},
      {"chunk size beyond 64 bits", chunked("11111111111111111\r\n[]\r\n0\r\n\r\n"), {400}, true},
      {"chunk longer than said", chunked("2\r\n[1]\r\n0\r\n\r\n"), {400}, true},
      {"chunk size with 0x", chunked("0x2\r\n[]\r\n0\r\n\r\n"), {400}, true},
      {"chunk extension without end", chunked("2;" + std::string(70000, 'x')), {400}, true},
      {"bad trailer", chunked("2\r\n[]\r\n0\r\nno colon\r\n\r\n"), {400}, true},
  };
  return cases;
}

std::vector<Case> unfinished_heads() {
  const std::string h = "Host: a\r\n";
  return {
      {"slow request line", "GET /ge", {408}, true, "headers"},
      {"slow headers", "GET /get HTTP/1.1\r\n" + h, {408}, true, "headers"},
  };
}

std::vector<Case> unfinished_bodies() {
  return {
      {"slow body", post("/echo", "Content-Length: 10\r\n", "12345"), {408}, true, "body"},
      {"slow chunk", chunked("5\r\n12"), {408}, true, "body"},
      {"slow chunk size", chunked("5"), {408}, true, "body"},
      {"chunked body without last chunk", chunked("2\r\n[]\r\n"), {408}, true, "body"},
  };
}

std::vector<Case> silence() {
  return {{"nothing at all", "", {}, true}, {"only empty lines", "\r\n\r\n\r\n", {}, true}};
}

void expect_answers(ServerFixture& fixture, const Case& c, bool byte_by_byte) {
  SCOPED_TRACE(c.name);
  Wire wire = fixture.connect();
  if (byte_by_byte) {
    const int on = 1;
    setsockopt(wire.fd(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof(on));
    for (const char& byte : c.bytes) {
      if (!wire.send({&byte, 1})) break;
    }
  } else {
    wire.send(c.bytes);
  }
  Heard last;
  for (const int status : c.statuses) {
    last = hear(wire);
    EXPECT_EQ(last.status, status) << last.head << last.body;
  }
  EXPECT_NE(last.body.find(c.body_has), std::string::npos) << last.body;
  EXPECT_EQ(last.head.find("Connection: close") != std::string::npos, c.closes && !c.statuses.empty())
      << last.head;
  if (c.closes) {
    EXPECT_TRUE(wire.closed());
  } else {
    wire.send(sized("again"));
    EXPECT_EQ(hear(wire).body, "again");
  }
}

TEST(Server, AnswersGoodAndRefusedRequests) {
  ServerFixture fixture;
  for (const Case& c : requests())
    expect_answers(fixture, c, false);
  fixture.expect_well();
}

TEST(Server, AnswersTheSameWhenBytesComeSingly) {
  ServerFixture fixture;
  for (const Case& c : requests()) {
    if (c.bytes.size() < 500) expect_answers(fixture, c, true);
  }
}

void expect_refusals(const std::vector<Case>& cases, const ServerOptions& options) {
  ServerFixture fixture(options);
  for (const Case& c : cases) {
    expect_answers(fixture, c, false);
    fixture.expect_well();
  }
}

TEST(Server, RefusesBrokenRequestsAndGoesOn) {
  expect_refusals(broken_requests(), ServerFixture::patient());
}

TEST(Server, GivesUpOnRequestsWithoutEnd) {
  ServerOptions options = ServerFixture::patient();
  options.header_timeout = milliseconds(400);
  expect_refusals(unfinished_heads(), options);
  options = ServerFixture::patient();
  options.body_timeout = milliseconds(400);
  expect_refusals(unfinished_bodies(), options);
  options = ServerFixture::patient();
  options.idle_timeout = milliseconds(400);
  expect_refusals(silence(), options);
}

}  // namespace
}  // namespace postlude::http
