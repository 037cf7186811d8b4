// Pointer authentication codes (DDI 0487, D8.10, and the shared pseudocode AddPAC, Auth, Strip, ComputePAC).
//
// FEAT_PAuth2: a code is exclusive-ored into the extension bits of its pointer, and authentication takes it off again.
// A pointer that does not belong to its modifier keeps wrong extension bits and faults where it is used.
//
// Two algorithms: the architected QARMA5 (--cpu max,+pauth-qarma5), and an implementation-defined one that costs a few
// host instructions. That one hides a key from programs that guess, but is no cipher.
#pragma once

#include "frontends/aarch64/state.h"

namespace mimus::aarch64 {

enum class PacKey : u8 { ia, ib, da, db, ga };

u64 qarma5(u64 data, u64 modifier, PauthKey key);
// The fast one; `data` is the pointer without its extension bits. The translator makes the same of it in IR.
constexpr u64 fast_code(u64 data, u64 modifier, PauthKey key) { return (data + key.lo) * (modifier ^ key.hi); }

// Linux processes: addresses of 48 bits, the top byte is ignored.
inline constexpr u64 kUserPacMask = u64{0x7f} << 48;
// The extension bits that hold codes, of pointers in the lower or upper half of the address space.
u64 pac_mask(const Aarch64State& state, bool data, bool upper);

// Whether the algorithm is QARMA5.
inline bool uses_qarma(const CpuModel& model) { return model.has(Feat::PAuthQarma5); }
u64 pac_code(const Aarch64State& state, u64 pointer, u64 modifier, PacKey key, u64 mask);
// FEAT_PAuth's generic code: the upper 32 bits (PACGA).
u64 generic_code(const Aarch64State& state, u64 data, u64 modifier);

}  // namespace mimus::aarch64
