#include "cpu.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <cpuid.h>
#define KEYMILL_CPUID 1
#endif

namespace keymill {
namespace {

constexpr CpuFeatureName kNames[] = {
    {kCpuAes, "aes"},   {kCpuPclmulqdq, "pclmulqdq"},   {kCpuAvx2, "avx2"},     {kCpuBmi2, "bmi2"},
    {kCpuAdx, "adx"},   {kCpuShaNi, "sha_ni"},          {kCpuAvx512, "avx512"}, {kCpuAvx512Ifma, "avx512ifma"},
    {kCpuVaes, "vaes"}, {kCpuVpclmulqdq, "vpclmulqdq"},
};

#ifdef KEYMILL_CPUID

/** Register states the system saves (Intel SDM volume 1, section 13.3): without them the instructions fault. */
constexpr uint64_t kYmmState = 0x06;
constexpr uint64_t kZmmState = 0xe6;

enum Register { kEbx, kEcx, kEdx, kRegisters };

/** Intel SDM volume 2, CPUID: all of `bits` must be set in this register of this leaf (subleaf 0). */
struct Probe {
  CpuFeature feature;
  uint32_t leaf;
  Register source;
  uint32_t bits;
  uint64_t needs_state;
};

constexpr Probe kProbes[] = {
    {kCpuAes, 1, kEcx, 1u << 25, 0},
    {kCpuPclmulqdq, 1, kEcx, 1u << 1, 0},
    {kCpuAvx2, 7, kEbx, 1u << 5, kYmmState},
    {kCpuBmi2, 7, kEbx, 1u << 8, 0},
    {kCpuAdx, 7, kEbx, 1u << 19, 0},
    {kCpuShaNi, 7, kEbx, 1u << 29, 0},
    // F, DQ, BW and VL together: what every AVX-512 kernel here may assume.
    {kCpuAvx512, 7, kEbx, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, kZmmState},
    {kCpuAvx512Ifma, 7, kEbx, 1u << 21, kZmmState},
    {kCpuVaes, 7, kEcx, 1u << 9, kYmmState},
    {kCpuVpclmulqdq, 7, kEcx, 1u << 10, kYmmState},
};

uint64_t saved_states() {
  uint32_t a, b, c, d;
  constexpr uint32_t osxsave = 1u << 27;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & osxsave)) return 0;
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low | static_cast<uint64_t>(high) << 32;
}

uint64_t detect() {
  const uint64_t states = saved_states();
  uint64_t found = 0;
  for (const Probe& probe : kProbes) {
    uint32_t a, registers[kRegisters];
    if (!__get_cpuid_count(probe.leaf, 0, &a, &registers[kEbx], &registers[kEcx], &registers[kEdx])) continue;
    const bool present = (registers[probe.source] & probe.bits) == probe.bits;
    if (present && (states & probe.needs_state) == probe.needs_state) found |= probe.feature;
  }
  return found;
}

#else

uint64_t detect() { return 0; }

#endif

}  // namespace

CpuFeatureNames cpu_feature_names() { return {kNames, sizeof(kNames) / sizeof(kNames[0])}; }

uint64_t cpu_features() {
  static const uint64_t features = detect();
  return features;
}

}  // namespace keymill
