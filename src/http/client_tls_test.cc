// TLS and proxies.

#include <fstream>

#include "unit/http/client_fixture.h"

namespace postlude::http {
namespace {

struct Tls : testing::Test {
  Authority authority{"known"};
  Authority stranger{"unknown"};
  ClientFixture client;

  Result<HttpResponse> ask(std::uint16_t port, Peer peer, const std::string& host = "127.0.0.1") {
    HttpRequest request;
    request.method = "POST";
    request.body = "x";
    request.target = "https://" + host + ":" + std::to_string(port) + "/x?token=secret";
    peer.timeout = seconds(5);
    return client.send(request, peer);
  }
  Peer knowing() const {
    Peer peer;
    peer.ca_file = authority.file();
    return peer;
  }
};

void serve(Playhouse& house, Peering& peering) {
  if (peering.handshake(house.context())) house.serve(peering);
}

TEST_F(Tls, VerifiesTheServer) {
  struct Case {
    const char* name;
    Identity identity;
    Peer peer;
    bool good;
    const char* words;
  };
  Peer unverified;
  unverified.verify = false;
  const Peer strange = [&] {
    Peer peer;
    peer.ca_file = stranger.file();
    return peer;
  }();
  for (const Case& c : {
           Case{"good", authority.issue("good", "IP:127.0.0.1"), knowing(), true, ""},
           Case{"wrong host", authority.issue("wrong", "DNS:example.com,IP:127.0.0.2"), knowing(), false,
                "match"},
           Case{"only a common name", authority.issue("127.0.0.1", ""), knowing(), true, ""},
           Case{"expired", authority.issue("expired", "IP:127.0.0.1", -10, -2), knowing(), false, "expired"},
           Case{"not yet valid", authority.issue("early", "IP:127.0.0.1", 2, 10), knowing(), false,
                "not yet valid"},
           Case{"another authority", authority.issue("other", "IP:127.0.0.1"), strange, false, "certificate"},
           Case{"the system's authorities", authority.issue("system", "IP:127.0.0.1"), Peer(), false,
                "certificate"},
           Case{"unverified", stranger.issue("any", "DNS:example.com"), unverified, true, ""},
       }) {
    Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &c.identity);
    SCOPED_TRACE(c.name);
    const auto result = ask(house.port(), c.peer);
    if (c.good) {
      EXPECT_EQ(shown(result), "200 fine");
    } else {
      ASSERT_FALSE(result) << shown(result);
      EXPECT_EQ(result.error().code, Code::kUnavailable) << shown(result);
      EXPECT_NE(result.error().message.find(c.words), std::string::npos) << shown(result);
      EXPECT_EQ(result.error().message.find("secret"), std::string::npos) << shown(result);
      EXPECT_TRUE(house.requests().empty());
    }
  }
}

TEST_F(Tls, VerifiesAHostsName) {
  const Identity identity = authority.issue("named", "DNS:localhost");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity);
  EXPECT_EQ(shown(ask(house.port(), knowing(), "localhost")), "200 fine");
  EXPECT_EQ(code_of(ask(house.port(), knowing())), static_cast<int>(Code::kUnavailable));
}

TEST_F(Tls, RefusesOldVersions) {
  const Identity identity = authority.issue("old", "IP:127.0.0.1");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity);
  SSL_CTX_set_min_proto_version(house.context(), TLS1_1_VERSION);
  SSL_CTX_set_max_proto_version(house.context(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(house.context(), "ALL:@SECLEVEL=0");
  EXPECT_EQ(code_of(ask(house.port(), knowing())), static_cast<int>(Code::kUnavailable));
}

TEST_F(Tls, ShowsItsCertificate) {
  const Identity identity = authority.issue("server", "IP:127.0.0.1");
  const Identity own = authority.issue("client", "");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity, authority.file());
  // A server of TLS 1.3 refuses a client's certificate only after the client has sent its request; of 1.2,
  // before.
  SSL_CTX_set_max_proto_version(house.context(), TLS1_2_VERSION);
  EXPECT_EQ(code_of(ask(house.port(), knowing())), static_cast<int>(Code::kUnavailable));
  Peer peer = knowing();
  peer.cert_file = own.cert_file;
  peer.key_file = own.key_file;
  EXPECT_EQ(shown(ask(house.port(), peer)), "200 fine");
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_F(Tls, TakesCertificatesAsTexts) {
  const Identity identity = authority.issue("server", "IP:127.0.0.1");
  const Identity own = authority.issue("client", "");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity, authority.file());
  SSL_CTX_set_max_proto_version(house.context(), TLS1_2_VERSION);
  Peer peer;
  peer.ca_file = stranger.file();  // the text goes before it
  peer.ca_pem = text_of(authority.file());
  EXPECT_EQ(code_of(ask(house.port(), peer)), static_cast<int>(Code::kUnavailable));
  peer.cert_pem = text_of(own.cert_file);
  peer.key_pem = text_of(own.key_file);
  EXPECT_EQ(shown(ask(house.port(), peer)), "200 fine");
  peer.ca_pem = text_of(stranger.file());
  EXPECT_EQ(code_of(ask(house.port(), peer)), static_cast<int>(Code::kUnavailable));
}

