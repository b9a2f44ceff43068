#pragma once
// Transfer: what is alike in all uses of a libcurl handle, whatever the protocol. For this folder only.

#include <curl/curl.h>

#include <functional>
#include <string>

#include "http/client.h"

namespace postlude::http {

struct Transfer {
  Transfer(Peer peer_in, std::function<bool()> may_send_in)
      : peer(std::move(peer_in)), may_send(std::move(may_send_in)) {}
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  Peer peer;
  std::function<bool()> may_send;

  // Used by the thread that drives the handle.
  int handed_over = 0;  // how many times libcurl was about to send the request
  bool denied = false;  // by may_send
  bool address_refused = false;
  char error_text[CURL_ERROR_SIZE] = {};

 protected:
  ~Transfer() = default;
};

// Initializes libcurl, once.
void init_curl();
// Sets what is alike for all protocols: timeouts, TLS, proxy, the refusal of link-local and metadata
// addresses, and the question to may_send before the first byte.
void set_common(Transfer& transfer, CURL* easy, const ClientOptions& options);
// kInvalid: the URL is none, its scheme is not one of these two, or it names a refused address.
Status check_url(const Transfer& transfer, const std::string& url, std::string_view scheme,
                 std::string_view secure_scheme);
// The error of a transfer of which nothing was handed over.
Error not_sent(const Transfer& transfer, CURLcode code);
// libcurl's own words, unless they could hold a part of a URL that is a secret.
std::string words(const Transfer& transfer, CURLcode code);

}  // namespace postlude::http
