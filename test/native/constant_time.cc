// Signs, agrees, decrypts and macs with everything secret marked undefined, so that valgrind's memcheck reports each
// branch and each address that depends on a private key or a nonce (Langley's ctgrind). On the scalar and emulated
// vector types, which are the templates of the vector kernels; memcheck knows no AVX-512. tools/constant-time.mjs
// builds and runs it. `control` leaks on purpose: there memcheck must report.
#include <valgrind/memcheck.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

#include "core/big_endian.h"
#include "core/ecdh_kernels.h"
#include "core/ecdsa_kernels.h"
#include "core/edwards25519.h"
#include "core/known_answers.h"
#include "core/nonce.h"
#include "core/rsa_encoding.h"
#include "core/rsa_key.h"
#include "core/rsa_prepared.h"
#include "core/sha2_kernels.h"

namespace {

using namespace keymill;

constexpr size_t kMaxBytes = 66;
constexpr size_t kJobs = 11;

struct Job {
  uint8_t secret[kMaxBytes], digest[kMaxBytes], hedge[kHedgeBytes], nonce[kMaxBytes], signature[2 * kMaxBytes];
  uint8_t recovery_id;
};

void fill(uint8_t* out, size_t bytes, unsigned seed) {
  for (size_t i = 0; i < bytes; i++) out[i] = static_cast<uint8_t>((seed * 2654435761u + i * 40503u) >> 7);
}

/** Key `index` of a curve, in range: the lowest bits of the order's length only. */
void make_job(const NonceCurve& curve, unsigned index, Job& job) {
  fill(job.secret, curve.bytes, index);
  std::memset(job.secret, 0, curve.bytes / 4);
  fill(job.digest, curve.bytes, index + 100);
  job.digest[0] = 0;
  fill(job.hedge, kHedgeBytes, index + 200);
}

void sign(const char* name, size_t index, const EcdsaKernel& kernel, const NonceKernel (&nonce_kernels)[kEcdsaCurves]) {
  const NonceCurve& curve = kNonceCurves[index];
  static Job jobs[kJobs] = {};
  EcdsaSigning signing[kJobs];
  NonceJob nonces[kJobs];
  const size_t bytes = kernel.sign_bytes(kJobs);
  void* const memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  for (unsigned i = 0; i < kJobs; i++) {
    Job& job = jobs[i];
    make_job(curve, i, job);
    VALGRIND_MAKE_MEM_UNDEFINED(job.secret, curve.bytes);
    VALGRIND_MAKE_MEM_UNDEFINED(job.hedge, kHedgeBytes);
    // Some have no hedge.
    nonces[i] = {job.secret, job.digest, {job.hedge, i % 3 ? kHedgeBytes : 0}, job.nonce};
    signing[i] = {job.secret, job.nonce, job.digest, job.signature, &job.recovery_id};
  }
  derive_nonces(nonce_kernels, index, nonces, kJobs);
  kernel.sign(kernel.comb_table(), memory, signing, kJobs);
  unsigned sum = 0;
  for (Job& job : jobs) {
    job.recovery_id ^= take_lesser(job.signature + curve.bytes, curve.order, curve.bytes);
    // The signature is published.
    VALGRIND_MAKE_MEM_DEFINED(job.signature, 2 * curve.bytes);
    VALGRIND_MAKE_MEM_DEFINED(&job.recovery_id, 1);
    sum += job.recovery_id;
    for (size_t i = 0; i < 2 * curve.bytes; i++) sum += job.signature[i];
  }
  std::printf("%s, %zu lanes: done (%u)\n", name, kernel.lanes, sum);
  std::free(memory);
}

/** Agreements of many private keys with one peer, and among them one with a point off the curve. */
void agree(size_t curve, const EcdhKernel& kernel) {
  const size_t bytes = kNonceCurves[curve].bytes;
  static Job jobs[kJobs];
  static uint8_t shared[kJobs][kMaxBytes];
  EcdhAgreement agreements[kJobs];
  const Known spki(kEcKnown[curve].peer_spki);
  const uint8_t* const peer = spki.bytes + spki.size - 2 * bytes;
  const uint8_t off_curve[2 * kMaxBytes] = {};
  void* const memory = std::aligned_alloc(64, (kernel.bytes(kJobs) + 63) / 64 * 64);
  for (unsigned i = 0; i < kJobs; i++) {
    make_job(kNonceCurves[curve], i, jobs[i]);
    VALGRIND_MAKE_MEM_UNDEFINED(jobs[i].secret, bytes);
    agreements[i] = {jobs[i].secret, i == 3 ? off_curve : peer, shared[i], false};
  }
  kernel.agree(memory, agreements, kJobs);
  unsigned sum = 0;
  for (unsigned i = 0; i < kJobs; i++) {
    if (agreements[i].is_on_curve == (i == 3)) std::abort();
    // Only for the sum below, which keeps the work from being left out.
    VALGRIND_MAKE_MEM_DEFINED(shared[i], bytes);
    for (size_t b = 0; b < bytes; b++) sum += shared[i][b];
  }
  std::printf("ECDH of %zu bytes, %zu lanes: done (%u)\n", bytes, kernel.lanes, sum);
  std::free(memory);
}

/** RSA-2048 decryption, which ends in what signing is, and the OAEP decoding of what comes out of it. */
void decrypt_rsa(const char* name, const RsaKernel& kernel) {
  static uint8_t outputs[kJobs][kMaxRsaBytes];
  Key key;
  key.spec = KeySpec::RSA_2048;
  if (kRsaKeyTypes->load(key.spec, Known(kRsaKnown.pkcs8).view(), key) != Status::OK) std::abort();
  RsaPrepared prepared(key, kernel.limbs);
  RsaBlinding* const blinding = prepared.take_blinding();
  if (!prepared.ok() || !blinding) std::abort();
  const Known ciphertext(kRsaKnown.answers[0]);
  void* const memory = std::aligned_alloc(64, kernel.private_bytes);
  RsaPrivateJob jobs[2];
  for (unsigned i = 0; i < 2; i++) {
    jobs[i] = {&prepared.public_half(), &prepared.private_half(), blinding->limbs(), i, i ? blinding->limbs() : nullptr,
               ciphertext.bytes,        outputs[i],               false};
  }
  VALGRIND_MAKE_MEM_UNDEFINED(prepared.private_memory().data, prepared.private_memory().size);
  VALGRIND_MAKE_MEM_UNDEFINED(blinding->pair.data(), blinding->pair.size());
  kernel.run_private(memory, jobs, 2);
  size_t sum = 0;
  for (unsigned i = 0; i < 2; i++) {
    const Bytes message = rsa_encoding(Hash::SHA_1).decode_oaep({outputs[i], ciphertext.size});
    if (!jobs[i].is_right || !message.data) std::abort();
    sum += message.size;
  }
  std::printf("%s, %zu lanes: done (%zu)\n", name, kernel.lanes, sum);
  std::free(memory);
}

struct EdwardsJob {
  uint8_t secret[32], nonce_hash[64], challenge_hash[64], signature[64];
};

void sign_edwards(const EdwardsKernel& kernel) {
  static EdwardsJob jobs[kJobs];
  EdwardsSigning signing[kJobs];
  void* const memory = std::aligned_alloc(64, (kernel.bytes(kJobs) + 63) / 64 * 64);
  for (unsigned i = 0; i < kJobs; i++) {
    EdwardsJob& job = jobs[i];
    fill(job.secret, sizeof job.secret, i);
    fill(job.nonce_hash, sizeof job.nonce_hash, i + 100);
    fill(job.challenge_hash, sizeof job.challenge_hash, i + 200);
    VALGRIND_MAKE_MEM_UNDEFINED(job.secret, sizeof job.secret);
    VALGRIND_MAKE_MEM_UNDEFINED(job.nonce_hash, sizeof job.nonce_hash);
    signing[i] = {job.secret, job.nonce_hash, job.challenge_hash, job.signature};
  }
  kernel.commit(edwards_comb_table(), memory, signing, kJobs);
  kernel.respond(memory, signing, kJobs);
  unsigned sum = 0;
  for (EdwardsJob& job : jobs) {
    // The signature is published.
    VALGRIND_MAKE_MEM_DEFINED(job.signature, sizeof job.signature);
    for (const uint8_t byte : job.signature) sum += byte;
  }
  std::printf("Ed25519, %zu lanes: done (%u)\n", kernel.lanes, sum);
  std::free(memory);
}

/** Macs of secret messages under secret keys, of lengths that are public. */
template <typename Number>
void mac(const Sha2Kernel<Number>& kernel, const Sha2Variant<Number>& variant) {
  constexpr size_t kMessageBytes = 20;
  static Number states[kJobs][2][8];
  static uint8_t messages[kJobs][kMessageBytes * kJobs], macs[kJobs][64];
  Sha2Job<Number> jobs[kJobs];
  for (unsigned i = 0; i < kJobs; i++) {
    fill(messages[i], sizeof messages[i], i);
    fill(reinterpret_cast<uint8_t*>(states[i]), sizeof states[i], i + 100);
    VALGRIND_MAKE_MEM_UNDEFINED(messages[i], sizeof messages[i]);
    VALGRIND_MAKE_MEM_UNDEFINED(states[i], sizeof states[i]);
    jobs[i] = {states[i][0], states[i][1], {{messages[i], kMessageBytes * i}, {}, {}}, macs[i]};
  }
  sha2_hash(kernel, variant, jobs, kJobs);
  unsigned sum = 0;
  for (unsigned i = 0; i < kJobs; i++) {
    // The mac is published.
    VALGRIND_MAKE_MEM_DEFINED(macs[i], variant.digest_bytes);
    for (size_t b = 0; b < variant.digest_bytes; b++) sum += macs[i][b];
  }
  std::printf("HMAC of %zu bytes, %zu lanes: done (%u)\n", variant.digest_bytes, kernel.lanes, sum);
}

/** A branch and an address that depend on a secret. */
int leak() {
  uint8_t secret = 1;
  const uint8_t table[256] = {};
  VALGRIND_MAKE_MEM_UNDEFINED(&secret, 1);
  if (secret & 1) std::puts("leaked");
  return table[secret];
}

}  // namespace

int main(int count, char** arguments) {
  if (count > 1 && std::strcmp(arguments[1], "control") == 0) return leak();
  const char* const names[kEcdsaCurves] = {"P-256", "P-384", "P-521", "secp256k1"};
  for (size_t curve = 0; curve < kEcdsaCurves; curve++) {
    sign(names[curve], curve, kScalarEcdsa[curve], kOneLaneNonces);
    sign(names[curve], curve, kEmulatedEcdsa[curve], kEmulatedNonces);
  }
  for (size_t curve = 0; curve < kEcdhCurves; curve++) {
    agree(curve, kScalarEcdh[curve]);
    agree(curve, kEmulatedEcdh[curve]);
  }
  decrypt_rsa("RSA-2048", kEmulatedRsa[0]);
  for (const EdwardsKernel* kernel : {&kScalarEdwards, &kEmulatedEdwards}) sign_edwards(*kernel);
  for (const Sha2Kernels* kernels : {&kOneLaneSha2, &kEmulatedSha2}) {
    mac(kernels->sha256, kSha224Variant);
    mac(kernels->sha512, kSha512Variant);
  }
  return 0;
}
