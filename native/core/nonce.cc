#include "sha2.h"

// After sha2.h, which asks for that.
#include "declassify.h"
#include "nonce.h"

namespace keymill {
namespace {

constexpr size_t kMaxBytes = 66;

/** HMAC (RFC 2104) under one key of the hash's own length, any number of times. */
template <typename H>
class Hmac {
 public:
  explicit Hmac(const uint8_t* key) {
    uint8_t block[H::kBlockBytes];
    const auto absorb = [&](typename H::Context& context, uint8_t padding) {
      std::memset(block, padding, sizeof block);
      for (size_t i = 0; i < H::kDigestBytes; i++) block[i] ^= key[i];
      H::start(context);
      H::update(context, {block, sizeof block});
    };
    absorb(inner_, 0x36);
    absorb(outer_, 0x5c);
    wipe(block, sizeof block);
  }
  ~Hmac() {
    wipe(&inner_, sizeof inner_);
    wipe(&outer_, sizeof outer_);
    wipe(&context_, sizeof context_);
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  /** `out` may be one of the parts. */
  template <typename... Parts>
  void operator()(uint8_t* out, const Parts&... parts) {
    context_ = inner_;
    (H::update(context_, parts), ...);
    uint8_t digest[H::kDigestBytes];
    H::finish(context_, digest);
    context_ = outer_;
    H::update(context_, {digest, sizeof digest});
    H::finish(context_, out);
    wipe(digest, sizeof digest);
  }

 private:
  typename H::Context inner_, outer_, context_;
};

/** a - b over `bytes` bytes; returns whether it was negative. `out` may be `a`. */
unsigned subtract(const uint8_t* a, const uint8_t* b, size_t bytes, uint8_t* out) {
  unsigned borrow = 0;
  for (size_t i = bytes; i-- > 0;) {
    const unsigned difference = 0u + a[i] - b[i] - borrow;
    out[i] = static_cast<uint8_t>(difference);
    borrow = difference >> 31;
  }
  return borrow;
}

/** Whether a candidate lies in [1, n - 1]. Those that do not are thrown away, so that the answer may be known. */
bool is_nonce(const NonceCurve& curve, const uint8_t* candidate) {
  uint8_t difference[kMaxBytes];
  const unsigned below = subtract(candidate, curve.order, curve.bytes, difference);
  unsigned any = 0;
  for (size_t i = 0; i < curve.bytes; i++) any |= candidate[i];
  wipe(difference, sizeof difference);
  unsigned good = below & ((0 - any) >> 31);
  KEYMILL_DECLASSIFY(&good, sizeof good);
  return good != 0;
}

/** bits2int of RFC 6979 section 2.3.2 for a string not shorter than the order. */
void leftmost_bits(const NonceCurve& curve, const uint8_t* string, uint8_t* out) {
  const int shift = static_cast<int>(8 * curve.bytes) - curve.bits;
  unsigned above = 0;
  for (size_t i = 0; i < curve.bytes; i++) {
    out[i] = static_cast<uint8_t>((above << 8 | string[i]) >> shift);
    above = string[i];
  }
}

template <typename H>
void derive(const NonceCurve& curve, const uint8_t* secret, const uint8_t* digest, Bytes additional, uint8_t* nonce) {
  const size_t bytes = curve.bytes;
  // bits2octets: the digest modulo n, without a branch since digests of secret messages are not public.
  uint8_t reduced[kMaxBytes];
  const auto keep = static_cast<uint8_t>(0 - subtract(digest, curve.order, bytes, reduced));
  for (size_t i = 0; i < bytes; i++) reduced[i] = static_cast<uint8_t>((digest[i] & keep) | (reduced[i] & ~keep));

  uint8_t key[H::kDigestBytes] = {}, value[H::kDigestBytes], string[2 * H::kDigestBytes];
  std::memset(value, 1, sizeof value);
  const Bytes v = {value, sizeof value};
  for (uint8_t step = 0; step < 2; step++) {
    Hmac<H>{key}(key, v, Bytes{&step, 1}, Bytes{secret, bytes}, Bytes{reduced, bytes}, additional);
    Hmac<H>{key}(value, v);
  }
  for (;;) {
    Hmac<H> hmac(key);
    for (size_t filled = 0; filled < bytes; filled += sizeof value) {
      hmac(value, v);
      std::memcpy(string + filled, value, sizeof value);
    }
    leftmost_bits(curve, string, nonce);
    if (is_nonce(curve, nonce)) break;
    const uint8_t zero = 0;
    hmac(key, v, Bytes{&zero, 1});
    Hmac<H>{key}(value, v);
  }
  wipe(key, sizeof key);
  wipe(value, sizeof value);
  wipe(string, sizeof string);
  wipe(reduced, sizeof reduced);
}

constexpr uint8_t kP256Order[] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17,
                                  0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};
constexpr uint8_t kP384Order[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf, 0x58, 0x1a, 0x0d, 0xb2,
                                  0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73};
constexpr uint8_t kP521Order[] = {0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                  0xff, 0xff, 0xff, 0xff, 0xff, 0xfa, 0x51, 0x86, 0x87, 0x83, 0xbf, 0x2f, 0x96, 0x6b,
                                  0x7f, 0xcc, 0x01, 0x48, 0xf7, 0x09, 0xa5, 0xd0, 0x3b, 0xb5, 0xc9, 0xb8, 0x89, 0x9c,
                                  0x47, 0xae, 0xbb, 0x6f, 0xb7, 0x1e, 0x91, 0x38, 0x64, 0x09};
constexpr uint8_t kSecp256k1Order[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xfe, 0xba, 0xae, 0xdc, 0xe6, 0xaf, 0x48,
                                       0xa0, 0x3b, 0xbf, 0xd2, 0x5e, 0x8c, 0xd0, 0x36, 0x41, 0x41};
}  // namespace

const NonceCurve kNonceCurves[4] = {
    {32, 256, kP256Order, derive<Sha256>},
    {48, 384, kP384Order, derive<Sha384>},
    {66, 521, kP521Order, derive<Sha512>},
    {32, 256, kSecp256k1Order, derive<Sha256>},
};

}  // namespace keymill
