#include <gtest/gtest.h>

#include "connector/target.h"

namespace postlude::connector {
namespace {

Target target(const std::string& none = "") {
  Target out;
  out.proxies = std::make_shared<const Proxies>(Proxies{"http://plain:3128", "http://safe:3128", none});
  return out;
}

TEST(Proxy, by_the_scheme_of_the_url) {
  EXPECT_EQ(proxy_for(target(), "http://jira.example/x"), "http://plain:3128");
  EXPECT_EQ(proxy_for(target(), "https://jira.example"), "http://safe:3128");
  EXPECT_EQ(proxy_for(Target(), "https://jira.example"), "");
}

TEST(Proxy, the_targets_own_goes_before) {
  Target own = target("*");
  own.proxy = "http://own:1";
  EXPECT_EQ(proxy_for(own, "https://jira.example"), "http://own:1");
  own.proxy.clear();
  own.without_proxy = true;
  EXPECT_EQ(proxy_for(own, "https://jira.example"), "");
}

TEST(Proxy, never_for_what_is_near) {
  for (const char* url : {"http://127.0.0.1:8080", "http://127.9.9.9", "https://localhost", "http://[::1]:80",
                          "http://a.localhost", "https://jira.tools.svc",
                          "https://jira.tools.svc.cluster.local:8443", "https://kubernetes.default"})
    EXPECT_EQ(proxy_for(target(), url), "") << url;
  for (const char* url :
       {"http://svc.example", "http://localhost.example", "http://128.0.0.1", "http://mysvc"})
    EXPECT_NE(proxy_for(target(), url), "") << url;
}

TEST(Proxy, no_proxy) {
  struct Case {
    const char* none;
    const char* url;
    bool proxied;
  };
  const Case cases[] = {
      {"example.com", "https://example.com", false},
      {"example.com", "https://a.example.com", false},
      {"example.com", "https://notexample.com", true},
      {".example.com", "https://a.example.com/x", false},
      {"*.example.com", "https://a.example.com/x", false},
      {" a , Example.com ", "https://EXAMPLE.com", false},
      {"a b", "https://b", false},
      {"*", "https://a", false},
      {"a:8443", "https://a:8443", false},
      {"a:8443", "https://a", true},
      {"a:443", "https://a", false},
      {"10.0.0.0/8", "http://10.200.0.1", false},
      {"10.0.0.0/8", "http://11.0.0.1", true},
      {"10.0.0.0/8", "http://a10.example", true},
      {"192.168.1.7", "http://192.168.1.7:80", false},
      {"fd00::/8", "http://[fd00::1]", false},
      {"::1/200,nonsense/,/8", "http://a", true},
      {"", "http://a", true},
  };
  for (const Case& c : cases)
    EXPECT_EQ(!proxy_for(target(c.none), c.url).empty(), c.proxied) << c.none << " " << c.url;
}

TEST(Proxy, a_scheme_may_be_left_out) {
  EXPECT_EQ(proxy_url("proxy:3128"), "http://proxy:3128");
  EXPECT_EQ(proxy_url("socks5://proxy"), "socks5://proxy");
  EXPECT_EQ(proxy_url(" "), "");
}

}  // namespace
}  // namespace postlude::connector
