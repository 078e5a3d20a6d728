// The generator of nonces (RFC 6979 section 3.2) in the lanes of a vector, written once for every hash and vector type.
// K and V never leave the vectors; bytes are only put in order for what is constant in a lane's text, and taken out for
// candidates. big_endian.h and nonce.h are included before this where functions are compiled for a processor.
#pragma once
#include "big_endian.h"
#include "declassify.h"
#include "nonce.h"
#include "sha2_lanes.h"

namespace keymill {

template <typename V, const Sha2Variant<typename V::Number>& variant>
class NonceLanes {
 public:
  /** NonceKernel::derive. */
  static void derive(const NonceCurve& curve, const NonceJob* jobs, size_t count) {
    Work work;
    State zeros;
    for (Word& word : zeros.word) word = V::broadcast(0);
    const Key first = take_key(zeros);
    for (size_t done = 0; done < count; done += V::kLanes) {
      work.key = first;
      const size_t left = count - done;
      derive_vector(curve, jobs + done, left < V::kLanes ? left : V::kLanes, work);
    }
    wipe(&work, sizeof work);
  }

  static constexpr NonceKernel kernel(size_t minimum) { return {V::kLanes, minimum, derive}; }

 private:
  using Sha2 = Sha2Lanes<V>;
  using Number = typename V::Number;
  using Word = typename V::Word;
  using State = typename Sha2::State;
  using Block = typename Sha2::Block;
  static constexpr size_t kBlockBytes = Sha2::kBlockBytes;
  static constexpr size_t kDigestBytes = variant.digest_bytes;
  static constexpr size_t kDigestWords = kDigestBytes / sizeof(Number);
  static constexpr size_t kMaxCurveBytes = sizeof(Number) == 8 ? kMaxNumberBytes : 32;
  /** Blocks of V || step || x || h || additional data, the end mark and the length at most. */
  static constexpr size_t kMaxTextBytes = kDigestBytes + 1 + 2 * kMaxCurveBytes + kHedgeBytes + 1 + 2 * sizeof(Number);
  static constexpr size_t kTextBlocks = (kMaxTextBytes + kBlockBytes - 1) / kBlockBytes;

  /** K, as the states after the key blocks of HMAC. */
  struct Key {
    State inner, outer;
  };
  /** All of it secret. */
  struct Work {
    Key key;
    /** V. */
    State value;
    /** The text without V and step, and the lanes that have each of its blocks. */
    Block text[kTextBlocks];
    Word has_block[kTextBlocks];
    uint8_t bytes[V::kLanes][kTextBlocks * kBlockBytes];
    uint8_t candidate[kMaxCurveBytes];
  };

  static void derive_vector(const NonceCurve& curve, const NonceJob* jobs, size_t count, Work& work) {
    write_text(curve, jobs, count, work);
    for (Word& word : work.value.word) word = V::broadcast(static_cast<Number>(0x0101010101010101));
    for (Number step = 0; step < 2; step++) {
      work.key = take_key(mac_of_text(work, step));
      work.value = mac_of_value(work);
    }
    bool settled[V::kLanes] = {};
    for (size_t left = count; left > 0;) {
      for (size_t filled = 0; filled < curve.bytes; filled += kDigestBytes) {
        work.value = mac_of_value(work);
        write_value(work, filled);
      }
      for (size_t lane = 0; lane < count; lane++) {
        if (settled[lane]) continue;
        leftmost_bits(curve, work.bytes[lane], work.candidate);
        if (!is_nonce(curve, work.candidate)) continue;
        std::memcpy(jobs[lane].nonce, work.candidate, curve.bytes);
        settled[lane] = true;
        left--;
      }
      if (left == 0) return;
      // The lanes that are done go on too, to no effect.
      work.key = take_key(mac_of_value_and_zero(work));
      work.value = mac_of_value(work);
    }
  }

  // ---- HMAC ----

