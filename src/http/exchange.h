#pragma once
// Exchange: one request on one libcurl handle, and how it ended. For client.cc only.

#include <optional>

#include "http/transfer.h"

namespace postlude::http {

struct Exchange final : Transfer {
  Exchange(HttpRequest request_in, Peer peer_in, std::function<bool()> may_send_in)
      : Transfer(std::move(peer_in), std::move(may_send_in)),
        request(std::move(request_in)),
        done(std::in_place) {}
  ~Exchange() { curl_slist_free_all(header_list); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  // Client thread. Sets all options of a fresh (or reset) handle. kInvalid: this can never be sent.
  Status prepare(CURL* easy, const ClientOptions& options);
  // Client thread. Translates `code`, of a transfer that ended or is being ended, into the result.
  void conclude(CURLcode code);

  HttpRequest request;

  // Used by the loop.
  std::optional<rt::Latch> done;

  // Used by the client thread until it hands the exchange back, then by the loop.
  std::optional<Result<HttpResponse>> result;

  // Used by the client thread.
  curl_slist* header_list = nullptr;
  HttpResponse response;
  std::size_t header_bytes = 0;
  bool too_large = false;
  bool bad_length = false;              // how long the answer is cannot be known
  std::optional<std::uint64_t> length;  // what the final answer's headers say of it
  bool head_begun = false;              // a status line has come, its empty line not yet
  bool head_whole = false;              // the final answer's headers have come to their end
};

}  // namespace postlude::http
