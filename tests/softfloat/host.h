// The host's SSE2 / SSE4.1 / FMA3 / F16C instructions as an oracle: each runs under a given MXCSR, and its flags are
// read back. Operands and results are bit patterns.
#pragma once

#include <immintrin.h>

#include <bit>

#include "core/softfloat/env.h"

namespace mimus::softfloat::host {

inline constexpr u32 kDaz = 1u << 6;
inline constexpr u32 kFtz = 1u << 15;
inline constexpr u32 kMasked = 0x1f80;
inline constexpr Rounding kModes[] = {Rounding::rne, Rounding::rtz, Rounding::rdn, Rounding::rup};

// MXCSR with all exceptions masked and no flag set, for one of kModes.
inline u32 control(const Env& env) {
  constexpr u32 rc[] = {0, 3, 1, 2};  // by Rounding
  return kMasked | (rc[static_cast<unsigned>(env.rm)] << 13) | (env.flush_inputs ? kDaz : 0) |
         (env.flush_outputs ? kFtz : 0);
}

// MXCSR's IE DE ZE OE UE PE (bits 0 to 5) as ours.
inline u8 flags(u32 mxcsr) {
  constexpr u8 names[] = {kInvalid, kDenormal, kDivByZero, kOverflow, kUnderflow, kInexact};
  u8 result = 0;
  for (unsigned i = 0; i < 6; ++i) result = static_cast<u8>(result | (bit(mxcsr, i) ? names[i] : 0));
  return result;
}

inline bool has_fma() { return __builtin_cpu_supports("fma"); }
inline bool has_f16c() { return __builtin_cpu_supports("f16c"); }

template <class Bits>
using Float = std::conditional_t<sizeof(Bits) == 8, double, float>;

// Each row makes `Bits name(a, b, env)`: the first operand is the instruction's destination.
#define HOST_BINARY(name, insn, Bits)                                                          \
  inline Bits name(Bits a, Bits b, Env& env) {                                                 \
    auto x = std::bit_cast<Float<Bits>>(a);                                                    \
    const auto y = std::bit_cast<Float<Bits>>(b);                                              \
    u32 csr = control(env);                                                                    \
    const u32 saved = _mm_getcsr();                                                            \
    asm volatile("ldmxcsr %[csr]\n\t" insn " %[y], %[x]\n\tstmxcsr %[csr]\n\tldmxcsr %[saved]" \
                 : [x] "+x"(x), [csr] "+m"(csr)                                                \
                 : [y] "x"(y), [saved] "m"(saved));                                            \
    env.raise(flags(csr));                                                                     \
    return std::bit_cast<Bits>(x);                                                             \
  }
HOST_BINARY(add, "addss", u32)
HOST_BINARY(add, "addsd", u64)
HOST_BINARY(sub, "subss", u32)
HOST_BINARY(sub, "subsd", u64)
HOST_BINARY(mul, "mulss", u32)
HOST_BINARY(mul, "mulsd", u64)
HOST_BINARY(div, "divss", u32)
HOST_BINARY(div, "divsd", u64)
HOST_BINARY(min, "minss", u32)
HOST_BINARY(min, "minsd", u64)
HOST_BINARY(max, "maxss", u32)
HOST_BINARY(max, "maxsd", u64)
#undef HOST_BINARY

// result = insn(operand), with a destination of another type. Constraint letters: x (vector) or r (integer).
#define HOST_UNARY(name, insn, To, ToReg, to_constraint, From, FromReg, from_constraint)       \
  inline To name(From a, Env& env) {                                                           \
    const auto y = std::bit_cast<FromReg>(a);                                                  \
    ToReg x{};                                                                                 \
    u32 csr = control(env);                                                                    \
    const u32 saved = _mm_getcsr();                                                            \
    asm volatile("ldmxcsr %[csr]\n\t" insn " %[y], %[x]\n\tstmxcsr %[csr]\n\tldmxcsr %[saved]" \
                 : [x] "+" to_constraint(x), [csr] "+m"(csr)                                   \
                 : [y] from_constraint(y), [saved] "m"(saved));                                \
    env.raise(flags(csr));                                                                     \
    return std::bit_cast<To>(x);                                                               \
  }
HOST_UNARY(sqrt, "sqrtss", u32, float, "x", u32, float, "x")
HOST_UNARY(sqrt, "sqrtsd", u64, double, "x", u64, double, "x")
HOST_UNARY(round_exact, "roundss $4,", u32, float, "x", u32, float, "x")
HOST_UNARY(round_exact, "roundsd $4,", u64, double, "x", u64, double, "x")
HOST_UNARY(round_quiet, "roundss $12,", u32, float, "x", u32, float, "x")
HOST_UNARY(round_quiet, "roundsd $12,", u64, double, "x", u64, double, "x")
HOST_UNARY(to_f64, "cvtss2sd", u64, double, "x", u32, float, "x")
HOST_UNARY(to_f32, "cvtsd2ss", u32, float, "x", u64, double, "x")
HOST_UNARY(to_i32, "cvtss2si", s32, s32, "r", u32, float, "x")
HOST_UNARY(to_i32, "cvtsd2si", s32, s32, "r", u64, double, "x")
HOST_UNARY(to_i64, "cvtss2si", s64, s64, "r", u32, float, "x")
HOST_UNARY(to_i64, "cvtsd2si", s64, s64, "r", u64, double, "x")
HOST_UNARY(f32_from_int, "cvtsi2ssl", u32, float, "x", s32, s32, "r")
HOST_UNARY(f32_from_int, "cvtsi2ssq", u32, float, "x", s64, s64, "r")
HOST_UNARY(f64_from_int, "cvtsi2sdl", u64, double, "x", s32, s32, "r")
HOST_UNARY(f64_from_int, "cvtsi2sdq", u64, double, "x", s64, s64, "r")
#undef HOST_UNARY

// a * b + c: VFMADD213 with a in operand 2, b in operand 1, c in operand 3.
#define HOST_FMA(insn, Bits)                                                                            \
  inline Bits fma(Bits a, Bits b, Bits c, Env& env) {                                                   \
    const auto x = std::bit_cast<Float<Bits>>(a);                                                       \
    auto y = std::bit_cast<Float<Bits>>(b);                                                             \
    const auto z = std::bit_cast<Float<Bits>>(c);                                                       \
    u32 csr = control(env);                                                                             \
    const u32 saved = _mm_getcsr();                                                                     \
    asm volatile("vldmxcsr %[csr]\n\t" insn " %[z], %[x], %[y]\n\tvstmxcsr %[csr]\n\tvldmxcsr %[saved]" \
                 : [y] "+x"(y), [csr] "+m"(csr)                                                         \
                 : [x] "x"(x), [z] "x"(z), [saved] "m"(saved));                                         \
    env.raise(flags(csr));                                                                              \
    return std::bit_cast<Bits>(y);                                                                      \
  }
HOST_FMA("vfmadd213ss", u32)
HOST_FMA("vfmadd213sd", u64)
#undef HOST_FMA

struct Compared {
  bool unordered, less, equal;
};

#define HOST_COMPARE(name, insn, Bits)                                             \
  inline Compared name(Bits a, Bits b, Env& env) {                                 \
    const auto x = std::bit_cast<Float<Bits>>(a);                                  \
    const auto y = std::bit_cast<Float<Bits>>(b);                                  \
    u32 csr = control(env);                                                        \
    const u32 saved = _mm_getcsr();                                                \
    u8 zf, pf, cf;                                                                 \
    asm volatile("ldmxcsr %[csr]\n\t" insn                                         \
                 " %[y], %[x]\n\tsetz %[zf]\n\tsetp %[pf]\n\tsetc %[cf]\n\t"       \
                 "stmxcsr %[csr]\n\tldmxcsr %[saved]"                              \
                 : [csr] "+m"(csr), [zf] "=&q"(zf), [pf] "=&q"(pf), [cf] "=&q"(cf) \
                 : [x] "x"(x), [y] "x"(y), [saved] "m"(saved)                      \
                 : "cc");                                                          \
    env.raise(flags(csr));                                                         \
    return {pf != 0, !pf && cf, !pf && zf};                                        \
  }
HOST_COMPARE(compare_quiet, "ucomiss", u32)
HOST_COMPARE(compare_quiet, "ucomisd", u64)
HOST_COMPARE(compare_signaling, "comiss", u32)
HOST_COMPARE(compare_signaling, "comisd", u64)
#undef HOST_COMPARE

// F16C, lane 0 of a vector whose other lanes are zeros. VCVTPS2PH ignores FTZ, VCVTPH2PS ignores DAZ.
inline u16 f32_to_f16(u32 a, Env& env) {
  __m128i x = _mm_cvtsi32_si128(static_cast<int>(a));
  __m128i r{};
  u32 csr = control(env);
  const u32 saved = _mm_getcsr();
  asm volatile("vldmxcsr %[csr]\n\tvcvtps2ph $4, %[x], %[r]\n\tvstmxcsr %[csr]\n\tvldmxcsr %[saved]"
               : [r] "=x"(r), [csr] "+m"(csr)
               : [x] "x"(x), [saved] "m"(saved));
  env.raise(flags(csr));
  return static_cast<u16>(_mm_cvtsi128_si32(r));
}
inline u32 f16_to_f32(u16 a, Env& env) {
  __m128i x = _mm_cvtsi32_si128(a);
  __m128i r{};
  u32 csr = control(env);
  const u32 saved = _mm_getcsr();
  asm volatile("vldmxcsr %[csr]\n\tvcvtph2ps %[x], %[r]\n\tvstmxcsr %[csr]\n\tvldmxcsr %[saved]"
               : [r] "=x"(r), [csr] "+m"(csr)
               : [x] "x"(x), [saved] "m"(saved));
  env.raise(flags(csr));
  return static_cast<u32>(_mm_cvtsi128_si32(r));
}

}  // namespace mimus::softfloat::host