  static Key take_key(const State& key) {
    return {take_key(key, static_cast<Number>(0x3636363636363636)),
            take_key(key, static_cast<Number>(0x5c5c5c5c5c5c5c5c))};
  }
  static State take_key(const State& key, Number padding) {
    Block block;
    const Word pad = V::broadcast(padding);
    for (size_t i = 0; i < Sha2::kBlockWords; i++) {
      block.word[i] = i < kDigestWords ? V::exclusive(key.word[i % Sha2::kStateWords], pad) : pad;
    }
    State state = Sha2::broadcast(variant.start);
    Sha2::compress(state, block);
    return state;
  }
  static State finish(const Key& key, const State& inner) {
    Block block = Sha2::digest_block(inner, kDigestBytes);
    State state = key.outer;
    Sha2::compress(state, block);
    return state;
  }
  static State mac_of_value(const Work& work) {
    Block block = Sha2::digest_block(work.value, kDigestBytes);
    State state = work.key.inner;
    Sha2::compress(state, block);
    return finish(work.key, state);
  }
  static State mac_of_value_and_zero(const Work& work) {
    Block block = Sha2::digest_block(work.value, kDigestBytes);
    block.word[kDigestWords] = V::broadcast(Sha2::kEndMark >> 8);
    block.word[Sha2::kBlockWords - 1] = V::broadcast(static_cast<Number>(8 * (kBlockBytes + kDigestBytes + 1)));
    State state = work.key.inner;
    Sha2::compress(state, block);
    return finish(work.key, state);
  }
  static State mac_of_text(const Work& work, Number step) {
    State state = work.key.inner;
    for (size_t b = 0; b < kTextBlocks; b++) {
      Block block = work.text[b];
      if (b == 0) {
        for (size_t i = 0; i < kDigestWords; i++) block.word[i] = work.value.word[i];
        Word& word = block.word[kDigestWords];
        word = V::exclusive(word, V::broadcast(static_cast<Number>(step << (8 * sizeof step - 8))));
      }
      const State before = state;
      Sha2::compress(state, block);
      for (size_t i = 0; i < Sha2::kStateWords; i++) {
        state.word[i] = V::choose(work.has_block[b], state.word[i], before.word[i]);
      }
    }
    return finish(work.key, state);
  }

  // ---- Bytes ----

  /** The lanes beyond `count` repeat the first job. */
  static void write_text(const NonceCurve& curve, const NonceJob* jobs, size_t count, Work& work) {
    Number has_block[kTextBlocks][V::kLanes];
    std::memset(work.bytes, 0, sizeof work.bytes);
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      const NonceJob& job = jobs[lane < count ? lane : 0];
      uint8_t* const text = work.bytes[lane];
      uint8_t* next = text + kDigestBytes + 1;
      std::memcpy(next, job.secret, curve.bytes);
      next += curve.bytes;
      reduce(curve, job.digest, next);
      next += curve.bytes;
      const size_t additional = job.additional.size < kHedgeBytes ? job.additional.size : kHedgeBytes;
      if (additional > 0) std::memcpy(next, job.additional.data, additional);
      next += additional;
      const auto text_bytes = static_cast<size_t>(next - text);
      const size_t blocks = (text_bytes + 1 + 2 * sizeof(Number) + kBlockBytes - 1) / kBlockBytes;
      *next = 0x80;
      Sha2::put_number(text + blocks * kBlockBytes - sizeof(Number),
                       static_cast<Number>(8 * (kBlockBytes + text_bytes)));
      for (size_t b = 0; b < kTextBlocks; b++) has_block[b][lane] = b < blocks ? ~Number{0} : 0;
    }
    for (size_t b = 0; b < kTextBlocks; b++) {
      const uint8_t* rows[V::kLanes];
      for (size_t lane = 0; lane < V::kLanes; lane++) rows[lane] = work.bytes[lane] + b * kBlockBytes;
      V::load_block(rows, work.text[b].word);
      work.has_block[b] = V::load(has_block[b]);
    }
  }

  /** V as bytes `at` of each lane's string. */
  static void write_value(Work& work, size_t at) {
    for (size_t i = 0; i < kDigestWords; i++) {
      Number numbers[V::kLanes];
      V::store(numbers, work.value.word[i]);
      for (size_t lane = 0; lane < V::kLanes; lane++) {
        Sha2::put_number(work.bytes[lane] + at + i * sizeof(Number), numbers[lane]);
      }
    }
  }

  /** bits2octets: modulo n, without a branch since digests of secret messages are not public. */
  static void reduce(const NonceCurve& curve, const uint8_t* digest, uint8_t* out) {
    const auto keep = static_cast<uint8_t>(0 - subtract(digest, curve.order, curve.bytes, out));
    for (size_t i = 0; i < curve.bytes; i++) out[i] = static_cast<uint8_t>((digest[i] & keep) | (out[i] & ~keep));
  }

  /** bits2int of RFC 6979 section 2.3.2 for a string not shorter than the order. */
  static void leftmost_bits(const NonceCurve& curve, const uint8_t* string, uint8_t* out) {
    const int shift = static_cast<int>(8 * curve.bytes) - curve.bits;
    unsigned above = 0;
    for (size_t i = 0; i < curve.bytes; i++) {
      out[i] = static_cast<uint8_t>((above << 8 | string[i]) >> shift);
      above = string[i];
    }
  }

  /** Whether a candidate lies in [1, n - 1]. Those that do not are thrown away, so that the answer may be known. */
  static bool is_nonce(const NonceCurve& curve, const uint8_t* candidate) {
    uint8_t difference[kMaxCurveBytes];
    unsigned any = 0;
    for (size_t i = 0; i < curve.bytes; i++) any |= candidate[i];
    unsigned good = subtract(candidate, curve.order, curve.bytes, difference) & ((0 - any) >> 31);
    KEYMILL_DECLASSIFY(&good, sizeof good);
    return good != 0;
  }
};

}  // namespace keymill
