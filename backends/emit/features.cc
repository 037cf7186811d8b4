#include "backends/emit/features.h"

#include <sys/platform/x86.h>

namespace mimus::emit {

// What the C library has found out when it started: each CPUID instruction costs a virtual host some 20 us.
HostFeatures HostFeatures::probe() {
  HostFeatures f;
  f.bmi1 = CPU_FEATURE_ACTIVE(BMI1);
  f.bmi2 = CPU_FEATURE_ACTIVE(BMI2);
  f.lzcnt = CPU_FEATURE_ACTIVE(LZCNT);
  f.popcnt = CPU_FEATURE_ACTIVE(POPCNT);
  f.movbe = CPU_FEATURE_ACTIVE(MOVBE);
  f.pclmul = CPU_FEATURE_ACTIVE(PCLMULQDQ);
  f.aes = CPU_FEATURE_ACTIVE(AES);
  f.sha = CPU_FEATURE_ACTIVE(SHA);
  f.ssse3 = CPU_FEATURE_ACTIVE(SSSE3);
  f.sse41 = CPU_FEATURE_ACTIVE(SSE4_1);
  f.sse42 = CPU_FEATURE_ACTIVE(SSE4_2);
  f.avx = CPU_FEATURE_ACTIVE(AVX);
  f.avx2 = CPU_FEATURE_ACTIVE(AVX2);
  f.fma = f.avx && CPU_FEATURE_ACTIVE(FMA);
  f.f16c = f.avx && CPU_FEATURE_ACTIVE(F16C);
  f.avx512 = CPU_FEATURE_ACTIVE(AVX512F) && CPU_FEATURE_ACTIVE(AVX512DQ) && CPU_FEATURE_ACTIVE(AVX512BW) &&
             CPU_FEATURE_ACTIVE(AVX512VL);
  f.cx16 = CPU_FEATURE_ACTIVE(CMPXCHG16B);
  return f;
}

}  // namespace mimus::emit
