#include "gcm_kernel.h"
#include "unroll.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define KEYMILL_TARGET "avx512f,avx512dq,avx512bw,avx512vl,aes,pclmul,vaes,vpclmulqdq"
#include "target_begin.h"

#if !defined(__clang__)
// GCC 12's own header leaves what an instruction ignores uninitialized (its bug 105593).
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace keymill {
namespace {

constexpr size_t kBlockBytes = 16;
constexpr size_t kVectorBytes = 64;
constexpr size_t kVectorBlocks = kVectorBytes / kBlockBytes;
constexpr size_t kRounds = 14;
/** Vectors enciphered together where one message is long. */
constexpr size_t kStride = 4;
constexpr size_t kStrideBytes = kStride * kVectorBytes;
constexpr size_t kStrideBlocks = kStride * kVectorBlocks;
/** Messages enciphered together where each fits a vector beside its J0. */
constexpr size_t kTogether = 8;
constexpr size_t kShortBytes = kVectorBytes - kBlockBytes;

static_assert(sizeof(GcmSchedule::powers) == (kStrideBlocks + kVectorBlocks - 1) * kBlockBytes, "one stride of powers");

using Block = __m128i;
using Vector = __m512i;

Block load(const uint8_t* p) { return _mm_loadu_si128(reinterpret_cast<const Block*>(p)); }
void store(uint8_t* p, Block b) { _mm_storeu_si128(reinterpret_cast<Block*>(p), b); }
Vector load_vector(const uint8_t* p) { return _mm512_loadu_si512(p); }
Vector four_of(Block b) { return _mm512_broadcast_i32x4(b); }
Block first_of(Vector v) { return _mm512_castsi512_si128(v); }

/** GCM reads bits from the left (SP 800-38D section 6.3), multiplications from the right. */
Block bytes_reversed() { return _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15); }
Block reversed(Block b) { return _mm_shuffle_epi8(b, bytes_reversed()); }
Vector reversed(Vector v) { return _mm512_shuffle_epi8(v, four_of(bytes_reversed())); }

/** The bytes of a vector that `bytes` of text fill. */
__mmask64 filled(size_t bytes) { return bytes >= kVectorBytes ? ~__mmask64{0} : (__mmask64{1} << bytes) - 1; }

// ---- GHASH (SP 800-38D section 6.4), as Gueron and Kounavis reflect it: hash keys are kept times x, so that the
// product of two reflected operands needs no shift, and both folds are by the reflected polynomial. ----

Block polynomial() { return _mm_set_epi64x(static_cast<long long>(0xc200000000000000), 1); }

/** A sum of products that is not reduced yet. */
struct Products {
  Vector low, middle, high;

  // Written out: the compiler's own would not be compiled for this processor.
  Products() : low(_mm512_setzero_si512()), middle(low), high(low) {}
  void add(Vector a, Vector b) {
    low = _mm512_xor_si512(low, _mm512_clmulepi64_epi128(a, b, 0x00));
    middle = _mm512_ternarylogic_epi64(middle, _mm512_clmulepi64_epi128(a, b, 0x01),
                                       _mm512_clmulepi64_epi128(a, b, 0x10), 0x96);
    high = _mm512_xor_si512(high, _mm512_clmulepi64_epi128(a, b, 0x11));
  }
  Vector reduced() const {
    const Vector p = four_of(polynomial());
    const Vector folded = _mm512_ternarylogic_epi64(middle, _mm512_shuffle_epi32(low, _MM_PERM_BADC),
                                                    _mm512_clmulepi64_epi128(p, low, 0x01), 0x96);
    return _mm512_ternarylogic_epi64(high, _mm512_shuffle_epi32(folded, _MM_PERM_BADC),
                                     _mm512_clmulepi64_epi128(p, folded, 0x01), 0x96);
  }
  /** The four blocks added up. */
  Block sum() const {
    const Vector four = reduced();
    const __m256i two = _mm256_xor_si256(_mm512_castsi512_si256(four), _mm512_extracti64x4_epi64(four, 1));
    return _mm_xor_si128(_mm256_castsi256_si128(two), _mm256_extracti128_si256(two, 1));
  }
};

/** Four products. */
Vector multiply(Vector a, Vector b) {
  Products products;
  products.add(a, b);
  return products.reduced();
}

/** Times x: doubled, and where a bit falls out the polynomial added, without a branch. */
Block times_x(Block b) {
  const Block carries = _mm_srli_epi64(b, 63);
  const Block doubled = _mm_or_si128(_mm_slli_epi64(b, 1), _mm_slli_si128(carries, 8));
  const Block fell_out = _mm_sub_epi64(_mm_setzero_si128(), _mm_unpackhi_epi64(carries, carries));
  return _mm_xor_si128(doubled, _mm_and_si128(fell_out, polynomial()));
}

/** The powers that `blocks` are multiplied with, the first with the highest. */
const uint8_t* powers_for(const GcmSchedule& schedule, size_t blocks) {
  return schedule.powers[kStrideBlocks - blocks];
}

Vector added_to_first(Vector v, Block b) { return _mm512_xor_si512(v, _mm512_zextsi128_si512(b)); }

/** Hashes `blocks` blocks that fill `count` reversed vectors, which are zero beyond them. */
template <size_t count>
Block hash(const GcmSchedule& schedule, Block state, const Vector (&text)[count], size_t blocks) {
  const uint8_t* powers = powers_for(schedule, blocks);
  Products products;
  products.add(added_to_first(text[0], state), load_vector(powers));
  KEYMILL_UNROLL
  for (size_t v = 1; v < count; v++) products.add(text[v], load_vector(powers + v * kVectorBytes));
  return products.sum();
}

/** Hashes at most a stride of bytes, padded with zeros to whole blocks. */
Block hash_stride(const GcmSchedule& schedule, Block state, const Vector (&text)[kStride], size_t bytes) {
  if (bytes == kStrideBytes) return hash(schedule, state, text, kStrideBlocks);
  for (size_t done = 0; done < bytes; done += kVectorBytes) {
    const size_t left = bytes - done < kVectorBytes ? bytes - done : kVectorBytes;
    const Vector one[1] = {text[done / kVectorBytes]};
    state = hash(schedule, state, one, (left + kBlockBytes - 1) / kBlockBytes);
  }
  return state;
}

Block hash_of_aad(const GcmMessage& message) {
  Block state = _mm_setzero_si128();
  for (size_t at = 0; at < message.aad_bytes; at += kStrideBytes) {
    const size_t left = message.aad_bytes - at < kStrideBytes ? message.aad_bytes - at : kStrideBytes;
    Vector text[kStride];
    for (size_t done = 0; done < left; done += kVectorBytes) {
      const Vector bytes = _mm512_maskz_loadu_epi8(filled(left - done), message.aad + at + done);
      text[done / kVectorBytes] = reversed(bytes);
    }
    state = hash_stride(*message.schedule, state, text, left);
  }
  return state;
}

/** The last block of the hash, reversed: both lengths in bits. */
Block lengths(const GcmMessage& message) {
  return _mm_set_epi64x(static_cast<long long>(message.aad_bytes * 8), static_cast<long long>(message.text_bytes * 8));
}

// ---- AES-256 (FIPS 197) ----

Vector round_key(const GcmSchedule& schedule, size_t round) { return four_of(load(schedule.round_keys[round])); }

/** Enciphers `count` vectors, each under its own schedule. */
template <size_t count, typename ScheduleOf>
void encipher(Vector (&states)[count], ScheduleOf schedule_of) {
  KEYMILL_UNROLL
  for (size_t i = 0; i < count; i++) states[i] = _mm512_xor_si512(states[i], round_key(schedule_of(i), 0));
  KEYMILL_UNROLL
  for (size_t round = 1; round < kRounds; round++) {
    KEYMILL_UNROLL
    for (size_t i = 0; i < count; i++) states[i] = _mm512_aesenc_epi128(states[i], round_key(schedule_of(i), round));
  }
  KEYMILL_UNROLL
  for (size_t i = 0; i < count; i++) {
    states[i] = _mm512_aesenclast_epi128(states[i], round_key(schedule_of(i), kRounds));
  }
}

/** Half a round of the key schedule: `key` is what it was two round keys ago, `word` in each column. */
Block next_round_key(Block key, Block word) {
  key = _mm_xor_si128(key, _mm_slli_si128(key, 4));
  key = _mm_xor_si128(key, _mm_slli_si128(key, 8));
  return _mm_xor_si128(key, word);
}

template <int constant>
void next_pair(GcmSchedule& schedule, size_t round, Block& even, Block& odd) {
  even = next_round_key(even, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(odd, constant), 0xff));
  store(schedule.round_keys[round], even);
  if (round == kRounds) return;
  odd = next_round_key(odd, _mm_shuffle_epi32(_mm_aeskeygenassist_si128(even, 0), 0xaa));
  store(schedule.round_keys[round + 1], odd);
}

