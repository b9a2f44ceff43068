#include "base/mask.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>

#include "base/hash.h"
#include "base/text.h"

namespace postlude {
namespace {

TEST(MaskTest, HidesEveryForm) {
  Mask masker;
  masker.add("p\"a/s s");
  for (const std::string& text : {std::string("x p\"a/s s y"), "x " + percent_encode("p\"a/s s") + " y",
                                  "x " + to_base64("p\"a/s s") + " y", std::string("x p\\\"a/s s y")}) {
    EXPECT_EQ(masker.mask(text), "x *** y");
  }
  EXPECT_EQ(masker.mask("get https://u:pw@host/x?a=b@c and http://host/@x"),
            "get https://***@host/x?a=b@c and http://host/@x");
}

// The spellings in which systems repeat what they were sent.
TEST(MaskTest, HidesEverySpelling) {
  Mask masker;
  masker.add("ATATT3x/abc+def=4A&\"q\" \\end");
  for (const char* text : {
           R"(ATATT3x/abc+def=4A&"q" \end)",                                  // as it is
           R"(ATATT3x%2Fabc%2Bdef%3D4A%26%22q%22%20%5Cend)",                  // Go, JavaScript
           R"(ATATT3x%2fabc%2bdef%3d4A%26%22q%22%20%5cend)",                  // .NET
           R"(ATATT3x/abc%2Bdef=4A%26%22q%22+%5Cend)",                        // in part; a form
           R"(ATATT3x/abc def=4A&"q" \end)",                                  // decoded once too often
           R"(%41TATT3x%2Fabc%2Bdef%3D4A%26%22q%22%20%5Cend)",                // more than is needed
           R"(ATATT3x%252Fabc%252Bdef%253D4A%2526%2522q%2522%2520%255Cend)",  // twice
           R"(ATATT3x/abc+def=4A&\"q\" \\end)",                               // JSON
           R"(ATATT3x\/abc+def=4A\u0026\u0022q\u0022 \\end)",                 // PHP
           R"(ATATT3x\\\/abc+def=4A&\\\"q\\\" \\\\end)",                      // JSON in JSON
           R"(\u0041TATT3x/abc\u002bdef\u003D4A&\"q\" \u005cend)",
           R"(ATATT3x/abc+def=4A&amp;&quot;q&quot; \end)",              // HTML
           R"(ATATT3x&#x2F;abc&#43;def&#x3d;4A&#38;&#34;q&#34; \end)",  // templates
           R"(ATATT3x/abc+def=4A&amp;amp;&amp;quot;q&amp;quot; \end)",  // twice
           R"(ATATT3x&#x2F&#97bc&#43def=4A&#38&#34q&#34 \end)",         // without semicolons
           R"(&#65&#84ATT3x&#0000047;abc&#x00000000002b;def&#x000003D;4A&amp&quotq&quot \end)",
           R"(ATATT3x&amp;#x2f&amp;#x0000000061;bc+def=4A&amp;#38&amp;#0034q&amp;#34 \end)",
       }) {
    EXPECT_EQ(masker.mask(std::string("x ") + text + " y"), "x *** y") << text;
  }
  for (const char* text : {"ATATT3x/abc+def=4A&\"q\" end", "ATATT3x/abc-def=4A", "%ATATT3x", "&#;&amp", "\\",
                           "%2", "%", "&", "\\u00", "100% + a & b"}) {
    EXPECT_EQ(masker.mask(text), text);
  }
}

// What others quote they cut, and half a secret is too much.
TEST(MaskTest, HidesTheBeginningBeforeAnEllipsis) {
  Mask mask;
  mask.add("plainSecretValue77Abcdefgh");
  EXPECT_EQ(mask.mask("not \"plainSecr...) here"), "not \"***...) here");
  EXPECT_EQ(mask.mask("not \"plainSecretValue77…"), "not \"***…");
  EXPECT_EQ(mask.mask("plain… plain... plainSecret plainSecretValue78…"),
            "plain… plain... plainSecret plainSecretValue78…");
}

TEST(MaskTest, HidesEncodings) {
  Mask masker;
  const std::string secret = "s3cr3t->>?~>token";
  masker.add(secret);
  const auto masks = [&](const std::string& text) { return masker.mask(text); };
  EXPECT_EQ(masks("x " + to_hex(secret) + " y"), "x *** y");
  std::string capitals = to_hex(secret);
  std::transform(capitals.begin(), capitals.end(), capitals.begin(),
                 [](char c) { return c >= 'a' ? static_cast<char>(c - 32) : c; });
  EXPECT_EQ(masks("x " + capitals + " y"), "x *** y");
  EXPECT_EQ(masks("x " + percent_encode(to_base64(secret)) + " y"), "x *** y");
  // With whatever stands around it: `user:secret`, a body.
  for (const char* before : {"", "u:", "us:", "usr:", "{\"token\":\""}) {
    for (const char* after : {"", "\"", "\"}", "xyz"}) {
      std::string text = to_base64(before + secret + after);
      EXPECT_EQ(masks(text).find(text.substr(8, 12)), std::string::npos) << before << after;
      EXPECT_NE(masks(text).find("***"), std::string::npos) << before << after;
      std::replace(text.begin(), text.end(), '+', '-');
      std::replace(text.begin(), text.end(), '/', '_');
      EXPECT_NE(masks(text).find("***"), std::string::npos) << before << after;
    }
  }
}

// How mails write bytes: every `=XX` that a sender may use, lines cut short.
std::string quoted_printable(std::string_view text, std::string_view line_end) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (i > 0 && i % 5 == 0) out += "=" + std::string(line_end);
    const std::string hex = lower(to_hex(text.substr(i, 1)));
    std::string capitals = hex;
    for (char& c : capitals)
      if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    const bool plain = i % 3 != 0 && text[i] != '=' && static_cast<unsigned char>(text[i]) < 0x80;
    out += plain ? std::string(1, text[i]) : "=" + capitals;
  }
  return out;
}

