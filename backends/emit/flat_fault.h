// What generated code leaves behind for the fault of a load or store on flat memory: not code but a record, which one
// thunk interprets (HostRuntime::flat_fault). Faults are rare and accesses are many, so that writing code for each
// would be a good part of translating.
#pragma once

#include "core/base/types.h"

namespace mimus {
struct CpuState;
}

namespace mimus::emit {

// Lies behind the call of the thunk.
struct FlatRecord {
  enum class Kind : u8 { load_zero, load_sign, load_xmm, store_gpr, store_xmm, store_imm };
  s32 disp;  // of the address
  u32 desc;  // access descriptor (core/engine/runtime.h)
  s32 back;  // from the record's start to where the code goes on
  s32 imm;   // store_imm: the value
  u8 base;   // register of the address
  u8 reg;    // of the value; general registers by hardware number
  Kind kind;
  u8 unused = 0;
};
static_assert(sizeof(FlatRecord) == 20);

// Makes the access by way of the Runtime, site being the record's address. Returns where to go on; state.leave tells
// whether the guest goes on there at all.
u64 flat_fault(CpuState* state, u64* gpr, u64 (*xmm)[2], const u8* record);

}  // namespace mimus::emit
