#include "http/mail.h"

#include <algorithm>
#include <ctime>
#include <memory>

#include "base/printable.h"
#include "base/text.h"
#include "http/transfer.h"

namespace postlude::http {
namespace {

constexpr std::size_t kReplyBytesMax = 8U << 10U;  // of one reply of the server
constexpr std::size_t kTextShownMax = 500;

bool breaks_line(std::string_view text) {
  return text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos;
}

// Goes to the server between angle brackets.
bool is_address(std::string_view text) {
  const std::size_t at = text.rfind('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '<' || c == '>';
         });
}

// libcurl speaks SMTP and builds the MIME text; what the server says to each command is read from its trace,
// because libcurl itself keeps only the last reply.
class Exchange final : public Transfer {
 public:
  Exchange(Mail mail_in, Peer peer_in, std::function<bool()> may_send_in)
      : Transfer(std::move(peer_in), std::move(may_send_in)), mail(std::move(mail_in)) {}
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Status prepare(CURL* easy);
  Result<MailReply> conclude(CURLcode code);

  // A command was sent, or a line of the server's came.
  void sent(std::string_view command);
  void came(std::string_view line);

 private:
  enum class Stage : std::uint8_t { kGreeting = 1, kLogin, kSender, kRecipient, kData, kText, kEnd };

  void replied(int status, const std::string& text);
  Error last_words(Code code, std::string_view what) const;
  Result<MailReply> not_begun(CURLcode code) const;

  Mail mail;
  curl_slist* header_list_ = nullptr;
  curl_slist* recipient_list_ = nullptr;
  curl_mime* mime_ = nullptr;
  Stage stage_ = Stage::kGreeting;
  bool begun_ = false;       // MAIL FROM was sent
  bool wants_text_ = false;  // the server said 354: what follows may have reached it
  std::string recipient_;    // of the last RCPT
  std::string lines_;        // of a reply that goes on
  int last_status_ = 0;
  std::string last_text_;
  MailReply reply_;
};

int on_trace(CURL*, curl_infotype type, char* bytes, std::size_t n, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (type == CURLINFO_HEADER_OUT) exchange.sent({bytes, n});
  if (type == CURLINFO_HEADER_IN) exchange.came({bytes, n});
  return 0;
}

std::size_t swallow(char*, std::size_t, std::size_t n, void*) {
  return n;
}

// Lines of a mail end with CR LF.
std::string with_crlf(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n' && (i == 0 || text[i - 1] != '\r')) out += '\r';
    out += text[i];
  }
  return out;
}

Status add_part(curl_mime* mime, const std::string& written, const char* type) {
  const std::string text = with_crlf(written);
  curl_mimepart* part = curl_mime_addpart(mime);
  const bool made = part != nullptr && curl_mime_data(part, text.data(), text.size()) == CURLE_OK &&
                    curl_mime_type(part, type) == CURLE_OK &&
                    curl_mime_encoder(part, "quoted-printable") == CURLE_OK;
  return made ? ok() : Status(Error(Code::kUnavailable, "no memory for the mail"));
}

// RFC 5322's date, in UTC.
std::string date_of(Instant now) {
  const std::time_t seconds = micros(now) / 1'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[40];
  return {text, std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S +0000", &utc)};
}

// A line has at most 998 bytes. Lists of addresses may go on in the next one.
std::string folded(const std::string& value) {
  std::string out;
  std::size_t line = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    out += value[i];
    ++line;
    if (line > 60 && value[i] == ',' && i + 1 < value.size() && value[i + 1] == ' ') {
      out += "\r\n";
      line = 0;
    }
  }
  return out;
}

Exchange::~Exchange() {
  curl_mime_free(mime_);
  curl_slist_free_all(header_list_);
  curl_slist_free_all(recipient_list_);
}

