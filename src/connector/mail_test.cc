// Mails: what is built from an action's values, and what a server's reply means.
#include <gtest/gtest.h>

#include "base/hash.h"
#include "base/text.h"
#include "connector/mail_form.h"
#include "connector/mail_kind.h"

namespace postlude::connector {
namespace {

Result<Ask> built(const json::value& mail) {
  std::vector<lang::Expression> before;
  lang::Problems problems;
  lang::Node node;
  node.kind = lang::Node::Kind::kScalar;
  MailForm form;
  node.scalar = "${{ .mail }}";
  form.mail = take(lang::Template::read(node, nullptr, problems), before);
  node.scalar = "${{ .key }}";
  form.key = take(lang::Template::read_text(node, problems), before);
  Target target;
  target.url = "smtp://mail.example.com:587";
  return form.build(target, Values{lang::Evaluated(json::serialize(mail)), lang::Evaluated("\"k1\"")});
}

json::object plain() {
  return {{"from", "a@example.com"}, {"to", "b@example.com"}, {"subject", "s"}, {"text", "t"}};
}

TEST(MailTest, WordsThatAreNotAsciiAreEncodedByCharacters) {
  EXPECT_EQ(encoded_words("plain (text)"), "plain (text)");
  EXPECT_EQ(encoded_words("Größe"), "=?UTF-8?B?R3LDtsOfZQ==?=");
  std::string text;
  for (int i = 0; i < 40; ++i)
    text += "日本";
  std::string again;
  const std::string words = encoded_words(text);
  for (const std::string_view word : split(words, ' ')) {
    ASSERT_LE(word.size(), 75U);
    ASSERT_TRUE(word.starts_with("=?UTF-8?B?") && word.ends_with("?="));
    const auto part = from_base64(word.substr(10, word.size() - 12));
    ASSERT_TRUE(part && valid_utf8(*part)) << "a character is split";
    again += *part;
  }
  EXPECT_EQ(again, text);
}

TEST(MailTest, HeadersAndEnvelope) {
  json::object mail = plain();
  mail["to"] = json::array{"B <b@example.com>", "Jürgen <j@example.com>", "\"C, D\" <c@example.com>"};
  mail["cc"] = "b@example.com";
  mail["bcc"] = "boss@example.com";
  mail["thread"] = "podinfo";
  const Result<Ask> ask = built(mail);
  ASSERT_TRUE(ask) << ask.error().message;
  const auto& out = std::get<Mail>(*ask);
  EXPECT_EQ(out.recipients, (std::vector<std::string>{"b@example.com", "j@example.com", "c@example.com",
                                                      "boss@example.com"}));
  EXPECT_EQ(out.headers.get("to"),
            "\"B\" <b@example.com>, =?UTF-8?B?SsO8cmdlbg==?= <j@example.com>, \"C, D\" <c@example.com>");
  EXPECT_EQ(out.headers.get("message-id"), "<k1@example.com>");
  EXPECT_EQ(out.headers.get("references"), out.headers.get("in-reply-to"));
  EXPECT_EQ(out.headers.find("bcc"), nullptr);
  EXPECT_EQ(kind_of(*ask).name_of(*ask), "MAIL to b@example.com and 3 more");
  EXPECT_EQ(kind_of(*ask).text_of(*ask).place, "smtp://mail.example.com:587");
}

TEST(MailTest, RefusesWhatCannotBeSent) {
  const struct {
    const char *key, *value, *says;
  } rows[] = {
      {"from", R"("nobody")", "is not an address"},
      {"from", R"(["a@example.com","b@example.com"])", "one sender"},
      {"to", R"("b@example.com, c@example.com")", "is not an address"},
      {"to", R"("b@example.com\r\nDATA")", "is not an address"},
      {"to", R"("X\r\nBcc: y@example.com <b@example.com>")", "is not an address"},
      {"to", "[]", "nobody"},
      {"to", "[7]", "expected an address"},
      {"subject", R"("a\nb")", "one line"},
      {"subject", R"(" ")", "needs a subject"},
      {"text", "null", "needs `text`"},
      {"replyTo", R"("<>")", "is not an address"},
  };
  for (const auto& row : rows) {
    json::object mail = plain();
    mail[row.key] = json::parse(row.value);
    const Result<Ask> ask = built(mail);
    ASSERT_FALSE(ask) << row.key << row.value;
    EXPECT_EQ(ask.error().code, Code::kInvalid);
    EXPECT_NE(ask.error().message.find(row.says), std::string::npos) << ask.error().message;
  }
  json::object many = plain();
  json::array to;
  for (int i = 0; i < 101; ++i)
    to.emplace_back("n" + std::to_string(i) + "@example.com");
  many["to"] = std::move(to);
  EXPECT_FALSE(built(many));
}

TEST(MailTest, AReplyMeansWhatItsNumberSays) {
  const struct {
    int status;
    RequestResult result;
  } rows[] = {{250, RequestResult::kSucceeded},
              {421, RequestResult::kRetryable},
              {452, RequestResult::kRetryable},
              {550, RequestResult::kRefused}};
  for (const auto& row : rows) {
    MailReply reply;
    reply.status = row.status;
    EXPECT_EQ(mail_kind().plain_end(reply, Instant()).result, row.result) << row.status;
  }
}

TEST(MailTest, AReplyIsReadBackFromWhatExpressionsSaw) {
  MailReply reply;
  reply.status = 250;
  reply.text = "queued";
  reply.accepted = {"b@example.com"};
  reply.rejected = {{"c@example.com", 550, "no such user"}};
  const json::value seen = mail_kind().context_of(Reply(reply), {});
  const auto again = mail_kind().reply_of(seen);
  ASSERT_TRUE(again);
  EXPECT_EQ(mail_kind().context_of(*again, {}), seen.get_object());
}

TEST(MailTest, ServersAndCredentials) {
  std::string url;
  EXPECT_TRUE(mail_kind().read_url("smtp://Mail.example.com:587/", url));
  EXPECT_EQ(url, "smtp://mail.example.com:587");
  for (const char* wrong :
       {"https://mail.example.com", "smtp://a@mail.example.com", "smtp://h/path", "smtp://h?x", "smtp://"})
    EXPECT_FALSE(mail_kind().read_url(wrong, url)) << wrong;
  Target target;
  const auto lookup = [](const SecretRef&) { return Result<std::string>("pw"); };
  Result<Ask> ask = mail_kind().authorise(Mail(), target, lookup);
  ASSERT_TRUE(ask);
  EXPECT_FALSE(std::get<Mail>(*ask).needs_tls);
  target.auth.kind = Auth::Kind::kBasic;
  target.auth.name = "bot";
  target.auth.secrets.emplace_back();
  ask = mail_kind().authorise(Mail(), target, lookup);
  ASSERT_TRUE(ask);
  EXPECT_TRUE(std::get<Mail>(*ask).needs_tls);
  EXPECT_EQ(std::get<Mail>(*ask).password, "pw");
  EXPECT_EQ(std::get<Mail>(mail_kind().shown(*ask, "***", "")).password, "***");
  target.auth.kind = Auth::Kind::kBearer;
  EXPECT_FALSE(mail_kind().authorise(Mail(), target, lookup));
}

}  // namespace
}  // namespace postlude::connector