std::string in_lines(const std::string& text, std::size_t length, std::string_view line_end) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += length)
    out += (at > 0 ? std::string(line_end) : "") + text.substr(at, length);
  return out;
}

TEST(MaskTest, HidesWhatMailsMakeOfIt) {
  const std::string secret = "ATATT3xFfGF0=4A+abc/def=41=xyz";
  Mask mask;
  mask.add(secret);
  for (const char* line_end : {"\n", "\r\n", "\\n", "\\r\\n", "\\\\r\\\\n", "%0A", "%0D%0A", "&#13;&#10;"}) {
    EXPECT_EQ(mask.mask("x " + quoted_printable(secret, line_end) + " y"), "x *** y") << line_end;
  }
  EXPECT_EQ(mask.mask("x ATATT3xFfGF0=\n=3D4A+abc/def=3D41=  \r\n=3Dxyz y"), "x *** y");
  EXPECT_EQ(mask.mask("a=4A b=zz = =\n =4"), "a=4A b=zz = =\n =4");
}

TEST(MaskTest, HidesEncodingsThatAreBrokenIntoLines) {
  std::string secret;
  for (int i = 0; i < 40; ++i)
    secret += "k" + std::to_string(i * 7919);
  secret.resize(secret.size() / 3 * 3);  // no padding
  Mask mask;
  mask.add(secret);
  for (const char* line_end : {"\n", "\r\n", "\\n", "\\r\\n", "\\\\n", "%0D%0A", "\r\n ", "=\r\n"}) {
    for (const std::size_t length : {1U, 4U, 64U, 76U}) {
      for (const std::string& text : {to_base64(secret), to_hex(secret)})
        EXPECT_EQ(mask.mask("x " + in_lines(text, length, line_end) + " y"), "x *** y") << line_end << length;
      // With something before and behind it: of the middle nothing is left.
      for (const char* before : {"", "u:", "us:", "user:"}) {
        const std::string masked = mask.mask(in_lines(to_base64(before + secret + "\"}"), length, line_end));
        EXPECT_LT(masked.size(), 120U) << masked;
        EXPECT_NE(masked.find("***"), std::string::npos);
      }
    }
  }
  EXPECT_EQ(mask.mask_json(R"({"t":")" + in_lines(to_base64(secret), 76, "\\r\\n") + R"("})"),
            R"({"t":"***"})");
}

