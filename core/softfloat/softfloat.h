// IEEE 754 arithmetic in integers alone: the reference that the engines are judged by.
//
// Every operation is a template over a format (format.h) and a policy (policy.h), takes and returns bit patterns, and
// rounds and raises flags through an Env (env.h):
//     Env env{.rm = Rounding::rtz};
//     u64 sum = add<F64, RiscV>(a, b, env);
// The combinations listed at the end are compiled once, in instances_*.cc; others are instantiated where they are used.
#pragma once

#include "core/softfloat/arith.h"
#include "core/softfloat/compare.h"
#include "core/softfloat/convert.h"
#include "core/softfloat/instances.h"

namespace mimus::softfloat {

MIMUS_SOFTFLOAT_FORMAT(extern template, F16, RiscV)
MIMUS_SOFTFLOAT_FORMAT(extern template, F32, RiscV)
MIMUS_SOFTFLOAT_FORMAT(extern template, F64, RiscV)
MIMUS_SOFTFLOAT_CONVERSIONS(extern template, RiscV)

}  // namespace mimus::softfloat
