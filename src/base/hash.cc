#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <array>
#include <memory>
#include <random>
#include <utility>

#include "base/chance.h"
#include "base/check.h"

namespace postlude {

namespace {

constexpr std::size_t kAlgorithms = 5;

std::size_t index_of(Algorithm algorithm) {
  return static_cast<std::size_t>(algorithm) - static_cast<std::size_t>(Algorithm::kSha1);
}

// Looked up once: OpenSSL 3 searches its providers each time that EVP_sha256() or HMAC() is used, which takes
// longer than the hash of a short text. Kept until the process ends.
const EVP_MD* md_of(Algorithm algorithm) {
  const auto fetch = [](const char* name) {
    const EVP_MD* md = EVP_MD_fetch(nullptr, name, nullptr);
    CHECK(md != nullptr);
    return md;
  };
  static const std::array<const EVP_MD*, kAlgorithms> kFetched{
      fetch("SHA1"), fetch("SHA224"), fetch("SHA256"), fetch("SHA384"), fetch("SHA512")};
  return kFetched[index_of(algorithm)];
}

// One per thread and algorithm, which only wants the key.
EVP_MAC_CTX* mac_of(Algorithm algorithm) {
  struct Free {
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
  };
  thread_local std::array<std::unique_ptr<EVP_MAC_CTX, Free>, kAlgorithms> contexts;
  auto& context = contexts[index_of(algorithm)];
  if (context == nullptr) {
    EVP_MAC* mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
    CHECK(mac != nullptr);
    context.reset(EVP_MAC_CTX_new(mac));
    EVP_MAC_free(mac);  // the context holds it
    std::string name = EVP_MD_get0_name(md_of(algorithm));
    const std::array<OSSL_PARAM, 2> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name.data(), 0), OSSL_PARAM_construct_end()};
    CHECK(context != nullptr && EVP_MAC_CTX_set_params(context.get(), parameters.data()) == 1);
  }
  return context.get();
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::optional<Algorithm> algorithm_named(std::string_view name) {
  if (name == "sha1") return Algorithm::kSha1;
  if (name == "sha224") return Algorithm::kSha224;
  if (name == "sha256") return Algorithm::kSha256;
  if (name == "sha384") return Algorithm::kSha384;
  if (name == "sha512") return Algorithm::kSha512;
  return std::nullopt;
}

std::string digest(Algorithm algorithm, std::string_view bytes) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  thread_local std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  CHECK(EVP_DigestInit_ex2(context.get(), md_of(algorithm), nullptr) == 1 &&
        EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1 &&
        EVP_DigestFinal_ex(context.get(), out.data(), &size) == 1);
  return {reinterpret_cast<const char*>(out.data()), size};
}

std::string hmac(Algorithm algorithm, std::string_view key, std::string_view bytes) {
  EVP_MAC_CTX* const context = mac_of(algorithm);
  const unsigned char none = 0;  // a null pointer would mean the key before
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  std::size_t size = 0;
  CHECK(EVP_MAC_init(context, key.empty() ? &none : bytes_of(key), key.size(), nullptr) == 1 &&
        EVP_MAC_update(context, bytes_of(bytes), bytes.size()) == 1 &&
        EVP_MAC_final(context, out.data(), &size, out.size()) == 1);
  return {reinterpret_cast<const char*>(out.data()), size};
}

bool equal_in_constant_time(std::string_view expected, std::string_view given) {
  if (expected.empty()) return false;
  // Compare against as many bytes as are expected, whatever was given, then let the length decide.
  std::string padded(given.substr(0, expected.size()));
  padded.resize(expected.size(), '\0');
  const bool same = CRYPTO_memcmp(expected.data(), padded.data(), expected.size()) == 0;
  return same && expected.size() == given.size();
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out.push_back(kDigits[b >> 4U]);
    out.push_back(kDigits[b & 15U]);
  }
  return out;
}

std::optional<std::string> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    const int low = digit(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
  }
  return out;
}

std::string to_base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4, '\0');
  // EVP_EncodeBlock writes a terminating zero as well; std::string has room for it.
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::optional<std::string> from_base64(std::string_view text) {
  while (!text.empty() && text.back() == '=')
    text.remove_suffix(1);
  const auto value = [](char c) -> int {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    if (c == '+') return 62;
    if (c == '/') return 63;
    return -1;
  };
  if (text.size() % 4 == 1) return std::nullopt;
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const int v = value(c);
    if (v < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(v);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>((bits >> static_cast<unsigned>(count)) & 0xffU));
    }
  }
  return out;
}

namespace {
thread_local std::optional<std::mt19937_64> seeded;
thread_local bool paused = false;
}  // namespace

void seed_chance(std::uint64_t seed) {
  seeded.emplace(seed);
}

void unseed_chance() {
  seeded.reset();
}

bool pause_chance(bool pause) {
  return std::exchange(paused, pause);
}

std::string random_bytes(std::size_t count) {
  std::string out(count, '\0');
  if (seeded && !paused) {
    for (char& c : out)
      c = static_cast<char>((*seeded)() >> 56U);
    return out;
  }
  std::size_t have = 0;
  while (have < count) {
    const ssize_t got = getrandom(out.data() + have, count - have, 0);
    CHECK(got > 0);
    have += static_cast<std::size_t>(got);
  }
  return out;
}

std::uint64_t random_number() {
  if (seeded && !paused) return (*seeded)();
  const std::string bytes = random_bytes(sizeof(std::uint64_t));
  std::uint64_t number = 0;
  for (const char c : bytes)
    number = (number << 8U) | static_cast<unsigned char>(c);
  return number;
}

}  // namespace postlude