TEST(MaskTest, HidesBase32) {
  Mask mask;
  mask.add("foobar-secret");
  for (const char* text :
       {"MZXW6YTBOIWXGZLDOJSXI===", "mzxw6ytboiwxgzldojsxi===", "MZXW6YTBOIWXGZLDOJSXI",
        "mzxw6ytboiwxgzldojsxi", "MZXW6YTB\nOIWXGZLD\nOJSXI===", "MZXW6YTBOIWXGZLDOJSXI%3D%3D%3D"}) {
    EXPECT_EQ(mask.mask(std::string("x ") + text + " y").find("x ***"), 0U) << text;
    EXPECT_EQ(mask.mask(std::string("x ") + text + " y").find("OIWX"), std::string::npos) << text;
  }
  // Behind one to four other bytes.
  for (const char* text : {"PBTG633CMFZC243FMNZGK5A=", "PB4GM33PMJQXELLTMVRXEZLU",
                           "PB4HQZTPN5RGC4RNONSWG4TFOQ======", "PB4HQ6DGN5XWEYLSFVZWKY3SMV2A===="}) {
    const std::string masked = mask.mask(text);
    EXPECT_NE(masked.find("***"), std::string::npos) << masked;
    EXPECT_LT(masked.size(), 16U) << masked;
  }
}

// The escapes of other languages, and characters that take two of them.
TEST(MaskTest, HidesEscapesOfEveryLanguage) {
  Mask mask;
  mask.add("Kpass\xc3\xa9\xf0\x9f\x98\x80!9");  // Kpassé😀!9
  for (const char* text : {
           "Kpass\xc3\xa9\xf0\x9f\x98\x80!9",
           R"(\113pass\303\251\360\237\230\200\0419)",         // C, shells
           R"(\0113pass\0303\0251\0360\0237\0230\0200!\071)",  // printf %b
           R"(\x4bpass\xc3\xa9\xf0\x9f\x98\x80\x219)",         // C, Python's bytes
           R"(\u004bpass\xe9\ud83d\ude00!9)",                  // JavaScript
           R"(\u{4b}pass\u{e9}\u{1F600}\u{21}9)",              // JavaScript, Swift
           R"(\u004Bpass\u00e9\U0001f600!9)",                  // Python
           R"(\\u004Bpass\\u00e9\\ud83d\\ude00!9)",            // JSON in JSON
           "%u004Bpass%u00e9%uD83D%uDE00%u00219",              // escape()
           "%25u004Bpass%25u00e9%25uD83D%25uDE00!9",           // twice
           "%4Bpass%C3%A9%F0%9F%98%80%219",
           "&#75;pass&#233;&#128512;&#33;9",
           "&#x4b;pass&#xe9;&#x1F600;&excl;9",
           "&#75;pass&#233;&#55357;&#56832;!9",
           "&amp;#75;pass&amp;#233;&amp;#128512;&amp;excl;9",
           "=4Bpass=C3=A9=F0=9F=98=80=219",
       }) {
    EXPECT_EQ(mask.mask(std::string("x ") + text + " y"), "x *** y") << text;
    EXPECT_EQ(mask.mask_json(R"({"t":")" + std::string(text) + R"("})").find("pass"), std::string::npos)
        << text;
  }
  const std::string halves = R"(\ud83d x \ude00 %uD83D &#1114112; &#99999999; \u{110000} \u{} \u{1 \7 \8)";
  EXPECT_EQ(mask.mask(halves), halves);
  Mask digits;
  digits.add("1134-\\7");
  EXPECT_EQ(digits.mask("x \\1134-\\7 y"), "x *** y");  // a backslash that is none's escape
}

