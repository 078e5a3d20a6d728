// SHA-2 (FIPS 180-4) in the lanes of a vector, a message in each: one program for SHA-224/256 (32-bit words) and
// SHA-384/512 (64-bit words), written once for every vector type:
//   sha2_lanes_avx512.h   sixteen or eight lanes of AVX-512
//   sha2_lanes_plain.h    as many lanes computed one after the other
//   sha2_one_lane.h       one lane of OpenSSL's
#pragma once
#include "sha2_kernels.h"
#include "unroll.h"

namespace keymill {

// A vector type V of 32- or 64-bit words has:
//   Number, Word              uint32_t or uint64_t; one per lane
//   kLanes                    how many
//   broadcast(x)              x in every lane
//   load(p), store(p, w)      kLanes numbers at p
//   add                       modulo 2^32 or 2^64
//   exclusive(a, b), exclusive(a, b, c)
//   choose(m, a, b)           bits of a where m has ones, of b elsewhere
//   majority(a, b, c)         bits that at least two have
//   rotate<n>, shift<n>       to the right
//   load_block(rows, words)   a block of bytes of each lane, at rows[lane], as sixteen words
//   kCompresses               whether it has a compression function of its own, compress(state, block)
// Nothing here branches on, or addresses memory by, what a word holds.

/** FIPS 180-4 section 4.2.3. Those of 32 bits are the upper halves of the first 64 (section 4.2.2). */
constexpr uint64_t kSha2Constants[80] = {
    0x428a2f98d728ae22, 0x7137449123ef65cd, 0xb5c0fbcfec4d3b2f, 0xe9b5dba58189dbbc, 0x3956c25bf348b538,
    0x59f111f1b605d019, 0x923f82a4af194f9b, 0xab1c5ed5da6d8118, 0xd807aa98a3030242, 0x12835b0145706fbe,
    0x243185be4ee4b28c, 0x550c7dc3d5ffb4e2, 0x72be5d74f27b896f, 0x80deb1fe3b1696b1, 0x9bdc06a725c71235,
    0xc19bf174cf692694, 0xe49b69c19ef14ad2, 0xefbe4786384f25e3, 0x0fc19dc68b8cd5b5, 0x240ca1cc77ac9c65,
    0x2de92c6f592b0275, 0x4a7484aa6ea6e483, 0x5cb0a9dcbd41fbd4, 0x76f988da831153b5, 0x983e5152ee66dfab,
    0xa831c66d2db43210, 0xb00327c898fb213f, 0xbf597fc7beef0ee4, 0xc6e00bf33da88fc2, 0xd5a79147930aa725,
    0x06ca6351e003826f, 0x142929670a0e6e70, 0x27b70a8546d22ffc, 0x2e1b21385c26c926, 0x4d2c6dfc5ac42aed,
    0x53380d139d95b3df, 0x650a73548baf63de, 0x766a0abb3c77b2a8, 0x81c2c92e47edaee6, 0x92722c851482353b,
    0xa2bfe8a14cf10364, 0xa81a664bbc423001, 0xc24b8b70d0f89791, 0xc76c51a30654be30, 0xd192e819d6ef5218,
    0xd69906245565a910, 0xf40e35855771202a, 0x106aa07032bbd1b8, 0x19a4c116b8d2d0c8, 0x1e376c085141ab53,
    0x2748774cdf8eeb99, 0x34b0bcb5e19b48a8, 0x391c0cb3c5c95a63, 0x4ed8aa4ae3418acb, 0x5b9cca4f7763e373,
    0x682e6ff3d6b2b8a3, 0x748f82ee5defb2fc, 0x78a5636f43172f60, 0x84c87814a1f0ab72, 0x8cc702081a6439ec,
    0x90befffa23631e28, 0xa4506cebde82bde9, 0xbef9a3f7b2c67915, 0xc67178f2e372532b, 0xca273eceea26619c,
    0xd186b8c721c0c207, 0xeada7dd6cde0eb1e, 0xf57d4f7fee6ed178, 0x06f067aa72176fba, 0x0a637dc5a2c898a6,
    0x113f9804bef90dae, 0x1b710b35131c471b, 0x28db77f523047d84, 0x32caab7b40c72493, 0x3c9ebe0a15c9bebc,
    0x431d67c49c100d4c, 0x4cc5d4becb3e42b6, 0x597f299cfc657e2a, 0x5fcb6fab3ad6faec, 0x6c44198c4a475817};

template <typename V>
struct Sha2Lanes {
  using Number = typename V::Number;
  using Word = typename V::Word;
  static constexpr bool kWide = sizeof(Number) == 8;
  static constexpr size_t kBlockWords = 16;
  static constexpr size_t kStateWords = 8;
  static constexpr size_t kBlockBytes = kBlockWords * sizeof(Number);

