#include "sha2.h"

// After sha2.h, which asks for that.
#include "declassify.h"
#include "rsa_encoding.h"

namespace keymill {
namespace {

/** DigestInfo up to the digest (RFC 8017 section 9.2, note 1): SHA-256, SHA-384 and SHA-512 differ in three bytes. */
template <typename H>
constexpr uint8_t kAlgorithmByte = 0;
template <>
constexpr uint8_t kAlgorithmByte<Sha256> = 1;
template <>
constexpr uint8_t kAlgorithmByte<Sha384> = 2;
template <>
constexpr uint8_t kAlgorithmByte<Sha512> = 3;
constexpr size_t kPrefixBytes = 19;

/** All ones where x is zero, zero elsewhere, without a branch; x below 2^31. */
uint32_t is_zero_mask(uint32_t x) { return 0 - ((x - 1) >> 31); }

template <typename H>
struct On {
  static constexpr size_t kBytes = H::kDigestBytes;
  using Context = typename H::Context;

  /** Section B.2.1, exclusive-ored to `out`. */
  static void mask(Bytes seed, MutableBytes out) {
    Context seeded, running;
    H::start(seeded);
    H::update(seeded, seed);
    uint8_t digest[kBytes];
    uint8_t counter[4] = {};
    for (size_t done = 0; done < out.size; done += kBytes, counter[3]++) {
      running = seeded;
      H::update(running, {counter, sizeof counter});
      H::finish(running, digest);
      for (size_t i = 0; i < kBytes && done + i < out.size; i++) out.data[done + i] ^= digest[i];
    }
    // In OAEP they are as secret as the message.
    wipe(&seeded, sizeof seeded);
    wipe(&running, sizeof running);
    wipe(digest, sizeof digest);
  }

  /** Section 9.1.1 steps 5 and 6. */
  static void hash_salted(const uint8_t* digest, const uint8_t* salt, uint8_t* out) {
    const uint8_t zeros[8] = {};
    Context context;
    H::start(context);
    H::update(context, {zeros, sizeof zeros});
    H::update(context, {digest, kBytes});
    H::update(context, {salt, kBytes});
    H::finish(context, out);
  }

  /** maskedDB, H and the trailer of an encoded message. */
  struct Pss {
    MutableBytes block;
    uint8_t* hash;
    uint8_t* trailer;
    uint8_t* salt;
    explicit Pss(MutableBytes encoded)
        : block{encoded.data, encoded.size - kBytes - 1},
          hash(encoded.data + block.size),
          trailer(hash + kBytes),
          salt(hash - kBytes) {}
  };

  static void encode_pss(const uint8_t* digest, const uint8_t* salt, MutableBytes encoded) {
    const Pss pss(encoded);
    std::memset(pss.block.data, 0, pss.block.size);
    pss.salt[-1] = 1;
    std::memcpy(pss.salt, salt, kBytes);
    hash_salted(digest, salt, pss.hash);
    *pss.trailer = 0xbc;
    mask({pss.hash, kBytes}, pss.block);
    // The encoded message is one bit shorter than the modulus.
    pss.block.data[0] &= 0x7f;
  }

  static bool accepts_pss_vartime(const uint8_t* digest, MutableBytes encoded) {
    const Pss pss(encoded);
    if (*pss.trailer != 0xbc || encoded.data[0] & 0x80) return false;
    mask({pss.hash, kBytes}, pss.block);
    pss.block.data[0] &= 0x7f;
    for (const uint8_t* byte = pss.block.data; byte < pss.salt - 1; byte++) {
      if (*byte != 0) return false;
    }
    uint8_t expected[kBytes];
    hash_salted(digest, pss.salt, expected);
    return pss.salt[-1] == 1 && std::memcmp(expected, pss.hash, kBytes) == 0;
  }

  static void encode_pkcs1(const uint8_t* digest, MutableBytes encoded) {
    const uint8_t prefix[kPrefixBytes] = {
        0x30, 17 + kBytes,       0x30, 0x0d, 0x06, 0x09,  0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
        0x02, kAlgorithmByte<H>, 0x05, 0x00, 0x04, kBytes};
    uint8_t* const info = encoded.data + encoded.size - kBytes - kPrefixBytes;
    std::memset(encoded.data, 0xff, encoded.size);
    encoded.data[0] = 0;
    encoded.data[1] = 1;
    info[-1] = 0;
    std::memcpy(info, prefix, kPrefixBytes);
    std::memcpy(info + kPrefixBytes, digest, kBytes);
  }

  /** Of the empty label. */
  static void hash_label(uint8_t* out) {
    Context context;
    H::start(context);
    H::finish(context, out);
  }

  static void encode_oaep(Bytes message, const uint8_t* seed, MutableBytes encoded) {
    uint8_t* const masked_seed = encoded.data + 1;
    const MutableBytes block = {masked_seed + kBytes, encoded.size - kBytes - 1};
    std::memset(encoded.data, 0, encoded.size);
    hash_label(block.data);
    uint8_t* const end = block.data + block.size - message.size;
    end[-1] = 1;
    if (message.size > 0) std::memcpy(end, message.data, message.size);
    std::memcpy(masked_seed, seed, kBytes);
    mask({masked_seed, kBytes}, block);
    mask(block, {masked_seed, kBytes});
  }

  static Bytes decode_oaep(MutableBytes encoded) {
    uint8_t* const seed = encoded.data + 1;
    const MutableBytes block = {seed + kBytes, encoded.size - kBytes - 1};
    mask(block, {seed, kBytes});
    mask({seed, kBytes}, block);
    uint8_t label[kBytes];
    hash_label(label);
    uint32_t bad = encoded.data[0];
    for (size_t i = 0; i < kBytes; i++) bad |= label[i] ^ block.data[i];
    uint32_t looking = ~uint32_t{0}, start = 0;
    for (size_t i = kBytes; i < block.size; i++) {
      const uint32_t byte = block.data[i], is_one = is_zero_mask(byte ^ 1), is_zero = is_zero_mask(byte);
      start |= looking & is_one & static_cast<uint32_t>(i + 1);
      bad |= looking & ~is_one & ~is_zero;
      looking &= ~is_one;
    }
    bad |= looking;
    // One bit, which the caller's answer tells anyway; and after it the message is the caller's.
    const bool is_bad = is_zero_mask((bad | bad >> 16) & 0xffff) == 0;
    bool told = is_bad;
    KEYMILL_DECLASSIFY(&told, sizeof told);
    if (told) return {};
    KEYMILL_DECLASSIFY(&start, sizeof start);
    return {block.data + start, block.size - start};
  }

  static constexpr RsaEncoding row() {
    return {H::kHash, kBytes, encode_pss, accepts_pss_vartime, encode_pkcs1, encode_oaep, decode_oaep};
  }
};

constexpr RsaEncoding kEncodings[] = {On<Sha1>::row(), On<Sha256>::row(), On<Sha384>::row(), On<Sha512>::row()};

}  // namespace

const RsaEncoding& rsa_encoding(Hash hash) {
  for (const RsaEncoding& row : kEncodings) {
    if (row.hash == hash) return row;
  }
  return kEncodings[0];
}

}  // namespace keymill