// Secrets that look encoded themselves, as a URL's part or a password may: what an encoding makes of their
// signs is not what it makes of the characters that they seem to write.
TEST(MaskTest, HidesSecretsThatLookEncoded) {
  for (const char* secret :
       {"abcd%41efgh%2Bijkl", "ab%2541cd", "ab%25%2525cd%", "abcd%2", "%41bcd", "a&lt;bcd", "a&amp;amp;b;cd",
        "a&#38;bcd", "abc&am", "a&amp;%2541%25", "100%25&amp;\\u0041"}) {
    Mask mask;
    mask.add(secret);
    const auto html = [](std::string text) {
      for (std::size_t at = text.find('&'); at != std::string::npos; at = text.find('&', at + 1))
        text.insert(at + 1, "amp;");
      return text;
    };
    std::string all;
    for (const char c : std::string_view(secret))
      all += "%" + to_hex({&c, 1});
    const std::string once = percent_encode(secret);
    for (const std::string& text :
         {std::string(secret), once, percent_encode(once), percent_encode(percent_encode(once)), all,
          percent_encode(all), html(secret), html(html(secret)), html(html(html(secret))),
          to_text(json::value(secret))}) {
      const std::string masked = mask.mask("x " + text + " y");
      EXPECT_TRUE(masked == "x *** y" || masked == "x \"***\" y")
          << secret << ": " << masked << " of " << text;
    }
    EXPECT_EQ(mask.mask("x ab%252541c a&amp;lt;cd y"), "x ab%252541c a&amp;lt;cd y");
  }
}

double seconds_of_this_thread() {
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

// What it takes for so much of a text, at best.
double seconds_for(const Mask& mask, const std::string& piece, std::size_t size) {
  std::string text;
  while (text.size() < size)
    text += piece;
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const double begin = seconds_of_this_thread();
    (void)mask.mask(text);
    (void)mask.mask_json("{\"t\":\"" + text + "\"}");
    best = std::min(best, seconds_of_this_thread() - begin);
  }
  return best;
}

// What a system sends back cannot make this slow: eight times the text takes about eight times as long, where
// it took sixty-four times as long when an escape could say nothing, or a text was shifted for each thing
// found.
TEST(MaskTest, TakesTimeInProportionToTheText) {
  Mask mask;
  for (int i = 0; i < 6; ++i)
    mask.add("secret-number-" + std::to_string(i) + "-of-many%&\\=");
  mask.add("ssssssssssssssssssss!");
  for (const char* secret : {"&first", "%first", "\\first", "=first"})
    mask.add(secret);
  std::string again, amp;
  for (int i = 0; i < 31; ++i)
    again += "25", amp += "amp;";
  for (const std::string& piece : std::vector<std::string>{"secret-number-",
                                                           "%25",
                                                           "&amp;",
                                                           "amp;",
                                                           "\\",
                                                           "\\u005c",
                                                           "c2VjcmV0LW51bWJlci0",
                                                           "s&#65536;",
                                                           "&#65536;",
                                                           "&#1114112;",
                                                           "&#x110000;",
                                                           "s\\u{110000}",
                                                           "s=\n",
                                                           "s \n",
                                                           "s=\\n",
                                                           "=73",
                                                           "s=20\n",
                                                           "://u@",
                                                           "x://a:b@ ",
                                                           "\\163",
                                                           "ss\\ud83d",
                                                           "%u0073",
                                                           "%25u0073",
                                                           "onsw",
                                                           "ONSW\r\n",
                                                           "c2Vj\n",
                                                           "\n",
                                                           "c                ",
                                                           std::string(63, '\\') + "u0073",
                                                           std::string(63, '\\') + "s",
                                                           "&" + amp + "#115;",
                                                           "%" + again + "73",
                                                           "s" + std::string(300, '\\')}) {
    constexpr std::size_t kSize = 1'500;
    constexpr double kNoise = 0.002;
    const double once = seconds_for(mask, piece, kSize) + kNoise;
    EXPECT_LT(seconds_for(mask, piece, 8 * kSize), 8 * 3 * once) << piece;
  }
}