  struct Block {
    Word word[kBlockWords];
  };
  struct State {
    Word word[kStateWords];
  };

  /** Section 6.2.2 or 6.4.2. The block is used up. */
  static KEYMILL_NOINLINE void compress(State& state, Block& block) {
    if constexpr (V::kCompresses) {
      V::compress(state.word, block.word);
    } else {
      constexpr size_t last = (kWide ? 80 : 64) - kBlockWords;
      Word a[kStateWords];
      KEYMILL_UNROLL for (size_t i = 0; i < kStateWords; i++) a[i] = state.word[i];
      for (size_t round = 0; round < last; round += kBlockWords) sixteen_rounds<true>(a, block, round);
      sixteen_rounds<false>(a, block, last);
      KEYMILL_UNROLL for (size_t i = 0; i < kStateWords; i++) state.word[i] = V::add(state.word[i], a[i]);
    }
  }

  static State broadcast(const Number (&words)[kStateWords]) {
    State out;
    for (size_t i = 0; i < kStateWords; i++) out.word[i] = V::broadcast(words[i]);
    return out;
  }

  /** The block of a message that is `digest`, which a state holds, after one block. */
  static Block digest_block(const State& digest, size_t digest_bytes) {
    Block out;
    const size_t words = digest_bytes / sizeof(Number);
    for (size_t i = 0; i < kBlockWords; i++) out.word[i] = i < words ? digest.word[i % kStateWords] : V::broadcast(0);
    out.word[words] = V::broadcast(kEndMark);
    out.word[kBlockWords - 1] = V::broadcast(static_cast<Number>(8 * (kBlockBytes + digest_bytes)));
    return out;
  }
  /** The one bit after every message. */
  static constexpr Number kEndMark = Number{1} << (8 * sizeof(Number) - 1);

  /** Sha2Kernel::hash. */
  static void hash(const Sha2Variant<Number>& variant, const Sha2Job<Number>* jobs, size_t count) {
    const bool is_mac = jobs[0].outer_state != nullptr;
    State state = load_states(jobs, count, &Sha2Job<Number>::state);
    absorb(state, jobs, count, is_mac ? kBlockBytes : 0);
    if (is_mac) {
      Block block = digest_block(state, variant.digest_bytes);
      state = load_states(jobs, count, &Sha2Job<Number>::outer_state);
      compress(state, block);
    }
    Number words[kStateWords][V::kLanes];
    for (size_t i = 0; i < kStateWords; i++) V::store(words[i], state.word[i]);
    for (size_t lane = 0; lane < count; lane++) {
      for (size_t i = 0; i < variant.digest_bytes / sizeof(Number); i++) {
        put_number(jobs[lane].digest + i * sizeof(Number), words[i][lane]);
      }
    }
  }

  static void put_number(uint8_t* out, Number number) {
    KEYMILL_UNROLL for (size_t i = 0; i < sizeof number; i++) out[i] =
        static_cast<uint8_t>(number >> (8 * (sizeof number - 1 - i)));
  }

 private:
  static Word constant(size_t round) {
    return V::broadcast(static_cast<Number>(kWide ? kSha2Constants[round] : kSha2Constants[round] >> 32));
  }

  /** The letters of the standard move on by one a round; here the indices do. `extends`: more rounds follow. */
  template <bool extends>
  static KEYMILL_INLINE void sixteen_rounds(Word (&a)[kStateWords], Block& block, size_t round) {
    KEYMILL_UNROLL for (size_t i = 0; i < kBlockWords; i++) {
      const auto letter = [&](size_t at) -> Word& { return a[(at - i) % kStateWords]; };
      Word &h = letter(7), &d = letter(3);
      const Word sum =
          V::add(V::add(h, V::add(block.word[i], constant(round + i))), V::choose(letter(4), letter(5), letter(6)));
      // The next round waits for this, so it is added last.
      const Word sigma = big_sigma_1(letter(4));
      d = V::add(V::add(d, sum), sigma);
      h = V::add(V::add(V::add(sum, sigma), V::majority(letter(0), letter(1), letter(2))), big_sigma_0(letter(0)));
      if constexpr (extends) extend(block, i);
    }
  }

