#include "rehearsal/wire.h"

#include "base/hash.h"
#include "base/text.h"

namespace postlude::rehearsal {

HttpRequest Sent::shown() const {
  HttpRequest out = as_sent;
  if (out.target.starts_with(kSecretUrl)) out.target.replace(0, kSecretUrl.size(), kSecret);
  constexpr std::string_view kBasic = "Basic ";
  for (Header& header : out.headers.list) {
    if (!header.value.starts_with(kBasic)) continue;
    const auto plain = from_base64(std::string_view(header.value).substr(kBasic.size()));
    if (plain && plain->ends_with(kSecret)) header.value = std::string(kBasic) + std::string(kSecret);
  }
  return out;
}

namespace {

Sent sent_of(const http::Peer& peer) {
  Sent sent;
  sent.at = rt::now();
  sent.target = peer.pool;
  const auto words = split(peer.about, ' ');
  if (words.size() >= 4) {
    sent.attempt = std::string(words[0]);
    sent.request = std::string(words[1]);
    sent.effect = std::string(words[2]);
    sent.workflow = std::string(words[3]);
    if (words.size() > 4) sent.step = std::string(words[4]);
  }
  return sent;
}

}  // namespace

bool Wire::answers(const HttpRequest& request, const http::Peer& peer) {
  if (!answers_) return true;
  Sent sent = sent_of(peer);
  sent.number = sent_ + 1;
  sent.as_sent = request;
  return answers_(sent);
}

rt::Task<Result<HttpResponse>> Wire::send(HttpRequest request, http::Peer peer,
                                          std::function<bool()> may_send) {
  if (may_send && !may_send()) co_return Error(Code::kUnavailable, "it was not to be sent any more");
  Sent sent = sent_of(peer);
  sent.number = ++sent_;
  sent.as_sent = std::move(request);
  ScriptedAnswer answer = responder_(sent);
  const bool late = answer.delay > peer.timeout;
  AWAIT_DONE(rt::sleep_for(late ? peer.timeout : answer.delay));
  if (!answer.result && answer.result.error().code == Code::kUnavailable) co_return answer.result.error();
  if (late) co_return Error(Code::kUnknown, "no complete answer within " + to_text(peer.timeout));
  if (answer.result && answer.result->body.size() > peer.response_bytes_max)
    co_return Error(Code::kUnknown, "the answer is larger than the target allows");
  co_return std::move(answer.result);
}

}  // namespace postlude::rehearsal
