// Servers that close, reset or stall at every point of an exchange: what the client says of it, and that no
// request ever comes twice.

#include "unit/http/client_fixture.h"

namespace postlude::http {
namespace {

enum class Where {
  kBeforeReading,  // TLS, fresh: before the handshake
  kAfterHead,
  kMidRequestBody,
  kAfterRequest,
  kMidStatusLine,
  kAfterStatusLine,
  kMidHeaders,
  kAfterHeaders,
  kMidAnswerBody,
  kMidChunk,
  kBeforeLastChunk,
  kNowhere,
};
enum class How { kClose, kReset, kStall };

const char* name(Where where) {
  switch (where) {
    case Where::kBeforeReading:
      return "before reading";
    case Where::kAfterHead:
      return "after the head";
    case Where::kMidRequestBody:
      return "in the request's body";
    case Where::kAfterRequest:
      return "after the request";
    case Where::kMidStatusLine:
      return "in the status line";
    case Where::kAfterStatusLine:
      return "after the status line";
    case Where::kMidHeaders:
      return "in the headers";
    case Where::kAfterHeaders:
      return "after the headers";
    case Where::kMidAnswerBody:
      return "in the answer's body";
    case Where::kMidChunk:
      return "in a chunk";
    case Where::kBeforeLastChunk:
      return "before the last chunk";
    case Where::kNowhere:
      return "nowhere";
  }
  return "?";
}

std::string answer_up_to(Where where) {
  const std::string whole = whole_answer("0123456789");
  const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n";
  switch (where) {
    case Where::kMidStatusLine:
      return "HTTP/1.1 20";
    case Where::kAfterStatusLine:
      return "HTTP/1.1 200 OK\r\n";
    case Where::kMidHeaders:
      return "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Le";
    case Where::kAfterHeaders:
      return whole.substr(0, whole.size() - 10);
    case Where::kMidAnswerBody:
      return whole.substr(0, whole.size() - 5);
    case Where::kMidChunk:
      return chunked + "5\r\n01";
    case Where::kBeforeLastChunk:
      return chunked;
    case Where::kNowhere:
      return whole;
    case Where::kBeforeReading:
    case Where::kAfterHead:
    case Where::kMidRequestBody:
    case Where::kAfterRequest:
      break;
  }
  return "";
}

struct Scene {
  Where where;
  How how;
  std::string method;
  bool tls;
  bool reused;
};

class Cutting {
 public:
  Cutting(Scene scene, const Identity& identity)
      : scene_(std::move(scene)),
        house_([this](Peering& peering, int number) { play(peering, number); },
               scene_.tls ? &identity : nullptr) {}
  Playhouse& house() { return house_; }

 private:
  void play(Peering& peering, int number) {
    const bool cutting = number == 0;
    if (cutting && !scene_.reused && scene_.where == Where::kBeforeReading) return cut(peering);
    if (scene_.tls && !peering.handshake(house_.context())) return;
    if (!cutting) return house_.serve(peering);  // whoever comes a second time finds it working
    if (scene_.reused) {
      house_.saw(peering.request());
      peering.write(whole_answer());
      if (!house_.await_bytes(peering)) return;
      if (scene_.where == Where::kBeforeReading) return cut(peering);
    }
    std::size_t body = SIZE_MAX;
    if (scene_.where == Where::kAfterHead) body = 0;
    if (scene_.where == Where::kMidRequestBody) body = 1000;
    house_.saw(peering.request(body));
    const std::string answer = answer_up_to(scene_.where);
    if (!answer.empty()) peering.write(answer);
    if (scene_.where == Where::kNowhere) return house_.serve(peering);
    cut(peering);
  }

  void cut(Peering& peering) {
    if (scene_.how == How::kReset) peering.wire().reset();
    if (scene_.how == How::kStall) house_.stall(peering);
  }