  // Sections 4.1.2 and 4.1.3.
  static Word big_sigma_0(const Word& x) {
    if constexpr (kWide) return rotations<28, 34, 39>(x);
    return rotations<2, 13, 22>(x);
  }
  static Word big_sigma_1(const Word& x) {
    if constexpr (kWide) return rotations<14, 18, 41>(x);
    return rotations<6, 11, 25>(x);
  }
  static Word small_sigma_0(const Word& x) {
    if constexpr (kWide) return rotations_and_shift<1, 8, 7>(x);
    return rotations_and_shift<7, 18, 3>(x);
  }
  static Word small_sigma_1(const Word& x) {
    if constexpr (kWide) return rotations_and_shift<19, 61, 6>(x);
    return rotations_and_shift<17, 19, 10>(x);
  }
  template <int first, int second, int third>
  static Word rotations(const Word& x) {
    return V::exclusive(V::template rotate<first>(x), V::template rotate<second>(x), V::template rotate<third>(x));
  }
  template <int first, int second, int third>
  static Word rotations_and_shift(const Word& x) {
    return V::exclusive(V::template rotate<first>(x), V::template rotate<second>(x), V::template shift<third>(x));
  }

  /** Word i of the block becomes word i + 16 of the schedule. */
  static void extend(Block& block, size_t i) {
    const auto word = [&](size_t at) -> Word& { return block.word[at % kBlockWords]; };
    word(i) = V::add(V::add(word(i), small_sigma_0(word(i + 1))), V::add(word(i + 9), small_sigma_1(word(i + 14))));
  }

  /** The lanes beyond `count` repeat the first message. */
  static State load_states(const Sha2Job<Number>* jobs, size_t count, const Number* Sha2Job<Number>::*member) {
    Number words[kStateWords][V::kLanes];
    for (size_t lane = 0; lane < V::kLanes; lane++) {
      const Number* from = jobs[lane < count ? lane : 0].*member;
      for (size_t i = 0; i < kStateWords; i++) words[i][lane] = from[i];
    }
    State out;
    for (size_t i = 0; i < kStateWords; i++) out.word[i] = V::load(words[i]);
    return out;
  }

  /** One message, block by block. */
  struct Reader {
    const Bytes* part;
    size_t in_part, parts_left;
    /** Of the padded message, still to come. */
    size_t blocks;
    /** Of the message and all before it. */
    size_t total_bytes;
    bool ended;
    uint8_t buffer[kBlockBytes];

    void start(const Sha2Job<Number>& job, size_t preceding_bytes) {
      part = job.parts;
      in_part = 0;
      parts_left = Sha2Job<Number>::kParts;
      blocks = job.blocks();
      total_bytes = preceding_bytes;
      for (const Bytes& each : job.parts) total_bytes += each.size;
      ended = false;
    }

    /** The next block: where the message has it in one piece, or put together in the buffer. */
    const uint8_t* next() {
      blocks--;
      size_t filled = 0;
      while (parts_left > 0) {
        const size_t here = part->size - in_part;
        const uint8_t* const data = part->data + in_part;
        if (here >= kBlockBytes && filled == 0) {
          in_part += kBlockBytes;
          return data;
        }
        const size_t room = kBlockBytes - filled;
        const size_t taken = here < room ? here : room;
        if (taken > 0) std::memcpy(buffer + filled, data, taken);
        filled += taken;
        in_part += taken;
        if (filled == kBlockBytes) return buffer;
        part++;
        in_part = 0;
        parts_left--;
      }
      if (!ended) buffer[filled++] = 0x80;
      ended = true;
      std::memset(buffer + filled, 0, kBlockBytes - filled);
      // Lengths are below 2^61 bytes.
      if (blocks == 0) {
        const uint64_t bits = uint64_t{total_bytes} * 8;
        for (size_t i = 0; i < 8; i++) buffer[kBlockBytes - 1 - i] = static_cast<uint8_t>(bits >> (8 * i));
      }
      return buffer;
    }
  };

  /** Hashes each lane's message into its state, after `preceding_bytes` of whole blocks. */
  static void absorb(State& state, const Sha2Job<Number>* jobs, size_t count, size_t preceding_bytes) {
    Reader readers[V::kLanes];
    size_t most = 0, least = ~size_t{0};
    for (size_t lane = 0; lane < count; lane++) {
      readers[lane].start(jobs[lane], preceding_bytes);
      if (readers[lane].blocks > most) most = readers[lane].blocks;
      if (readers[lane].blocks < least) least = readers[lane].blocks;
    }
    const uint8_t* rows[V::kLanes];
    for (size_t done = 0; done < most; done++) {
      Number going_on[V::kLanes];
      for (size_t lane = 0; lane < V::kLanes; lane++) {
        const bool goes_on = lane < count && readers[lane].blocks > 0;
        if (goes_on)
          rows[lane] = readers[lane].next();
        else if (lane >= count)
          rows[lane] = rows[0];
        going_on[lane] = goes_on ? ~Number{0} : 0;
      }
      Block block;
      V::load_block(rows, block.word);
      const State before = state;
      compress(state, block);
      if (done < least) continue;
      const Word keep = V::load(going_on);
      for (size_t i = 0; i < kStateWords; i++) state.word[i] = V::choose(keep, state.word[i], before.word[i]);
    }
  }
};

}  // namespace keymill
