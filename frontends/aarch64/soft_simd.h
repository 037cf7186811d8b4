// Instructions that helpers carry out by soft float, a whole register in one call: what IR operations do not have and
// what only rare modes of FPCR need.
#pragma once

#include "frontends/aarch64/state.h"
#include "frontends/aarch64/translator.h"

namespace mimus::aarch64 {

enum class SoftSimd : u8 {
  reciprocal_estimate,    // FRECPE
  root_estimate,          // FRSQRTE
  reciprocal_exponent,    // FRECPX
  root_step,              // FRSQRTS
  integer_estimate,       // URECPE
  integer_root_estimate,  // URSQRTE
  from_fixed,             // SCVTF, UCVTF (vector, fixed-point)
  to_fixed,               // FCVTZS, FCVTZU (vector, fixed-point)
  alternative_scalar,     // FCVT, FPCR.AHP being set
  alternative_long,       // FCVTL
  alternative_narrow,     // FCVTN
  bfloat_dot,             // BFDOT
  bfloat_matrix,          // BFMMLA
};
// Carries out the instruction `raw` on the registers of `state`.
void soft_simd(Aarch64State& state, SoftSimd what, u32 raw);

// An arithmetic operation (ir::Op) on half-precision numbers by FPCR.
u16 half_op(Aarch64State& state, unsigned op, u16 a, u16 b, u16 c);

namespace translate {

inline Next soft(Translator& t, const Insn& i, SoftSimd what) {
  t.call(kHelper_soft_simd, ir::kVoid, {t.b.constant(u64(what)), t.b.constant(i.raw)});
  return Next::go_on;
}
inline Next alternative_half(Translator& t, const Insn& i) { return soft(t, i, SoftSimd::alternative_scalar); }

}  // namespace translate
}  // namespace mimus::aarch64