  Scene scene_;
  Playhouse house_;
};

bool has_id(const std::string& request, const std::string& id) {
  return request.find("X-Id: " + id + "\r\n") != std::string::npos;
}

void play(ClientFixture& client, const Scene& scene, const Authority& authority, const Identity& identity) {
  SCOPED_TRACE(std::string(scene.tls ? "TLS, " : "plain, ") + (scene.reused ? "reused, " : "fresh, ") +
               scene.method +
               (scene.how == How::kClose   ? ", close "
                : scene.how == How::kReset ? ", reset "
                                           : ", stall ") +
               name(scene.where));
  Cutting server(scene, identity);
  Peer peer;
  peer.pool = "p" + std::to_string(server.house().port());
  peer.ca_file = authority.file();
  const std::string_view scheme = scene.tls ? "https" : "http";
  if (scene.reused) {
    HttpRequest first = to(server.house().port(), "GET", "", scheme);
    first.headers.add("X-Id", "first");
    ASSERT_EQ(code_of(client.send(first, peer)), 0);
  }
  const bool long_body = scene.where == Where::kMidRequestBody || scene.where == Where::kAfterHead;
  std::string body;
  if (scene.method == "POST") body = long_body ? std::string(6U << 20U, 'x') : "small";
  HttpRequest request = to(server.house().port(), scene.method, body, scheme);
  request.headers.add("X-Id", "second");
  peer.timeout = scene.how == How::kStall && scene.where != Where::kNowhere ? seconds(2) : seconds(20);
  const auto result = client.send(request, peer);

  if (scene.where == Where::kNowhere) {
    EXPECT_EQ(shown(result), "200 0123456789");
  } else if (scene.where == Where::kBeforeReading && scene.tls && !scene.reused) {
    EXPECT_EQ(code_of(result), static_cast<int>(Code::kUnavailable)) << shown(result);
  } else if (scene.where == Where::kBeforeReading && !scene.reused && scene.how == How::kReset) {
    // The reset may come before the request is handed over, or after.
    EXPECT_TRUE(code_of(result) == 6 || code_of(result) == 7) << shown(result);
  } else {
    EXPECT_EQ(code_of(result), static_cast<int>(Code::kUnknown)) << shown(result);
  }
  if (!result) {
    EXPECT_EQ(result.error().message.find("secret"), std::string::npos) << result.error().message;
    EXPECT_FALSE(result.error().message.empty());
  }
  int came = 0;
  for (const std::string& seen : server.house().requests())
    came += has_id(seen, "second") ? 1 : 0;
  EXPECT_LE(came, 1) << "the request came twice";
  if (result) {
    EXPECT_EQ(came, 1);
    EXPECT_EQ(server.house().connections(), 1) << "the connection was not reused";
  }
}

// Those that stall run all at once: each takes its whole time, which is long beside what has to come before.
void play_all(bool tls, bool reused) {
  Authority authority("cutting");
  const Identity identity = authority.issue("server", "IP:127.0.0.1");
  ClientFixture client;
  std::vector<std::future<void>> stalling;
  for (const How how : {How::kClose, How::kReset, How::kStall}) {
    for (int where = 0; where <= static_cast<int>(Where::kNowhere); ++where) {
      for (const char* method : {"GET", "POST", "DELETE"}) {
        const Where at = static_cast<Where>(where);
        const bool about_body = at == Where::kAfterHead || at == Where::kMidRequestBody;
        if (about_body && std::string_view(method) != "POST") continue;
        if (how == How::kStall && std::string_view(method) != "POST") continue;
        const Scene scene{at, how, method, tls, reused};
        if (how == How::kStall) {
          stalling.push_back(
              std::async(std::launch::async, [&, scene] { play(client, scene, authority, identity); }));
        } else {
          play(client, scene, authority, identity);
        }
      }
    }
  }
  for (auto& one : stalling)
    one.get();
}

TEST(ClientCut, PlainFresh) {
  play_all(false, false);
}
TEST(ClientCut, PlainReused) {
  play_all(false, true);
}
TEST(ClientCut, TlsFresh) {
  play_all(true, false);
}
TEST(ClientCut, TlsReused) {
  play_all(true, true);
}

}  // namespace
}  // namespace postlude::http