TEST_F(Tls, CallsUnusableFilesInvalid) {
  const Identity identity = authority.issue("files", "IP:127.0.0.1");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity);
  Peer no_ca = knowing();
  no_ca.ca_file = "/nowhere/ca.pem";
  EXPECT_EQ(code_of(ask(house.port(), no_ca)), static_cast<int>(Code::kInvalid));
  Peer no_cert = knowing();
  no_cert.cert_file = no_cert.key_file = "/nowhere/client.pem";
  EXPECT_EQ(code_of(ask(house.port(), no_cert)), static_cast<int>(Code::kInvalid));
  EXPECT_TRUE(house.requests().empty());
}

// A proxy: tunnels CONNECT to where it is told, passes on plain requests, or answers as `refusal` says.
class Proxy {
 public:
  explicit Proxy(std::string refusal = "", bool stalls = false)
      : refusal_(std::move(refusal)),
        stalls_(stalls),
        house_([this](Peering& peering, int) { play(peering); }) {}
  std::string url() const { return "http://user:password@127.0.0.1:" + std::to_string(house_.port()); }
  std::vector<std::string> requests() { return house_.requests(); }

 private:
  void play(Peering& peering) {
    const std::string request = peering.request();
    house_.saw(request);
    if (stalls_) return house_.stall(peering);
    if (!refusal_.empty()) {
      peering.write(refusal_);
      return;
    }
    if (!request.starts_with("CONNECT ")) {
      peering.write(whole_answer("from the proxy"));
      return;
    }
    const std::size_t colon = request.find(':');
    Wire there = Wire::to(static_cast<std::uint16_t>(std::stoul(request.substr(colon + 1))));
    peering.write("HTTP/1.1 200 Connection established\r\nX-Proxy: 1\r\n\r\n");
    while (!house_.ending()) {
      pollfd p[2] = {{peering.wire().fd(), POLLIN, 0}, {there.fd(), POLLIN, 0}};
      if (poll(p, 2, 20) <= 0) continue;
      if (p[0].revents != 0 && !pass(peering.wire(), there)) return;
      if (p[1].revents != 0 && !pass(there, peering.wire())) return;
    }
  }
  static bool pass(Wire& from, Wire& to) {
    const std::string bytes = from.some();
    return !bytes.empty() && to.send(bytes);
  }
  std::string refusal_;
  bool stalls_;
  Playhouse house_;
};

TEST_F(Tls, TunnelsThroughAProxy) {
  const Identity identity = authority.issue("behind", "IP:127.0.0.1");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity);
  Proxy proxy;
  Peer peer = knowing();
  peer.proxy = proxy.url();
  HttpRequest request = to(house.port(), "POST", "x", "https");
  request.headers.add("Authorization", "Bearer hidden");
  const auto result = client.send(request, peer);
  ASSERT_EQ(shown(result), "200 fine");
  EXPECT_EQ(result->headers.find("X-Proxy"), nullptr) << "the proxy's headers got into the answer";
  EXPECT_EQ(shown(client.send(request, peer)), "200 fine");
  const auto seen = proxy.requests();
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].starts_with("CONNECT 127.0.0.1:")) << seen[0];
  EXPECT_EQ(seen[0].find("hidden"), std::string::npos) << "the proxy was shown the credentials";
  EXPECT_NE(seen[0].find("Proxy-Authorization: Basic "), std::string::npos) << seen[0];
}

TEST_F(Tls, SendsPlainRequestsToTheProxy) {
  Proxy proxy;
  Peer peer;
  peer.proxy = proxy.url();
  HttpRequest request;
  request.method = "GET";
  request.target = "http://service.invalid/x";
  EXPECT_EQ(shown(client.send(request, peer)), "200 from the proxy");
  ASSERT_EQ(proxy.requests().size(), 1U);
  EXPECT_TRUE(proxy.requests()[0].starts_with("GET http://service.invalid/x HTTP/1.1\r\n"));
}

TEST_F(Tls, CallsAFailingProxyUnavailable) {
  const Identity identity = authority.issue("unreached", "IP:127.0.0.1");
  Playhouse house([&](Peering& peering, int) { serve(house, peering); }, &identity);
  for (const char* refusal :
       {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "nonsense\r\n\r\n", "HTTP/1.1 20"}) {
    Proxy proxy(refusal);
    Peer peer = knowing();
    peer.proxy = proxy.url();
    const auto result = ask(house.port(), peer);
    EXPECT_EQ(code_of(result), static_cast<int>(Code::kUnavailable)) << refusal << shown(result);
    EXPECT_EQ(shown(result).find("password"), std::string::npos);
  }
  Proxy stalling("", true);
  Peer peer = knowing();
  peer.proxy = stalling.url();
  peer.timeout = milliseconds(300);
  EXPECT_EQ(code_of(client.send(to(house.port(), "POST", "x", "https"), peer)),
            static_cast<int>(Code::kUnavailable));
  Peer gone = knowing();
  gone.proxy = "http://user:password@no-such-host.invalid:3128";
  const auto result = ask(house.port(), gone);
  EXPECT_EQ(code_of(result), static_cast<int>(Code::kUnavailable)) << shown(result);
  EXPECT_EQ(house.connections(), 0);
}

}  // namespace
}  // namespace postlude::http
