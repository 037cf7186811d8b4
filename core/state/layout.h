// Guest state declared as data: one SlotDesc per architectural register (or hidden piece of state that IR may touch).
// From this list come the printer, the snapshot fields, the GDB target description and the host-register assignment.
#pragma once

#include <span>
#include <string_view>

#include "core/ir/type.h"

namespace mimus {

enum class SlotRole : u8 { general, program_counter, flag, floating, vector, system, hidden };

struct SlotDesc {
  std::string_view name;  // as in the architecture manual: "a0", "mstatus"
  ir::Type type;
  u32 offset;  // bytes from the start of the CpuState
  SlotRole role;
  u8 pin = 0;  // 1..8: kept in a host register by the JITs (backends/emit/contract.h); 0: in memory
};

struct StateLayout {
  std::string_view isa;
  std::span<const SlotDesc> slots;  // SlotId indexes this
  u32 size = 0;                     // of the whole state structure, bytes
};

}  // namespace mimus
