// HostRuntime: the thunks of one virtual machine. They are generated into its slab, join C++ and generated code, and
// keep the register contract (contract.h). All addresses are of the slab's executable view.
#pragma once

#include <array>
#include <memory>

#include "backends/emit/contract.h"
#include "backends/emit/features.h"
#include "backends/emit/slab.h"
#include "core/engine/helper.h"
#include "core/state/cpu.h"
#include "core/state/layout.h"

namespace mimus::emit {

// The functions of struct Runtime that return to the code that calls them.
enum class SlowPath : u8 { load, store, load_linked, store_conditional, amo, cas, zero_block };
inline constexpr unsigned kSlowPaths = 7;

// Constants that generated code reaches relative to rip; 16-byte aligned where SSE needs it.
struct alignas(64) ConstantTable {
  u64 f64_sign[2], f64_abs[2];
  u32 f32_sign[4], f32_abs[4];
  u64 f64_nan[2];  // by ir::NanRule
  u32 f32_nan[2];
  u8 mxcsr_to_flags[64];  // MXCSR bits 5-0 (PE UE OE ZE DE IE) -> NX UF OF DZ NV = 1 2 4 8 16
  u8 flags_to_mxcsr[32];
};

class HostRuntime {
 public:
  static Expected<std::unique_ptr<HostRuntime>> create(CodeSlab& slab, const StateLayout& layout,
                                                       const HostFeatures& features = HostFeatures::probe());

  const HostFeatures& features() const { return features_; }
  const StateLayout& layout() const { return layout_; }
  // Offset in the state of the slot that pinned register `index` (0..7) holds, or 0 if the ISA pins fewer slots.
  u32 pin_offset(unsigned index) const { return pin_offsets_[index]; }
  const ConstantTable& constants() const { return *constants_; }  // in the writable view

  // C++ -> generated code. Saves the callee-saved registers, clears state.leave, makes the frame, swaps MXCSR
  // (host -> guest), loads the pins and calls `code` (an executable address). Comes back after one of the ways below;
  // then all slots are in the state, and state.pc and state.leave are set.
  void enter(CpuState& state, u64 code) const { enter_(&state, code); }

  // -- ways out: generated code jumps there with rsp as at block entry --
  u64 leave_dispatch() const { return leave_dispatch_; }  // rax = guest PC to go on at
  u64 leave_poll() const { return leave_poll_; }          // rax = guest PC
  u64 leave_edge() const { return leave_edge_; }          // rax = guest PC, ecx = code id, edx = edge
  u64 leave_trap() const { return leave_trap_; }  // rax = guest PC, ecx = cause, rdx = tval: calls Runtime::trap

  // Generated code calls it with rsp as at block entry; arguments in the frame: va in kArg0, value in kArg1 (store,
  // store_conditional, amo), kDesc, kExtra (amo: op; zero_block: bytes). The site is the return address. Result in
  // kArg0. Keeps all general registers; keeps xmm only if `keep_xmm`. When the access faults it does not return, but
  // leaves.
  u64 slow_path(SlowPath path, bool keep_xmm) const { return slow_paths_[unsigned(path) * 2 + keep_xmm]; }

  // Generated code calls it with rax = the HelperFn, operands in kArg0..kArg3; result in kArg0. Keeps rbx, rbp and the
  // pins (reloaded from the state if the helper writes_state); the other scratch registers are lost.
  u64 helper(HelperEffects effects) const { return helpers_[u8(effects)]; }

  // Generated code calls it with rax = a u64 f(CpuState*, u64 a, u64 b, u64 c, u32 what) that works on
  // state.guest_mxcsr; operands in kArg0..kArg2, `what` in kExtra; result in kArg0. Keeps all registers but rax.
  u64 assist() const { return assist_; }

  // Generated code calls it with rsp as at block entry, a FlatRecord (flat_fault.h) behind the call, and everything as
  // it was when the access faulted. Comes back where the record says; when the access is the guest's fault, it leaves.
  u64 flat_fault() const { return flat_fault_; }

 private:
  friend class ThunkWriter;
  HostRuntime(const StateLayout& layout, const HostFeatures& features) : layout_(layout), features_(features) {}

  const StateLayout& layout_;
  HostFeatures features_;
  std::array<u32, kPinnedCount> pin_offsets_{};
  const ConstantTable* constants_ = nullptr;
  void (*enter_)(CpuState*, u64) = nullptr;
  u64 leave_dispatch_ = 0, leave_poll_ = 0, leave_edge_ = 0, leave_trap_ = 0;
  u64 leave_clean_ = 0;  // pins and guest MXCSR are in the state already, the host's MXCSR is loaded
  u64 assist_ = 0, flat_fault_ = 0;
  std::array<u64, kSlowPaths * 2> slow_paths_{};
  std::array<u64, 32> helpers_{};
};

}  // namespace mimus::emit
