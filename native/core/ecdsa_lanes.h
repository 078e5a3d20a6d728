// ECDSA (FIPS 186-5 section 6) for many keys and digests at once, written once for every curve and vector type. Numbers
// go in and out as big-endian bytes of the curve's width. Knows no items, keys, encodings, hashes or randomness.
#pragma once
#include "comb.h"
#include "ecdsa_kernels.h"
#include "ladder.h"
#include "lane_bytes.h"
#include "shared_inversion.h"

namespace keymill {

template <typename Curve, typename V>
struct Ecdsa {
  using Math = PointMath<Curve, V>;
  using F = typename Math::F;
  using N = Field<typename Curve::Order, V>;
  using Element = typename F::Element;
  using Scalar = typename N::Element;
  using Numbers = LaneBytes<V, F::kLimbs, Curve::kBytes>;
  using Number = typename Numbers::Number;
  using Point = typename Math::Point;
  using FixedBase = Comb<Curve, V>;
  using Word = typename V::Word;
  using Mask = typename V::Mask;
  static constexpr size_t kLimbs = F::kLimbs;
  static constexpr size_t kBytes = Curve::kBytes;

  /** What one vector of items needs. */
  struct SignWork {
    typename FixedBase::Digits digits;
    Point point;
    Element z, product;
    Scalar inverse, scalar_product;
  };
  struct VerifyWork {
    typename FixedBase::Digits digits;
    Point point;
    Ladder<Curve, V> ladder;
    Element product;
    Scalar inverse, scalar_product;
  };

  static size_t sign_bytes(size_t count) { return Numbers::vectors_of(count) * sizeof(SignWork); }
  static size_t verify_bytes(size_t count) { return Numbers::vectors_of(count) * sizeof(VerifyWork); }

  /** The lanes left over in the last vector repeat the last item. */
  static void sign(const uint64_t* table, void* memory, const EcdsaSigning* jobs, size_t count) {
    auto* const work = static_cast<SignWork*>(memory);
    const size_t vectors = Numbers::vectors_of(count);
    for (size_t v = 0; v < vectors; v++) {
      const Number k = Numbers::load(count, v, [&](size_t i) { return jobs[i].nonce; });
      work[v].digits.template set_modulo<typename Curve::Order>(k);
      work[v].inverse = N::from_number(k);
    }
    multiply_generator(table, work, vectors);
    invert_scalars(work, vectors);
    for (size_t v = 0; v < vectors; v++) work[v].z = work[v].point.z;
    invert_all<F>(
        vectors, [&](size_t v) -> Element& { return work[v].z; },
        [&](size_t v) -> Element& { return work[v].product; });
    for (size_t v = 0; v < vectors; v++) {
      const Element inverse2 = F::square(work[v].z);
      const Number x = F::to_number(F::multiply(work[v].point.x, inverse2));
      // p < 2n on all these curves.
      const Number r = below_modulus<V>(x, Curve::Order::kValue);
      const Scalar d = N::from_number(Numbers::load(count, v, [&](size_t i) { return jobs[i].secret; }));
      const Scalar e = N::from_number(Numbers::load(count, v, [&](size_t i) { return jobs[i].digest; }));
      const Scalar sum = N::add(N::multiply(N::from_number(r), d), e);
      const Number s = N::to_number(N::multiply(sum, work[v].inverse));
      Numbers::store(r, count, v, [&](size_t i) { return jobs[i].signature; });
      Numbers::store(s, count, v, [&](size_t i) { return jobs[i].signature + kBytes; });
      put_recovery_ids(jobs, count, v, work[v], inverse2, x, r);
    }
  }

