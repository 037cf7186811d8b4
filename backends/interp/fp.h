// Floating point by soft float: environments, formats and rule sets picked from types and attributes.
#pragma once

#include "backends/interp/lower.h"
#include "core/softfloat/softfloat.h"

namespace mimus::interp {

namespace sf = softfloat;

// Exception flags between the order of sf::Flag and that of MXCSR (Intel SDM volume 1, 10.2.3).
struct FlagPair {
  u8 flag;
  u8 mxcsr;
};
inline constexpr FlagPair kFlags[] = {
    {sf::kInvalid, 1},  {sf::kDenormal, 2},   {sf::kDivByZero, 4},
    {sf::kOverflow, 8}, {sf::kUnderflow, 16}, {sf::kInexact, 32},
};
inline constexpr u32 kMxcsrFlags = 0x3f, kMxcsrDaz = 1 << 6, kMxcsrFtz = 1 << 15;
inline constexpr unsigned kMxcsrRoundingShift = 13;

constexpr u32 mxcsr_from_flags(u32 flags) {
  u32 mxcsr = 0;
  for (const FlagPair& pair : kFlags) mxcsr |= flags & pair.flag ? pair.mxcsr : 0;
  return mxcsr;
}
constexpr u32 flags_from_mxcsr(u32 mxcsr) {
  u32 flags = 0;
  for (const FlagPair& pair : kFlags) flags |= mxcsr & pair.mxcsr ? pair.flag : 0;
  return flags;
}

inline sf::Rounding rounding_of(const CpuState& state, ir::Rounding rounding) {
  constexpr sf::Rounding dynamic[] = {sf::Rounding::rne, sf::Rounding::rdn, sf::Rounding::rup, sf::Rounding::rtz};
  constexpr sf::Rounding fixed[] = {sf::Rounding::rne, sf::Rounding::rtz, sf::Rounding::rdn,
                                    sf::Rounding::rup, sf::Rounding::rmm, sf::Rounding::rod};
  if (rounding == ir::Rounding::current) return dynamic[state.guest_mxcsr >> kMxcsrRoundingShift & 3];
  return fixed[unsigned(rounding)];
}

// The environment of one op: the guest's modes going in, its accumulated flags coming out.
class FpScope {
 public:
  FpScope(CpuState* state, ir::Rounding rounding) : state_(state) {
    env.rm = rounding_of(*state, rounding);
    env.flush_inputs = state->guest_mxcsr & kMxcsrDaz;
    env.flush_outputs = state->guest_mxcsr & kMxcsrFtz;
  }
  ~FpScope() {
    if (env.flags) state_->guest_mxcsr |= mxcsr_from_flags(env.flags);
  }
  FpScope(const FpScope&) = delete;

  sf::Env env;

 private:
  CpuState* state_;
};

template <class Make>
Handler by_format(ir::Elem elem, Make make) {
  switch (elem) {
    case ir::Elem::f16: return make.template operator()<sf::F16>();
    case ir::Elem::bf16: return make.template operator()<sf::BF16>();
    case ir::Elem::f32: return make.template operator()<sf::F32>();
    case ir::Elem::f64: return make.template operator()<sf::F64>();
    case ir::Elem::f80: return make.template operator()<sf::F80>();
    default: return nullptr;
  }
}
// The architecture whose rules FpAttr::rule asks for.
template <class Make>
Handler by_rule(ir::IntRule rule, Make make) {
  switch (rule) {
    case ir::IntRule::riscv: return make.template operator()<sf::RiscV>();
    case ir::IntRule::arm: return make.template operator()<sf::Arm>();
    case ir::IntRule::x86: return make.template operator()<sf::X86>();
  }
  return nullptr;
}

template <class U>
U element(const u8* frame, u32 place, u32 index) {
  return get<U>(frame + place + index * sizeof(U));
}
// `lanes` is the number of lanes of the whole value: a scalar is zero-extended in its place.
template <class U>
void set_element(u8* frame, u32 place, u32 index, u32 lanes, U value) {
  if (lanes == 1)
    put_scalar<U>(frame + place, value);
  else
    put<U>(frame + place + index * sizeof(U), value);
}

// Operands, attributes and lane count (extra) of an FP op.
inline void fp_fields(Lowering& l, unsigned operands) {
  l.use(operands);
  l.record().attr = l.inst().attr;
  l.record().extra = l.arg_type(0).lanes;
}

}  // namespace mimus::interp
