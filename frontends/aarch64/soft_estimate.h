// Reciprocal estimates and steps, and the alternative half-precision format (DDI 0487, shared pseudocode
// FPRecipEstimate, FPRSqrtEstimate, FPRecpX, FPRSqrtStepFused, FPConvert), on the bits of one lane.
#pragma once

#include "frontends/aarch64/soft_float.h"

namespace mimus::aarch64 {

template <class F>
typename F::Bits reciprocal_estimate(typename F::Bits bits, SoftFloat& soft);
template <class F>
typename F::Bits root_estimate(typename F::Bits bits, SoftFloat& soft);
template <class F>
typename F::Bits reciprocal_exponent(typename F::Bits bits, SoftFloat& soft);
template <class F>
typename F::Bits root_step(typename F::Bits a, typename F::Bits b, SoftFloat& soft);
u32 integer_estimate(u32 value);
u32 integer_root_estimate(u32 value);

template <class F>
u16 to_alternative_half(typename F::Bits bits, SoftFloat& soft);
template <class F>
typename F::Bits from_alternative_half(u16 bits);

}  // namespace mimus::aarch64