Status Exchange::prepare(CURL* easy) {
  TRY_DONE(check_url(*this, mail.server, "smtp", "smtps"));
  if (!is_address(mail.sender)) return Error(Code::kInvalid, "not an address: " + cut(mail.sender, 64));
  if (mail.recipients.empty()) return Error(Code::kInvalid, "a mail without recipients");
  for (const std::string& recipient : mail.recipients) {
    if (!is_address(recipient)) return Error(Code::kInvalid, "not an address: " + cut(recipient, 64));
    if (curl_slist* longer = curl_slist_append(recipient_list_, ("<" + recipient + ">").c_str()))
      recipient_list_ = longer;
  }
  Headers headers = mail.headers;
  headers.add("Content-Type", "multipart/alternative");  // libcurl adds the boundary
  if (headers.find("date") == nullptr) headers.add("Date", date_of(rt::now()));
  for (const Header& header : headers.list) {
    if (breaks_line(header.name) || breaks_line(header.value))
      return Error(Code::kInvalid, "a line break in the header " + cut(header.name, 64));
    if (curl_slist* longer =
            curl_slist_append(header_list_, (header.name + ": " + folded(header.value)).c_str()))
      header_list_ = longer;
  }
  set_common(*this, easy, ClientOptions());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(easy, CURLOPT_URL, mail.server.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, 1L);
  curl_easy_setopt(easy, CURLOPT_USE_SSL,
                   static_cast<long>(mail.needs_tls ? CURLUSESSL_ALL : CURLUSESSL_TRY));
  if (!mail.user.empty()) {
    curl_easy_setopt(easy, CURLOPT_USERNAME, mail.user.c_str());
    curl_easy_setopt(easy, CURLOPT_PASSWORD, mail.password.c_str());
  }
  curl_easy_setopt(easy, CURLOPT_MAIL_FROM, ("<" + mail.sender + ">").c_str());
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipient_list_);
  curl_easy_setopt(easy, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_);
  // libcurl waits for the reply to the text apart from its own limits.
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(peer.timeout).count();
  curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT,
                   static_cast<long>(std::clamp<std::int64_t>(seconds, 1, 3600)));
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
  curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
  curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_trace);
  curl_easy_setopt(easy, CURLOPT_DEBUGDATA, this);

  mime_ = curl_mime_init(easy);
  if (mime_ == nullptr) return Error(Code::kUnavailable, "no memory for the mail");
  // The last part is the one that readers prefer.
  if (!mail.text.empty()) TRY_DONE(add_part(mime_, mail.text, "text/plain; charset=utf-8"));
  if (!mail.html.empty()) TRY_DONE(add_part(mime_, mail.html, "text/html; charset=utf-8"));
  curl_easy_setopt(easy, CURLOPT_MIMEPOST, mime_);
  return ok();
}

void Exchange::sent(std::string_view command) {
  const auto is = [&](std::string_view word) { return command.starts_with(word); };
  if (is("AUTH")) {
    stage_ = Stage::kLogin;
  } else if (is("MAIL FROM:")) {
    stage_ = Stage::kSender;
    begun_ = true;
  } else if (is("RCPT TO:")) {
    stage_ = Stage::kRecipient;
    const std::size_t open = command.find('<');
    const std::size_t close = command.find('>', open == std::string_view::npos ? 0 : open);
    if (close != std::string_view::npos) recipient_ = command.substr(open + 1, close - open - 1);
  } else if (is("DATA")) {
    stage_ = Stage::kData;
  } else if (is("QUIT")) {
    stage_ = Stage::kEnd;
  }
}

void Exchange::came(std::string_view line) {
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r'))
    line.remove_suffix(1);
  if (line.size() < 3) return;
  int status = 0;
  for (const char c : line.substr(0, 3)) {
    if (c < '0' || c > '9') return;
    status = status * 10 + (c - '0');
  }
  if (lines_.size() < kReplyBytesMax) {
    if (!lines_.empty()) lines_ += ' ';
    lines_ += line.size() > 4 ? line.substr(4) : std::string_view();
  }
  if (line.size() > 3 && line[3] == '-') return;  // more lines follow
  const std::string text = printable(in_utf8(std::exchange(lines_, {})), Lines::kBlank);
  replied(status, cut(text, kTextShownMax));
}