void expand_key(Block even, Block odd, GcmSchedule& schedule) {
  store(schedule.round_keys[0], even);
  store(schedule.round_keys[1], odd);
  next_pair<0x01>(schedule, 2, even, odd);
  next_pair<0x02>(schedule, 4, even, odd);
  next_pair<0x04>(schedule, 6, even, odd);
  next_pair<0x08>(schedule, 8, even, odd);
  next_pair<0x10>(schedule, 10, even, odd);
  next_pair<0x20>(schedule, 12, even, odd);
  next_pair<0x40>(schedule, 14, even, odd);
}

/** Enciphers one vector. */
Vector encipher(const GcmSchedule& schedule, Vector vector) {
  Vector one[1] = {vector};
  encipher(one, [&](size_t) -> const GcmSchedule& { return schedule; });
  return one[0];
}

void expand(Block even, Block odd, GcmSchedule& schedule) {
  expand_key(even, odd, schedule);
  const Vector zeros = _mm512_setzero_si512();
  const Vector first = _mm512_zextsi128_si512(times_x(reversed(first_of(encipher(schedule, zeros)))));
  // A vector holds four powers, the lowest last: H^2 and H, times H^2 the two before them.
  const Vector second = multiply(first, first);
  const Vector two = _mm512_inserti32x4(second, first_of(first), 1);
  const Vector before = multiply(two, four_of(first_of(second)));
  const Vector last = _mm512_inserti64x4(before, _mm512_castsi512_si256(two), 1);
  const Vector fourth = four_of(first_of(last));
  const Vector third_quarter = multiply(last, fourth);
  const Vector eighth = four_of(first_of(third_quarter));
  const Vector powers[] = {multiply(third_quarter, eighth), multiply(last, eighth), third_quarter, last, zeros};
  for (size_t v = 0; v < kStride; v++) _mm512_storeu_si512(schedule.powers[v * kVectorBlocks], powers[v]);
  _mm512_mask_storeu_epi64(schedule.powers[kStrideBlocks], 0x3f, zeros);
}

