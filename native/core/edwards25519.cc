#include "edwards25519.h"

#include <cstddef>
#include <cstring>

#include "bytes.h"

namespace keymill::edwards25519 {
namespace {

using uint128 = unsigned __int128;

// ---- The field of 2^255 - 19, five limbs of 51 bits. Every function takes and gives limbs below 2^51 + 2^16. ----

struct Field {
  uint64_t limb[5];
};

constexpr uint64_t kLimbMask = (uint64_t{1} << 51) - 1;
constexpr Field kZero = {{0, 0, 0, 0, 0}};
constexpr Field kOne = {{1, 0, 0, 0, 0}};
/** d = -121665/121666, RFC 8032 section 5.1. */
constexpr Field kD = {{0x34dca135978a3, 0x1a8283b156ebd, 0x5e7a26001c029, 0x739c663a03cbb, 0x52036cee2b6ff}};
constexpr Field kTwoD = {{0x69b9426b2f159, 0x35050762add7a, 0x3cf44c0038052, 0x6738cc7407977, 0x2406d9dc56dff}};
/** 2^((p-1)/4), a square root of -1. */
constexpr Field kSqrtMinusOne = {{0x61b274a0ea0b0, 0x0d5a5fc8f189d, 0x7ef5e9cbd0c60, 0x78595a6804c9e, 0x2b8324804fc1d}};

Field carry(const uint64_t (&in)[5]) {
  Field out;
  uint64_t c = 0;
  for (int i = 0; i < 5; i++) {
    out.limb[i] = in[i] + c;
    c = out.limb[i] >> 51;
    out.limb[i] &= kLimbMask;
  }
  out.limb[0] += 19 * c;
  return out;
}

Field operator+(const Field& a, const Field& b) {
  uint64_t sum[5];
  for (int i = 0; i < 5; i++) sum[i] = a.limb[i] + b.limb[i];
  return carry(sum);
}

Field operator-(const Field& a, const Field& b) {
  // 2p is added first so that no limb goes below zero.
  constexpr uint64_t kTwoP[5] = {2 * (kLimbMask - 18), 2 * kLimbMask, 2 * kLimbMask, 2 * kLimbMask, 2 * kLimbMask};
  uint64_t difference[5];
  for (int i = 0; i < 5; i++) difference[i] = a.limb[i] + kTwoP[i] - b.limb[i];
  return carry(difference);
}

/** Folds five column sums, each below 2^112, using 2^255 = 19. */
Field fold(uint128 t0, uint128 t1, uint128 t2, uint128 t3, uint128 t4) {
  t1 += static_cast<uint64_t>(t0 >> 51);
  t2 += static_cast<uint64_t>(t1 >> 51);
  t3 += static_cast<uint64_t>(t2 >> 51);
  t4 += static_cast<uint64_t>(t3 >> 51);
  const uint128 low = (static_cast<uint64_t>(t0) & kLimbMask) + (t4 >> 51) * 19;
  return {{static_cast<uint64_t>(low) & kLimbMask,
           (static_cast<uint64_t>(t1) & kLimbMask) + static_cast<uint64_t>(low >> 51),
           static_cast<uint64_t>(t2) & kLimbMask, static_cast<uint64_t>(t3) & kLimbMask,
           static_cast<uint64_t>(t4) & kLimbMask}};
}

Field operator*(const Field& a, const Field& b) {
  const uint128 a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
  const uint64_t b0 = b.limb[0], b1 = b.limb[1], b2 = b.limb[2], b3 = b.limb[3], b4 = b.limb[4];
  const uint64_t c1 = 19 * b1, c2 = 19 * b2, c3 = 19 * b3, c4 = 19 * b4;
  return fold(a0 * b0 + a1 * c4 + a2 * c3 + a3 * c2 + a4 * c1, a0 * b1 + a1 * b0 + a2 * c4 + a3 * c3 + a4 * c2,
              a0 * b2 + a1 * b1 + a2 * b0 + a3 * c4 + a4 * c3, a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + a4 * c4,
              a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0);
}

Field square(const Field& a) {
  const uint128 a0 = a.limb[0], a1 = a.limb[1], a2 = a.limb[2], a3 = a.limb[3], a4 = a.limb[4];
  const uint64_t b1 = a.limb[1], b2 = a.limb[2], b3 = a.limb[3], b4 = a.limb[4];
  const uint64_t d1 = 2 * b1, d2 = 2 * b2, d3 = 2 * b3, d4 = 2 * b4, c3 = 19 * b3, c4 = 19 * b4;
  return fold(a0 * a.limb[0] + a1 * (2 * c4) + a2 * (2 * c3), a0 * d1 + a2 * (2 * c4) + a3 * c3,
              a0 * d2 + a1 * b1 + a3 * (2 * c4), a0 * d3 + a1 * d2 + a4 * c4, a0 * d4 + a1 * d3 + a2 * b2);
}

Field square_times(Field a, int times) {
  for (int i = 0; i < times; i++) a = square(a);
  return a;
}

/** a^(2^250 - 1), what both exponents below begin with; also gives a^11. */
Field power_2_250_minus_1(const Field& a, Field* a11) {
  const Field a2 = square(a);
  const Field a9 = square_times(a2, 2) * a;
  *a11 = a9 * a2;
  const Field e5 = square(*a11) * a9;
  const Field e10 = square_times(e5, 5) * e5;
  const Field e20 = square_times(e10, 10) * e10;
  const Field e40 = square_times(e20, 20) * e20;
  const Field e50 = square_times(e40, 10) * e10;
  const Field e100 = square_times(e50, 50) * e50;
  const Field e200 = square_times(e100, 100) * e100;
  return square_times(e200, 50) * e50;
}

/** a^(p - 2); 0 for 0. */
Field invert(const Field& a) {
  Field a11;
  const Field e250 = power_2_250_minus_1(a, &a11);
  return square_times(e250, 5) * a11;
}

/** a^((p - 5) / 8). */
Field power_p58(const Field& a) {
  Field a11;
  const Field e250 = power_2_250_minus_1(a, &a11);
  return square_times(e250, 2) * a;
}

void store_word(uint8_t* out, uint64_t word) {
  for (int i = 0; i < 8; i++) out[i] = static_cast<uint8_t>(word >> (8 * i));
}

uint64_t load_word(const uint8_t* in) {
  uint64_t word = 0;
  for (int i = 0; i < 8; i++) word |= static_cast<uint64_t>(in[i]) << (8 * i);
  return word;
}

/** The one encoding below p. */
void encode(uint8_t out[32], const Field& a) {
  const Field t = carry(a.limb);
  // q is 1 exactly where t is p or more; adding 19 q and dropping 2^255 subtracts it.
  uint64_t q = (t.limb[0] + 19) >> 51;
  for (int i = 1; i < 5; i++) q = (t.limb[i] + q) >> 51;
  uint64_t limb[5];
  uint64_t c = 19 * q;
  for (int i = 0; i < 5; i++) {
    limb[i] = t.limb[i] + c;
    c = limb[i] >> 51;
    limb[i] &= kLimbMask;
  }
  store_word(out, limb[0] | limb[1] << 51);
  store_word(out + 8, limb[1] >> 13 | limb[2] << 38);
  store_word(out + 16, limb[2] >> 26 | limb[3] << 25);
  store_word(out + 24, limb[3] >> 39 | limb[4] << 12);
}

/** Reads 255 bits; values of p and above are taken modulo p. */
Field decode(const uint8_t in[32]) {
  const uint64_t w0 = load_word(in), w1 = load_word(in + 8), w2 = load_word(in + 16), w3 = load_word(in + 24);
  return {{w0 & kLimbMask, (w0 >> 51 | w1 << 13) & kLimbMask, (w1 >> 38 | w2 << 26) & kLimbMask,
           (w2 >> 25 | w3 << 39) & kLimbMask, (w3 >> 12) & kLimbMask}};
}

bool equal_vartime(const Field& a, const Field& b) {
  uint8_t x[32], y[32];
  encode(x, a);
  encode(y, b);
  return std::memcmp(x, y, 32) == 0;
}

/** RFC 8032 section 5.1.2: the sign of x is its lowest bit. */
uint8_t is_negative(const Field& a) {
  uint8_t encoded[32];
  encode(encoded, a);
  return encoded[0] & 1;
}

/** b where mask is all ones, a where it is zero. */
Field choose(const Field& a, const Field& b, uint64_t mask) {
  Field out;
  for (int i = 0; i < 5; i++) out.limb[i] = a.limb[i] ^ (mask & (a.limb[i] ^ b.limb[i]));
  return out;
}

// ---- Points: extended coordinates, Hisil, Wong, Carter, Dawson, "Twisted Edwards Curves Revisited", sections 3.1
// and 3.3. ----

/** x = X/Z, y = Y/Z, xy = T/Z. */
struct Point {
  Field x, y, z, t;
};

/** What addition needs of its second operand. */
struct Addend {
  Field y_plus_x, y_minus_x, z, t_2d;
};

constexpr Point kIdentity = {kZero, kOne, kOne, kZero};

Addend to_addend(const Point& p) { return {p.y + p.x, p.y - p.x, p.z, p.t * kTwoD}; }

Addend negate(const Addend& p) { return {p.y_minus_x, p.y_plus_x, p.z, kZero - p.t_2d}; }

/** Complete: right for every pair of points on the curve, equal ones and the identity included. */
Point add(const Point& p, const Addend& q) {
  const Field a = (p.y - p.x) * q.y_minus_x;
  const Field b = (p.y + p.x) * q.y_plus_x;
  const Field c = p.t * q.t_2d;
  const Field zz = p.z * q.z;
  const Field d = zz + zz;
  const Field e = b - a, f = d - c, g = d + c, h = b + a;
  return {e * f, g * h, f * g, e * h};
}

Point twice(const Point& p) {
  const Field a = square(p.x), b = square(p.y), zz = square(p.z);
  const Field c = zz + zz;
  const Field h = a + b;
  const Field e = h - square(p.x + p.y);
  const Field g = a - b;
  const Field f = c + g;
  return {e * f, g * h, f * g, e * h};
}

void encode(uint8_t out[32], const Point& p) {
  const Field z_inverse = invert(p.z);
  encode(out, p.y * z_inverse);
  out[31] ^= static_cast<uint8_t>(is_negative(p.x * z_inverse) << 7);
}

/** RFC 8032 section 5.1.3, but that y may be p or more and a zero x may have its sign bit set, as in OpenSSL. */
bool decode_vartime(Point* out, const uint8_t in[32]) {
  const Field y = decode(in);
  const Field yy = square(y);
  const Field u = yy - kOne;
  const Field v = yy * kD + kOne;
  const Field v3 = square(v) * v;
  Field x = u * v3 * power_p58(u * square(v3) * v);
  const Field vxx = v * square(x);
  if (!equal_vartime(vxx, u)) {
    if (!equal_vartime(vxx, kZero - u)) return false;
    x = x * kSqrtMinusOne;
  }
  if (is_negative(x) != in[31] >> 7) x = kZero - x;
  *out = {x, y, kOne, x * y};
  return true;
}

// ---- Multiplication of the base point B. ----

/** RFC 8032 section 5.1: y = 4/5, x positive. */
constexpr uint8_t kBase[32] = {0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
                               0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

constexpr int kRows = 32;
constexpr int kColumns = 8;

/** Entry (i, j) is [(j + 1) 256^i]B. */
struct BaseTable {
  Addend entry[kRows][kColumns];

  BaseTable() {
    Point row;
    decode_vartime(&row, kBase);
    for (int i = 0; i < kRows; i++) {
      const Addend step = to_addend(row);
      Point multiple = row;
      for (int j = 0; j < kColumns; j++) {
        entry[i][j] = to_addend(multiple);
        multiple = add(multiple, step);
      }
      for (int k = 0; k < 8; k++) row = twice(row);
    }
  }
};

const BaseTable& base_table() {
  static const BaseTable table;
  return table;
}

/** digit times the row's point, for a digit from -8 to 8; reads every entry whatever the digit. */
Addend select(const Addend (&row)[kColumns], int8_t digit) {
  const uint64_t negative = -static_cast<uint64_t>(static_cast<uint8_t>(digit) >> 7);
  const uint64_t magnitude = (static_cast<uint64_t>(static_cast<int64_t>(digit)) ^ negative) - negative;
  Addend out = {kOne, kOne, kOne, kZero};
  for (uint64_t j = 0; j < kColumns; j++) {
    // All ones where j + 1 is the magnitude: only then does the subtraction reach below zero.
    const uint64_t mask = -(((magnitude ^ (j + 1)) - 1) >> 63);
    out.y_plus_x = choose(out.y_plus_x, row[j].y_plus_x, mask);
    out.y_minus_x = choose(out.y_minus_x, row[j].y_minus_x, mask);
    out.z = choose(out.z, row[j].z, mask);
    out.t_2d = choose(out.t_2d, row[j].t_2d, mask);
  }
  const Addend minus = negate(out);
  return {choose(out.y_plus_x, minus.y_plus_x, negative), choose(out.y_minus_x, minus.y_minus_x, negative), out.z,
          choose(out.t_2d, minus.t_2d, negative)};
}

// ---- Two scalars at once, for verification. ----

constexpr int kNafWidth = 5;
constexpr int kOddMultiples = 1 << (kNafWidth - 2);

/** [1]P, [3]P, ... [15]P. */
struct OddMultiples {
  Addend entry[kOddMultiples];

  explicit OddMultiples(const Point& p) {
    const Addend two = to_addend(twice(p));
    Point multiple = p;
    for (auto& addend : entry) {
      addend = to_addend(multiple);
      multiple = add(multiple, two);
    }
  }
};

/** Writes a scalar as 256 signed digits, each zero or odd and below 16 in magnitude, any two at least five places
 * apart. */
void recode_vartime(int8_t digits[256], const uint8_t scalar[32]) {
  // One bit more than the scalar has, so that a carry out of the top window has a place.
  uint8_t bits[256 + kNafWidth] = {};
  for (int i = 0; i < 256; i++) bits[i] = scalar[i >> 3] >> (i & 7) & 1;
  std::memset(digits, 0, 256);
  int carry_in = 0;
  for (int i = 0; i < 256;) {
    if (bits[i] == carry_in) {
      i++;
      continue;
    }
    int window = carry_in;
    for (int j = 0; j < kNafWidth; j++) window += bits[i + j] << j;
    carry_in = window >> (kNafWidth - 1) & 1;
    digits[i] = static_cast<int8_t>(window - (carry_in << kNafWidth));
    i += kNafWidth;
  }
}

Point add_digit_vartime(const Point& p, const OddMultiples& multiples, int8_t digit) {
  if (digit > 0) return add(p, multiples.entry[digit / 2]);
  if (digit < 0) return add(p, negate(multiples.entry[-digit / 2]));
  return p;
}

// ---- Scalars modulo L, four limbs of 64 bits. ----

/** L = 2^252 + 27742317777372353535851937790883648493, RFC 8032 section 5.1. */
constexpr uint64_t kOrder[4] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0, 0x1000000000000000};
/** floor(2^512 / L), for Barrett's reduction: Handbook of Applied Cryptography, algorithm 14.42 with b = 2^64, k = 4.
 */
constexpr uint64_t kOrderInverse[5] = {0xed9ce5a30a2c131b, 0x2106215d086329a7, 0xffffffffffffffeb, 0xffffffffffffffff,
                                       0xf};

template <size_t N, size_t M>
void multiply(uint64_t (&out)[N + M], const uint64_t (&a)[N], const uint64_t (&b)[M]) {
  for (auto& limb : out) limb = 0;
  for (size_t i = 0; i < N; i++) {
    uint64_t high = 0;
    for (size_t j = 0; j < M; j++) {
      const uint128 t = static_cast<uint128>(a[i]) * b[j] + out[i + j] + high;
      out[i + j] = static_cast<uint64_t>(t);
      high = static_cast<uint64_t>(t >> 64);
    }
    out[i + M] = high;
  }
}

/** out = a - b; 1 where that is below zero. */
template <size_t N>
uint64_t subtract(uint64_t (&out)[N], const uint64_t (&a)[N], const uint64_t (&b)[N]) {
  uint64_t borrow = 0;
  for (size_t i = 0; i < N; i++) {
    const uint128 t = static_cast<uint128>(a[i]) - b[i] - borrow;
    out[i] = static_cast<uint64_t>(t);
    borrow = static_cast<uint64_t>(t >> 64) & 1;
  }
  return borrow;
}

void reduce(uint8_t out[32], const uint64_t (&x)[8]) {
  const uint64_t q1[5] = {x[3], x[4], x[5], x[6], x[7]};
  uint64_t q2[10];
  multiply(q2, q1, kOrderInverse);
  const uint64_t q3[5] = {q2[5], q2[6], q2[7], q2[8], q2[9]};
  uint64_t product[9];
  multiply(product, q3, kOrder);
  const uint64_t low[5] = {x[0], x[1], x[2], x[3], x[4]};
  const uint64_t product_low[5] = {product[0], product[1], product[2], product[3], product[4]};
  uint64_t r[5];
  subtract(r, low, product_low);
  // The estimate of the quotient is at most two too small (ibid., fact 14.43).
  constexpr uint64_t kOrder5[5] = {kOrder[0], kOrder[1], kOrder[2], kOrder[3], 0};
  for (int i = 0; i < 2; i++) {
    uint64_t less[5];
    const uint64_t keep = -subtract(less, r, kOrder5);
    for (int j = 0; j < 5; j++) r[j] = less[j] ^ (keep & (less[j] ^ r[j]));
  }
  for (int i = 0; i < 4; i++) store_word(out + 8 * i, r[i]);
  wipe(q2, sizeof q2);
  wipe(product, sizeof product);
  wipe(r, sizeof r);
}

void load_scalar(uint64_t (&out)[4], const uint8_t in[32]) {
  for (int i = 0; i < 4; i++) out[i] = load_word(in + 8 * i);
}

}  // namespace

void multiply_base(uint8_t point[32], const uint8_t scalar[32]) {
  // Radix 16 with digits from -8 to 8: even places and odd places take the same rows, four doublings apart.
  int8_t digits[64];
  int8_t carry_in = 0;
  for (int i = 0; i < 64; i++) {
    const int8_t digit = static_cast<int8_t>((scalar[i / 2] >> (4 * (i & 1)) & 15) + carry_in);
    carry_in = static_cast<int8_t>((digit + 8) >> 4);
    digits[i] = static_cast<int8_t>(digit - (i < 63 ? carry_in * 16 : 0));
  }
  const BaseTable& table = base_table();
  Point sum = kIdentity;
  for (int i = 1; i < 64; i += 2) sum = add(sum, select(table.entry[i / 2], digits[i]));
  for (int i = 0; i < 4; i++) sum = twice(sum);
  for (int i = 0; i < 64; i += 2) sum = add(sum, select(table.entry[i / 2], digits[i]));
  encode(point, sum);
  wipe(digits, sizeof digits);
  wipe(&sum, sizeof sum);
}

void reduce_scalar(uint8_t scalar[32], const uint8_t wide[64]) {
  uint64_t x[8];
  for (int i = 0; i < 8; i++) x[i] = load_word(wide + 8 * i);
  reduce(scalar, x);
  wipe(x, sizeof x);
}

void multiply_add_scalars(uint8_t out[32], const uint8_t a[32], const uint8_t b[32], const uint8_t c[32]) {
  uint64_t x[4], y[4], z[4], sum[8];
  load_scalar(x, a);
  load_scalar(y, b);
  load_scalar(z, c);
  multiply(sum, x, y);
  uint64_t high = 0;
  for (int i = 0; i < 8; i++) {
    const uint128 t = static_cast<uint128>(sum[i]) + (i < 4 ? z[i] : 0) + high;
    sum[i] = static_cast<uint64_t>(t);
    high = static_cast<uint64_t>(t >> 64);
  }
  reduce(out, sum);
  wipe(x, sizeof x);
  wipe(y, sizeof y);
  wipe(z, sizeof z);
  wipe(sum, sizeof sum);
}

bool is_canonical_scalar_vartime(const uint8_t scalar[32]) {
  uint64_t value[4], difference[4];
  load_scalar(value, scalar);
  return subtract(difference, value, kOrder) == 1;
}

bool satisfies_equation_vartime(const uint8_t r[32], const uint8_t s[32], const uint8_t h[32], const uint8_t a[32]) {
  Point point;
  if (!decode_vartime(&point, a)) return false;
  const OddMultiples minus_a({kZero - point.x, point.y, point.z, kZero - point.t});
  static const OddMultiples base = [] {
    Point b;
    decode_vartime(&b, kBase);
    return OddMultiples(b);
  }();
  int8_t s_digits[256], h_digits[256];
  recode_vartime(s_digits, s);
  recode_vartime(h_digits, h);
  Point sum = kIdentity;
  for (int i = 255; i >= 0; i--) {
    sum = twice(sum);
    sum = add_digit_vartime(sum, base, s_digits[i]);
    sum = add_digit_vartime(sum, minus_a, h_digits[i]);
  }
  uint8_t encoded[32];
  encode(encoded, sum);
  return std::memcmp(encoded, r, 32) == 0;
}

bool is_public_key_vartime(const uint8_t point[32]) {
  Point p;
  if (!decode_vartime(&p, point)) return false;
  uint8_t canonical[32];
  encode(canonical, p);
  if (std::memcmp(canonical, point, 32) != 0) return false;
  for (int i = 0; i < 3; i++) p = twice(p);
  return !equal_vartime(p.x, kZero);
}

}  // namespace keymill::edwards25519
