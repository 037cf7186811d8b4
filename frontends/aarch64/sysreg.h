// System registers as a table (sysreg.def).
#pragma once

#include <span>
#include <string_view>

#include "frontends/aarch64/state.h"
#include "frontends/aarch64/traps.h"

namespace mimus::aarch64 {

// op0:op1:CRn:CRm:op2 as an instruction has it in bits 20 to 5.
constexpr u32 sysreg_number(u32 op0, u32 op1, u32 crn, u32 crm, u32 op2) {
  return op0 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2;
}
constexpr u32 sysreg_number(u32 raw) { return raw >> 5 & 0xffff; }

struct SysregDesc {
  using Read = u64 (*)(Aarch64State&);
  using Write = void (*)(Aarch64State&, u64 value);

  std::string_view name;
  u32 number = 0;
  Feat feature = Feat::Base;
  u8 el = 0;
  Trap trap = Trap::none;
  bool in_slot = false;
  bool plain = false;     // nothing else depends on what it holds
  u16 slot = 0;           // with in_slot
  Read read = nullptr;    // null: write-only
  Write write = nullptr;  // null: read-only
};

std::span<const SysregDesc> sysreg_table();
const SysregDesc* find_sysreg(u32 number);  // null: there is none
inline u32 sysreg_row(const SysregDesc& row) { return u32(&row - sysreg_table().data()); }

// The ID space that Linux lets programs read, unknown ones as zero
// (Documentation/arch/arm64/cpu-feature-registers.rst); at EL1 and above what is not allocated in it reads as zero.
constexpr bool in_id_space(u32 number) {
  return (number >> 3) >= (sysreg_number(3, 0, 0, 0, 0) >> 3) && (number >> 3) <= (sysreg_number(3, 0, 0, 7, 0) >> 3);
}

}  // namespace mimus::aarch64
