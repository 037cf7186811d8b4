// Runtime: the slow paths that every engine calls, filled in by accel/dbt. Plain functions, C calling convention, no
// exceptions.
//
// `desc` describes an access: bits 0-3 log2 of the size in bytes (0..4), bits 8.. MemAttr::pack().
// `site` tells where the access came from: 0 when CpuState::pc is already exact, else a host address inside generated
// code right after the call, from which the PC map gives the guest PC.
// When an access faults, the exception has been delivered to the guest (state.pc is its handler), state.leave is
// Leave::dispatch and the result means nothing.
#pragma once

#include "core/base/types.h"
#include "core/engine/helper.h"
#include "core/ir/op.h"

namespace mimus {

constexpr u32 access_desc(unsigned log2_size, u16 mem_attr) { return log2_size | u32(mem_attr) << 8; }

struct Runtime {
  // Values up to 8 bytes zero-extended; 16-byte values go through state.scratch[0..1].
  u64 (*load)(CpuState*, u64 va, u32 desc, u64 site);
  void (*store)(CpuState*, u64 va, u64 value, u32 desc, u64 site);
  u64 (*load_linked)(CpuState*, u64 va, u32 desc, u64 site);
  u64 (*store_conditional)(CpuState*, u64 va, u64 value, u32 desc, u64 site);  // 0: stored, 1: not
  // `op` is the amo's ir::Op. The old value. Sizes 1, 2, 4, 8.
  u64 (*amo)(CpuState*, u64 va, u64 value, u32 desc, u64 site, u32 op);
  // expected and desired in scratch[0..1] and scratch[2..3]; the old value in scratch[0..1].
  void (*cas)(CpuState*, u64 va, u32 desc, u64 site);
  void (*zero_block)(CpuState*, u64 va, u32 bytes, u64 site);
  // Exit::Kind::trap: delivers the exception; state.pc is exact. Sets leave.
  void (*trap)(CpuState*, u32 cause, u64 tval);
};

}  // namespace mimus
