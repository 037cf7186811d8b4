// Soft float under the guest's FPCR and FPSR, for helpers.
#pragma once

#include "core/softfloat/softfloat.h"
#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

namespace sf = softfloat;

// One operation's environment: modes out of FPCR going in, exceptions into guest_mxcsr coming out.
class SoftFloat {
 public:
  explicit SoftFloat(Aarch64State& state) : state_(state) {
    constexpr sf::Rounding kRmode[4] = {sf::Rounding::rne, sf::Rounding::rup, sf::Rounding::rdn, sf::Rounding::rtz};
    env.rm = kRmode[bits(state.fpcr, kFpcrRmodeShift, 2)];
    env.flush_inputs = env.flush_outputs = (state.fpcr & kFpcrFz) != 0;
    env.flush_half = (state.fpcr & kFpcrFz16) != 0;
  }
  // MXCSR (Intel SDM volume 1, 10.2.3).
  ~SoftFloat() {
    constexpr u8 kMxcsr[] = {sf::kInvalid, sf::kDenormal, sf::kDivByZero, sf::kOverflow, sf::kUnderflow, sf::kInexact};
    for (unsigned i = 0; i < std::size(kMxcsr); ++i)
      if (env.flags & kMxcsr[i]) state_.guest_mxcsr |= 1u << i;
  }
  SoftFloat(const SoftFloat&) = delete;

  bool default_nan() const { return (state_.fpcr & kFpcrDn) != 0; }
  bool flushes_results(bool half) const { return half ? env.flush_half : env.flush_outputs; }

  sf::Env env;

 private:
  Aarch64State& state_;
};

}  // namespace mimus::aarch64
