#include "base/hash.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/chance.h"

namespace postlude {
namespace {

TEST(Hash, DigestsAsPublished) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(digest(Algorithm::kSha1, "abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(digest(Algorithm::kSha224, "").size(), 28U);
  EXPECT_EQ(digest(Algorithm::kSha384, "").size(), 48U);
  EXPECT_EQ(digest(Algorithm::kSha512, "").size(), 64U);
}

// RFC 4231, test cases 1, 2 and 6.
TEST(Hash, SignsAsRfc4231) {
  EXPECT_EQ(to_hex(hmac(Algorithm::kSha256, std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac(Algorithm::kSha224, "Jefe", "what do ya want for nothing?")),
            "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44");
  EXPECT_EQ(to_hex(hmac(Algorithm::kSha256, std::string(131, '\xaa'),
                        "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hash, NamesAlgorithms) {
  EXPECT_EQ(algorithm_named("sha256"), Algorithm::kSha256);
  EXPECT_EQ(algorithm_named("sha512"), Algorithm::kSha512);
  for (const std::string_view unknown : {"", "SHA256", "md5", "sha3"}) {
    EXPECT_EQ(algorithm_named(unknown), std::nullopt) << unknown;
  }
}

TEST(Hash, ComparesWhole) {
  EXPECT_TRUE(equal_in_constant_time("secret", "secret"));
  for (const std::string_view given : {"", "s", "secre", "secret1", "Secret", "secret\n"}) {
    EXPECT_FALSE(equal_in_constant_time("secret", given)) << given;
  }
  EXPECT_FALSE(equal_in_constant_time("secret", std::string_view("secret\0", 7)));
  EXPECT_FALSE(equal_in_constant_time(std::string_view("a\0", 2), "a"));
  EXPECT_FALSE(equal_in_constant_time("", ""));  // an empty secret proves nothing
}

TEST(Hash, ConvertsHexAndBase64) {
  EXPECT_EQ(to_hex(std::string("\x00\xff\x10", 3)), "00ff10");
  EXPECT_EQ(from_hex("00FF10"), std::string("\x00\xff\x10", 3));
  for (const std::string_view broken : {"0", "0g", "0x00", " 00"})
    EXPECT_EQ(from_hex(broken), std::nullopt) << broken;
  // RFC 4648, section 10.
  const std::vector<std::pair<std::string, std::string>> pairs{{"", ""},
                                                               {"f", "Zg=="},
                                                               {"fo", "Zm8="},
                                                               {"foo", "Zm9v"},
                                                               {"foob", "Zm9vYg=="},
                                                               {"fooba", "Zm9vYmE="},
                                                               {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, coded] : pairs) {
    EXPECT_EQ(to_base64(plain), coded);
    EXPECT_EQ(from_base64(coded), plain);
    EXPECT_EQ(from_base64(coded.substr(0, coded.find('='))), plain) << "without padding";
  }
  for (const std::string_view broken : {"Z", "Zm9v!", "Zm9v Zm9v", "Zg==x", "Zm9v\n", "Zm-_"}) {
    EXPECT_EQ(from_base64(broken), std::nullopt) << broken;
  }
}

TEST(Hash, DrawsRandomBytes) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(32).size(), 32U);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Chance, RepeatsItselfUntilItIsFreeAgain) {
  const auto draw = [] { return random_bytes(16) + std::to_string(random_number()) + random_bytes(3); };
  seed_chance(7);
  const std::string first = draw();
  const std::string next = draw();
  seed_chance(7);
  EXPECT_EQ(draw(), first);
  EXPECT_FALSE(pause_chance(true));
  EXPECT_NE(draw(), next);
  EXPECT_TRUE(pause_chance(false));
  EXPECT_EQ(draw(), next);
  seed_chance(8);
  EXPECT_NE(draw(), first);
  seed_chance(7);
  unseed_chance();
  EXPECT_NE(draw(), first);
}

}  // namespace
}  // namespace postlude
