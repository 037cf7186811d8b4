#include "backends/emit/features.h"

namespace mimus::emit {

HostFeatures HostFeatures::probe() {
  __builtin_cpu_init();
  HostFeatures f;
  f.bmi1 = __builtin_cpu_supports("bmi");
  f.bmi2 = __builtin_cpu_supports("bmi2");
  f.lzcnt = __builtin_cpu_supports("lzcnt");
  f.popcnt = __builtin_cpu_supports("popcnt");
  f.movbe = __builtin_cpu_supports("movbe");
  f.pclmul = __builtin_cpu_supports("pclmul");
  f.ssse3 = __builtin_cpu_supports("ssse3");
  f.sse41 = __builtin_cpu_supports("sse4.1");
  f.sse42 = __builtin_cpu_supports("sse4.2");
  f.avx = __builtin_cpu_supports("avx");
  f.avx2 = __builtin_cpu_supports("avx2");
  f.fma = f.avx && __builtin_cpu_supports("fma");
  f.f16c = f.avx && __builtin_cpu_supports("f16c");
  f.avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
             __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  f.cx16 = __builtin_cpu_supports("cmpxchg16b");
  return f;
}

}  // namespace mimus::emit