void Exchange::replied(int status, const std::string& text) {
  if (stage_ == Stage::kEnd) return;
  last_status_ = status;
  last_text_ = text;
  switch (stage_) {
    case Stage::kGreeting:
    case Stage::kLogin:
    case Stage::kEnd:
      break;
    case Stage::kSender:
      if (status < 400) break;
      reply_.status = status;
      reply_.text = text;
      break;
    case Stage::kRecipient:
      if (status >= 200 && status < 300) {
        reply_.accepted.push_back(recipient_);
      } else {
        reply_.rejected.push_back({recipient_, status, text});
      }
      break;
    case Stage::kData:
      if (status == 354) {
        stage_ = Stage::kText;
        wants_text_ = true;
        break;
      }
      reply_.status = status;
      reply_.text = text;
      break;
    case Stage::kText:
      reply_.status = status;
      reply_.text = text;
      stage_ = Stage::kEnd;
      break;
  }
}

// An error with the server's last reply.
Error Exchange::last_words(Code code, std::string_view what) const {
  std::string why(what);
  if (last_status_ > 0) why += ": " + std::to_string(last_status_) + " " + last_text_;
  return {code, why};
}

// Nothing that stays was said to the server.
Result<MailReply> Exchange::not_begun(CURLcode code) const {
  if (denied || address_refused) return not_sent(*this, code);
  const bool later = last_status_ >= 400 && last_status_ < 500;
  if (code == CURLE_LOGIN_DENIED || (stage_ == Stage::kLogin && last_status_ >= 400))
    return last_words(later ? Code::kUnavailable : Code::kDenied, "the server refused the login");
  if (code == CURLE_USE_SSL_FAILED) {
    return Error(Code::kInvalid,
                 "the server does not offer STARTTLS, without which `auth` and `tls` are not used");
  }
  if (last_status_ >= 400)
    return last_words(later ? Code::kUnavailable : Code::kDenied, "the server refused us");
  return not_sent(*this, code);
}

Result<MailReply> Exchange::conclude(CURLcode code) {
  if (denied || !begun_) return not_begun(code);
  if (reply_.status == 0 && reply_.accepted.empty() && !reply_.rejected.empty()) {
    // One that might pass decides: the whole mail is tried again later.
    const auto later = std::find_if(reply_.rejected.begin(), reply_.rejected.end(),
                                    [](const RejectedRecipient& one) { return one.status < 500; });
    const RejectedRecipient& decides = later == reply_.rejected.end() ? reply_.rejected.front() : *later;
    reply_.status = decides.status;
    reply_.text = decides.address + ": " + decides.text;
  }
  if (reply_.status > 0) return std::move(reply_);
  if (!wants_text_) return Error(Code::kUnavailable, words(*this, code));  // it has not seen the text
  return Error(Code::kUnknown, code == CURLE_OK ? "the connection ended before the server took the mail"
                                                : words(*this, code));
}

}  // namespace

Result<MailReply> send_mail(Mail mail, Peer peer, std::function<bool()> may_send) {
  init_curl();
  Exchange exchange(std::move(mail), std::move(peer), std::move(may_send));
  // Destroyed before the exchange, to which it tells the end of the connection.
  const std::unique_ptr<CURL, void (*)(CURL*)> easy(curl_easy_init(), curl_easy_cleanup);
  if (!easy) return Error(Code::kUnavailable, "no memory for the mail");
  TRY_DONE(exchange.prepare(easy.get()));
  const CURLcode code = curl_easy_perform(easy.get());
  return exchange.conclude(code);
}

}  // namespace postlude::http