// A run is read once, however long it is: where each of its backslashes began to read it anew, one call of a
// stranger took 15 ms.
TEST(MaskTest, ReadsARunOnce) {
  Mask mask;
  mask.add("hookpass-abc123");
  EXPECT_EQ(mask.mask("x " + std::string(1000, '\\') + "u0068ookpass-abc123 y"), "x *** y");
  EXPECT_EQ(mask.mask("x &#" + std::string(1000, '0') + "104;ookpass-abc123 y"), "x *** y");
  constexpr std::size_t kSize = 60'000;
  constexpr double kNoise = 0.002;
  const double plain = seconds_for(mask, "\\u0068", kSize) + kNoise;
  EXPECT_LT(seconds_for(mask, std::string(63, '\\') + "u0068", kSize), 3 * plain);
  EXPECT_LT(seconds_for(mask, std::string(20'000, '\\') + "u0068", kSize), 3 * plain);
}

TEST(MaskTest, JsonStaysJson) {
  Mask masker;
  masker.add("2000");
  masker.add("true");
  EXPECT_EQ(masker.mask_json(R"({"status":404,"n":2000,"t":"x2000","true":true,"l":["2000"]})"),
            R"({"status":404,"n":"***","t":"x***","***":true,"l":["***"]})");
  EXPECT_EQ(masker.mask_json("not json 2000"), "not json ***");
}

// However a JSON text writes a secret: as it is, with escapes of its own, as JSON within a string.
TEST(MaskTest, FindsWhatJsonWritesOtherwise) {
  Mask masker;
  masker.add("p\"a/s s");
  for (const char* text : {R"({"t":"x p\"a/s s y"})", R"({"t":"x p\u0022a/s s y"})",
                           R"({"t":"x p\"a\/s s y"})", R"({"t":"x \u0070\"a\u002fs\u0020s y"})",
                           R"({"t":"x p\\\"a/s s y"})", R"({ "t" : "x p\"a/s s y" })"}) {
    EXPECT_EQ(masker.mask_json(text), R"({"t":"x *** y"})") << text;
  }
  EXPECT_EQ(masker.mask_json(R"({"u":"https://me:pw@host/"})"), R"({"u":"https://***@host/"})");
  EXPECT_EQ(masker.mask_json(R"({"u":"https:\/\/me:pw@host/"})"), R"({"u":"https://***@host/"})");
  const std::string plain = R"({"t":"p\"a","u":"https://host/","n":[1.50]})";
  EXPECT_EQ(masker.mask_json(plain), plain);
}

// Most places in a text are left by a look at two bytes.
TEST(MaskTest, FindsWhateverTwoBytesItBeginsWith) {
  const std::string bytes = "aZ09 +-_/%&\\=\"\n\x01\x7f\xC3\xA9\xFF";
  for (const char first : bytes) {
    for (const char second : bytes) {
      const std::string secret = std::string{first, second} + "s3kr3t";
      Mask mask;
      mask.add(secret);
      for (const std::string before : {"", "x", "s3", " ", "\xC3\xA9"}) {
        EXPECT_EQ(mask.mask(before + secret + ", " + to_hex(secret) + "."), before + "***, ***.") << secret;
      }
    }
  }
}

TEST(MaskTest, LeavesWordsAlone) {
  Mask mask;
  mask.add("abcd");
  mask.add("2000");
  mask.add("hunter22");
  const std::string text =
      "ab\ncd 20\n00 hunter\n22 The quick brown fox: abc=d, 200=0; =61=62=63, \\141\\142 c=\n d, 100%u, &#x;";
  EXPECT_EQ(mask.mask(text), text);
}

TEST(MaskTest, LeavesAloneWhatIsTooShortToBeASecret) {
  Mask masker;
  masker.add("");
  masker.add("abc");
  EXPECT_EQ(masker.mask("abc http://abc"), "abc http://abc");
  masker.add("abcd");
  EXPECT_EQ(masker.mask("abc abcd"), "abc ***");
}

}  // namespace
}  // namespace postlude
