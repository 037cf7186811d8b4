// CpuState: the part of a virtual CPU's state that every ISA has and that generated code touches at fixed offsets.
// An ISA's state structure derives from it and adds its registers.
#pragma once

#include <atomic>

#include "core/base/types.h"
#include "core/memory/soft_tlb.h"

namespace mimus {

class CpuInterruptPort;
class CpuPort;
class FirmwarePort;
struct Runtime;

// Why generated code came back to the run loop. A slow path or helper that sets CpuState::leave to anything but
// `none` makes the calling code leave at once, with CpuState::pc being where the guest goes on.
enum class Leave : u32 {
  none,
  dispatch,  // go on at state.pc
  edge,      // an unlinked direct edge was taken: left_code / left_edge name it, state.pc is its target
  poll,      // exit_request was seen
};

// Direct-mapped cache from virtual PC to host code of the current address space and mode.
struct JumpEntry {
  u64 pc = ~u64{0};
  u64 code = 0;
};
inline constexpr unsigned kJumpCacheEntries = 4096;
// Index of `pc`: ((pc ^ pc >> 12) & 0x1ffe) / 2; generated code scales the masked value by 8 instead.
constexpr u32 jump_cache_index(u64 pc) { return u32((pc ^ (pc >> 12)) & 0x1ffe) >> 1; }

struct ReturnEntry {
  u64 pc = ~u64{0};  // guest return address
  u64 code = 0;      // host code that goes on there
};
inline constexpr unsigned kReturnStackEntries = 16;

struct alignas(64) CpuState {
  std::atomic<u32> exit_request{0};  // nonzero: leave at the next poll (backward direct edge or indirect edge)
  u32 leave = 0;                     // Leave
  u64 pc = 0;                        // exact whenever generated code is not running, and after any slow path
  u64 tlb_mask = 0;                  // (entries - 1) * sizeof(TlbEntry)
  TlbEntry* tlb = nullptr;           // data TLB of the current regime and address space
  JumpEntry* jump_cache = nullptr;   // of the current address space and mode key
  const Runtime* runtime = nullptr;  // slow paths
  u32 left_code = 0;                 // see Leave::edge
  u32 left_edge = 0;
  u32 return_top = 0;        // byte offset into return_stack of the next free entry (wraps)
  u32 guest_mxcsr = 0x1f80;  // MXCSR while generated code runs: the guest's rounding mode and sticky flags
  u32 host_mxcsr = 0x1f80;
  u32 cpu_index = 0;
  ReturnEntry return_stack[kReturnStackEntries];
  u64 scratch[8] = {};          // operands and results wider than 64 bits, spills of thunks
  u64 insn_count = 0;           // retired instructions, when counting is on
  u64 mode_key = 0;             // Frontend::mode_key, kept by the run loop
  u32 regime = 0;               // data regime; regime_changed() on the port after a change
  u32 reservation_size = 0;     // bytes; 0: none
  u64 reservation_address = 0;  // guest physical
  u64 reservation_value[2] = {};
  std::atomic<u64> irq_lines{0};  // level of each interrupt input, set by interrupt controllers
  CpuPort* port = nullptr;
  CpuInterruptPort* interrupt_port = nullptr;  // set by the board; null where the ISA needs none
  FirmwarePort* firmware_port = nullptr;       // likewise

  void clear_return_stack() {
    for (ReturnEntry& e : return_stack) e = {};
  }
};

}  // namespace mimus