  /** u1 G + u2 Q has the x coordinate r modulo n, u1 = e/s and u2 = r/s. Everything is public. */
  static void verify_vartime(const uint64_t* table, void* memory, EcdsaVerifying* jobs, size_t count) {
    auto* const work = static_cast<VerifyWork*>(memory);
    const size_t vectors = Numbers::vectors_of(count);
    for (size_t v = 0; v < vectors; v++) {
      work[v].inverse = N::from_number(Numbers::load(count, v, [&](size_t i) { return jobs[i].signature + kBytes; }));
    }
    invert_scalars(work, vectors);
    for (size_t v = 0; v < vectors; v++) {
      const Scalar e = N::from_number(Numbers::load(count, v, [&](size_t i) { return jobs[i].digest; }));
      const Scalar r = N::from_number(Numbers::load(count, v, [&](size_t i) { return jobs[i].signature; }));
      const Number u1 = N::to_number(N::multiply(e, work[v].inverse));
      const Number u2 = N::to_number(N::multiply(r, work[v].inverse));
      work[v].digits.template set_modulo<typename Curve::Order>(u1);
      work[v].ladder.begin(u2, load_point(jobs, count, v));
    }
    if constexpr (Ladder<Curve, V>::kInverts) {
      invert_all<F>(
          vectors, [&](size_t v) -> Element& { return work[v].ladder.to_invert(); },
          [&](size_t v) -> Element& { return work[v].product; });
    }
    multiply_generator(table, work, vectors);
    for (size_t v = 0; v < vectors; v++) {
      Point& sum = work[v].point;
      Math::add(sum, Math::addend(work[v].ladder.multiply()));
      const Number r = Numbers::load(count, v, [&](size_t i) { return jobs[i].signature; });
      uint64_t exceptional[V::kLanes], same[V::kLanes];
      V::store(exceptional, V::as_word(F::is_zero(sum.z)));
      V::store(same, matches(sum, r));
      for (size_t lane = 0; lane < V::kLanes && v * V::kLanes + lane < count; lane++) {
        jobs[v * V::kLanes + lane].verdict = exceptional[lane] ? EcdsaVerifying::kUndecided
                                             : same[lane]      ? EcdsaVerifying::kValid
                                                               : EcdsaVerifying::kInvalid;
      }
    }
  }

  static constexpr EcdsaKernel kernel() {
    return {V::kLanes, comb_table<Curve, F::kElementLimbBits>, sign_bytes, verify_bytes, sign, verify_vartime};
  }

 private:
  template <typename Work>
  static void multiply_generator(const uint64_t* table, Work* work, size_t vectors) {
    FixedBase::multiply(
        table, vectors, [&](size_t v) -> const typename FixedBase::Digits& { return work[v].digits; },
        [&](size_t v) -> Point& { return work[v].point; });
  }

  template <typename Work>
  static void invert_scalars(Work* work, size_t vectors) {
    invert_all<N>(
        vectors, [&](size_t v) -> Scalar& { return work[v].inverse; },
        [&](size_t v) -> Scalar& { return work[v].scalar_product; });
  }

  /** Where vector v has items that want them; from 1/Z^2, x and r of its points. */
  static void put_recovery_ids(const EcdsaSigning* jobs, size_t count, size_t v, const SignWork& work,
                               const Element& inverse2, const Number& x, const Number& r) {
    bool wanted = false;
    const size_t first = v * V::kLanes;
    for (size_t lane = 0; lane < V::kLanes && first + lane < count; lane++)
      wanted |= jobs[first + lane].recovery_id != nullptr;
    if (!wanted) return;
    const Number y = F::to_number(F::multiply(work.point.y, F::multiply(inverse2, work.z)));
    Word difference = V::broadcast(0);
    for (size_t i = 0; i < kLimbs; i++) difference = V::either(difference, V::exclusive(x.limb[i], r.limb[i]));
    const Word is_below_order = V::as_word(V::equal(difference, V::broadcast(0)));
    uint64_t parities[V::kLanes], below[V::kLanes];
    V::store(parities, y.limb[0]);
    V::store(below, is_below_order);
    for (size_t lane = 0; lane < V::kLanes && first + lane < count; lane++) {
      uint8_t* const id = jobs[first + lane].recovery_id;
      if (id) *id = static_cast<uint8_t>((parities[lane] & 1) | (~below[lane] & 2));
    }
  }

  /** X = r Z^2, or (r + n) Z^2 where r + n is below p: x is r modulo n without dividing. All ones where it is. */
  static Word matches(const Point& p, const Number& r) {
    const Element z2 = F::square(p.z);
    Number shifted;
    Word carry = V::broadcast(0), is_below;
    for (size_t i = 0; i < kLimbs; i++) {
      const Word sum = V::add(V::add(r.limb[i], V::broadcast(Curve::Order::kValue.limb[i])), carry);
      carry = V::right(sum, kLimbBits);
      shifted.limb[i] = V::both(sum, V::broadcast(kLimbMask));
    }
    subtract_borrow<V>(shifted, Curve::Prime::kValue, is_below);
    const Word second = V::both(is_below, equals(p.x, F::multiply(F::from_number(shifted), z2)));
    return V::either(equals(p.x, F::multiply(F::from_number(r), z2)), second);
  }

  static Word equals(const Element& a, const Element& b) { return V::as_word(F::is_zero(F::subtract(a, b))); }

  static typename Math::Affine load_point(const EcdsaVerifying* jobs, size_t count, size_t v) {
    const auto x = Numbers::load(count, v, [&](size_t i) { return jobs[i].point; });
    const auto y = Numbers::load(count, v, [&](size_t i) { return jobs[i].point + kBytes; });
    return {F::from_number(x), F::from_number(y)};
  }
};

}  // namespace keymill
