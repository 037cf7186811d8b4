// What the host CPU offers beyond x86-64's baseline.
#pragma once

namespace mimus::emit {

struct HostFeatures {
  bool bmi1 = false;  // andn, tzcnt
  bool bmi2 = false;  // shlx sarx shrx rorx mulx
  bool lzcnt = false;
  bool popcnt = false;
  bool movbe = false;
  bool pclmul = false;
  bool aes = false;
  bool sha = false;
  bool ssse3 = false;
  bool sse41 = false;
  bool sse42 = false;  // crc32
  bool avx = false;    // usable: the operating system saves ymm
  bool avx2 = false;
  bool fma = false;
  bool f16c = false;
  bool avx512 = false;  // F, DQ, BW and VL, usable
  bool cx16 = false;

  static HostFeatures probe();
  // x86-64's baseline alone: every fallback path.
  static HostFeatures none() { return {}; }
};

}  // namespace mimus::emit
