#include "sha2.h"

// After sha2.h, which asks for that.
#include "big_endian.h"
#include "declassify.h"
#include "nonce.h"

namespace keymill {
namespace {

constexpr size_t kMaxBytes = 66;

/** What one derivation computes with, all of it secret; wiped at once when it goes. HMAC is RFC 2104. */
template <typename H>
struct Generator {
  using Context = typename H::Context;
  Context inner, outer, running;
  uint8_t block[H::kBlockBytes];
  uint8_t digest[H::kDigestBytes];
  /** K and V of RFC 6979. */
  uint8_t key[H::kDigestBytes], value[H::kDigestBytes];
  uint8_t string[2 * H::kDigestBytes];
  uint8_t reduced[kMaxBytes];

  Generator() {
    std::memset(key, 0, sizeof key);
    std::memset(value, 1, sizeof value);
  }
  ~Generator() { wipe(this, sizeof *this); }
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  void absorb(Context& context, uint8_t padding) {
    std::memset(block, padding, sizeof block);
    for (size_t i = 0; i < H::kDigestBytes; i++) block[i] ^= key[i];
    H::start(context);
    H::update(context, {block, sizeof block});
  }
  /** Makes ready for macs under the key as it is now. */
  void take_key() {
    absorb(inner, 0x36);
    absorb(outer, 0x5c);
  }
  /** The same for the key of zeros that every derivation begins with; public. */
  void take_key_of_zeros() {
    struct States {
      Context inner, outer;
    };
    static const States zeros = [] {
      Generator g;
      g.take_key();
      return States{g.inner, g.outer};
    }();
    inner = zeros.inner;
    outer = zeros.outer;
  }
  /** HMAC of V and the other parts; `out` may be the key or V. */
  template <typename... Parts>
  void mac(uint8_t* out, const Parts&... parts) {
    running = inner;
    H::update(running, {value, sizeof value});
    (H::update(running, parts), ...);
    H::finish(running, digest);
    running = outer;
    H::update(running, {digest, sizeof digest});
    H::finish(running, out);
  }
};

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
  Generator<H> g;
  // bits2octets: the digest modulo n, without a branch since digests of secret messages are not public.
  const auto keep = static_cast<uint8_t>(0 - subtract(digest, curve.order, bytes, g.reduced));
  for (size_t i = 0; i < bytes; i++) g.reduced[i] = static_cast<uint8_t>((digest[i] & keep) | (g.reduced[i] & ~keep));

  g.take_key_of_zeros();
  for (uint8_t step = 0; step < 2; step++) {
    g.mac(g.key, Bytes{&step, 1}, Bytes{secret, bytes}, Bytes{g.reduced, bytes}, additional);
    g.take_key();
    g.mac(g.value);
  }
  for (;;) {
    for (size_t filled = 0; filled < bytes; filled += sizeof g.value) {
      g.mac(g.value);
      std::memcpy(g.string + filled, g.value, sizeof g.value);
    }
    leftmost_bits(curve, g.string, nonce);
    if (is_nonce(curve, nonce)) return;
    const uint8_t zero = 0;
    g.mac(g.key, Bytes{&zero, 1});
    g.take_key();
    g.mac(g.value);
  }
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
