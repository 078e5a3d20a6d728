// What this processor and operating system can run, as bits that implementations require.
#pragma once
#include <cstddef>
#include <cstdint>

namespace keymill {

enum CpuFeature : uint64_t {
  kCpuAes = 1u << 0,
  kCpuPclmulqdq = 1u << 1,
  kCpuAvx2 = 1u << 2,
  kCpuBmi2 = 1u << 3,
  kCpuAdx = 1u << 4,
  kCpuShaNi = 1u << 5,
  kCpuAvx512 = 1u << 6,
  kCpuAvx512Ifma = 1u << 7,
  kCpuVaes = 1u << 8,
  kCpuVpclmulqdq = 1u << 9,
};

struct CpuFeatureName {
  CpuFeature feature;
  const char* name;
};

/** Every feature with the name it is shown by. */
struct CpuFeatureNames {
  const CpuFeatureName* rows;
  size_t count;
};
CpuFeatureNames cpu_feature_names();

/** The features present; asked of the processor once. */
uint64_t cpu_features();

}  // namespace keymill