void expand_given(const uint8_t key[32], GcmSchedule& schedule) {
  expand(load(key), load(key + kBlockBytes), schedule);
}

void derive(const GcmSchedule& schedule, const uint8_t blocks[32], GcmSchedule& derived) {
  const Vector key = encipher(schedule, _mm512_maskz_loadu_epi64(0x0f, blocks));
  expand(first_of(key), _mm512_extracti32x4_epi32(key, 1), derived);
}

// ---- Messages ----

/** Four counter blocks of a message (SP 800-38D section 7.1); counters as words of the processor until they are used.
 */
class Counters {
 public:
  Counters(const GcmMessage& message, int first, int second, int third, int fourth) {
    const Block nonce = _mm_maskz_loadu_epi8(0x0fff, message.nonce);
    const Vector counts = _mm512_set_epi32(fourth, 0, 0, 0, third, 0, 0, 0, second, 0, 0, 0, first, 0, 0, 0);
    words_ = _mm512_or_si512(four_of(nonce), counts);
  }
  Vector blocks() const {
    const Block big_endian = _mm_set_epi8(12, 13, 14, 15, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_shuffle_epi8(words_, four_of(big_endian));
  }
  void advance() { words_ = _mm512_add_epi32(words_, four_of(_mm_set_epi32(kVectorBlocks, 0, 0, 0))); }

 private:
  Vector words_;
};

/** Of the text's three blocks and, last, J0. */
Vector short_counters(const GcmMessage& message) { return Counters(message, 2, 3, 4, 1).blocks(); }

/** The tag that `open` compares with, read before the text: opening in place may write over it. */
template <bool sealing>
Block given_tag(const GcmMessage& message) {
  return sealing ? _mm_setzero_si128() : load(message.tag);
}

template <bool sealing>
void finish(GcmMessage& message, Block tag, Block given) {
  if constexpr (sealing) {
    store(message.tag, tag);
  } else {
    const Block difference = _mm_xor_si128(tag, given);
    message.authentic = _mm_testz_si128(difference, difference) != 0;
  }
}

/** `bytes` of text, fewer or more than the vector has, against its key stream; returns the ciphertext. */
template <bool sealing>
Vector run_vector(const GcmMessage& message, size_t at, size_t bytes, Vector stream) {
  const __mmask64 mask = filled(bytes);
  const Vector input = _mm512_maskz_loadu_epi8(mask, message.input + at);
  const Vector output = _mm512_maskz_mov_epi8(mask, _mm512_xor_si512(input, stream));
  _mm512_mask_storeu_epi8(message.output + at, mask, output);
  return sealing ? output : input;
}

/** A message of at most three blocks; `stream` is E(2), E(3), E(4) and E(J0). */
template <bool sealing>
void run_short(GcmMessage& message, Vector stream) {
  const Block given = given_tag<sealing>(message);
  const Block state = message.aad_bytes > 0 ? hash_of_aad(message) : _mm_setzero_si128();
  const Vector ciphertext = reversed(run_vector<sealing>(message, 0, message.text_bytes, stream));
  const size_t blocks = (message.text_bytes + kBlockBytes - 1) / kBlockBytes;
  const auto after = static_cast<__mmask16>(0xf << (4 * blocks));
  const Vector text[1] = {_mm512_mask_broadcast_i32x4(ciphertext, after, lengths(message))};
  const Block hashed = hash(*message.schedule, state, text, blocks + 1);
  finish<sealing>(message, _mm_xor_si128(reversed(hashed), _mm512_extracti32x4_epi32(stream, 3)), given);
}

/** Messages of at most three blocks. */
template <bool sealing>
void run_together(GcmMessage* const (&messages)[kTogether]) {
  Vector streams[kTogether];
  for (size_t i = 0; i < kTogether; i++) streams[i] = short_counters(*messages[i]);
  encipher(streams, [&](size_t i) -> const GcmSchedule& { return *messages[i]->schedule; });
  for (size_t i = 0; i < kTogether; i++) run_short<sealing>(*messages[i], streams[i]);
}

template <bool sealing>
void run_long(GcmMessage& message) {
  const GcmSchedule& schedule = *message.schedule;
  const auto same_key = [&](size_t) -> const GcmSchedule& { return schedule; };
  const Block given = given_tag<sealing>(message);
  Block state = hash_of_aad(message);
  const Block masking = first_of(encipher(schedule, Counters(message, 1, 0, 0, 0).blocks()));
  Counters counters(message, 2, 3, 4, 5);
  for (size_t at = 0; at < message.text_bytes; at += kStrideBytes) {
    const size_t left = message.text_bytes - at;
    Vector vectors[kStride];
    for (Vector& vector : vectors) {
      vector = counters.blocks();
      counters.advance();
    }
    encipher(vectors, same_key);
    if (left >= kStrideBytes) {
      KEYMILL_UNROLL
      for (size_t v = 0; v < kStride; v++) {
        vectors[v] = reversed(run_vector<sealing>(message, at + v * kVectorBytes, kVectorBytes, vectors[v]));
      }
      state = hash(schedule, state, vectors, kStrideBlocks);
    } else {
      for (size_t done = 0; done < left; done += kVectorBytes) {
        Vector& vector = vectors[done / kVectorBytes];
        vector = reversed(run_vector<sealing>(message, at + done, left - done, vector));
      }
      state = hash_stride(schedule, state, vectors, left);
    }
  }
  const Vector last[1] = {_mm512_zextsi128_si512(lengths(message))};
  state = hash(schedule, state, last, 1);
  finish<sealing>(message, _mm_xor_si128(reversed(state), masking), given);
}

template <bool sealing>
void run(GcmMessage* messages, size_t count) {
  GcmMessage* together[kTogether];
  size_t gathered = 0;
  for (size_t i = 0; i < count; i++) {
    if (messages[i].text_bytes > kShortBytes) {
      run_long<sealing>(messages[i]);
      continue;
    }
    together[gathered++] = &messages[i];
    if (gathered < kTogether) continue;
    run_together<sealing>(together);
    gathered = 0;
  }
  for (size_t i = 0; i < gathered; i++) {
    GcmMessage& message = *together[i];
    run_short<sealing>(message, encipher(*message.schedule, short_counters(message)));
  }
}

}  // namespace

const GcmKernel kVaesGcm = {expand_given, derive, run<true>, run<false>};

}  // namespace keymill

#include "target_end.h"

#else

namespace keymill {
const GcmKernel kVaesGcm = {};
}  // namespace keymill

#endif
