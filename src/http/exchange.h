#pragma once
// Exchange: one request on one libcurl handle, and how it ended. For client.cc only.

#include <curl/curl.h>

#include <memory>
#include <optional>

#include "http/client.h"

namespace postlude::http {

struct Exchange {
  Exchange(HttpRequest request_in, Peer peer_in, std::function<bool()> may_send_in)
      : request(std::move(request_in)),
        peer(std::move(peer_in)),
        may_send(std::move(may_send_in)),
        done(std::in_place) {}

  HttpRequest request;
  Peer peer;
  std::function<bool()> may_send;

  // Used by the loop.
  std::optional<rt::Latch> done;

  // Used by the client thread until it hands the exchange back, then by the loop.
  std::optional<Result<HttpResponse>> result;

  // Used by the client thread.
  curl_slist* header_list = nullptr;
  HttpResponse response;
  std::size_t header_bytes = 0;
  int handed_over = 0;  // how many times libcurl was about to send the request
  bool denied = false;  // by may_send
  bool address_refused = false;
  bool too_large = false;
  bool bad_length = false;              // how long the answer is cannot be known
  std::optional<std::uint64_t> length;  // what the final answer's headers say of it
  bool head_begun = false;              // a status line has come, its empty line not yet
  bool head_whole = false;              // the final answer's headers have come to their end
  char error_text[CURL_ERROR_SIZE] = {};

  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange() { curl_slist_free_all(header_list); }
};

// Sets all options of a fresh (or reset) handle. kInvalid: this request can never be sent.
Status prepare(Exchange& exchange, CURL* easy, const ClientOptions& options);

// Translates `code` (of a transfer that ended or is being ended) into exchange.result.
void conclude(Exchange& exchange, CURLcode code);

}  // namespace postlude::http
