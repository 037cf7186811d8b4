// The host x86-64 register contract that all generated code keeps, whoever made it, and that lets any piece of it
// jump to any other. It is the argument order of LLVM's preserve_none calling convention, so that LLVM functions
// receive the state and the pinned guest registers as their arguments.
//
//   r12                   CpuState*
//   r13 r14 r15 rdi rsi r8 r9 r11
//                         the guest slots with SlotDesc::pin = 1..8, in this order; always current
//   rax rcx rdx rbx rbp r10, xmm0-xmm15
//                         scratch; hold nothing at a block boundary
//   rsp                   = 8 modulo 16 at block entry, as in a function that has just been called: [rsp] is an address
//                         in the entry thunk, to which a plain `ret` (CpuState::pc and leave being set) leaves.
//                         [rsp + 8, rsp + 8 + kFrameBytes) is scratch (Frame), the space below rsp is free.
//   MXCSR                 the guest's rounding mode and sticky flags
//   GS base               flat memory (MemoryModel::flat): host address of guest address 0
//   DF                    clear
//
// C functions clobber rdi rsi r8 r9 r11 among the pinned ones: calls go through thunks (thunks.h) that save and reload
// pins.
#pragma once

#include "core/base/types.h"

namespace mimus::emit {

inline constexpr unsigned kPinnedCount = 8;
// Hardware numbers (rax = 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7, r8..r15).
inline constexpr u8 kStateRegister = 12;
inline constexpr u8 kPinnedRegisters[kPinnedCount] = {13, 14, 15, 7, 6, 8, 9, 11};
inline constexpr u8 kScratchRegisters[] = {0, 1, 2, 3, 5, 10};

// Offsets from rsp at block entry. Arguments and results of thunks travel in memory, so that a cold call needs no
// particular register.
struct Frame {
  static constexpr u32 kArg0 = 8;  // four words; thunks return their result in the first
  static constexpr u32 kArg1 = 16;
  static constexpr u32 kArg2 = 24;
  static constexpr u32 kArg3 = 32;
  static constexpr u32 kDesc = 40;      // access descriptor (core/engine/runtime.h), or the exception cause
  static constexpr u32 kExtra = 44;     // ir::Op of an amo, bytes of a zero_block, description of an assist
  static constexpr u32 kSavedGpr = 48;  // rax rcx rdx r10, while a thunk runs
  static constexpr u32 kMxcsr = 80;     // two dwords for MXCSR changes
  static constexpr u32 kSavedXmm = 88;  // xmm0-15, while a thunk runs that preserves them; 16-byte aligned
  static constexpr u32 kSpill = kSavedXmm + 16 * 16;  // the register allocator's; 16-byte aligned
  static constexpr u32 kSpillBytes = 2048;
  static constexpr u32 kWide = kSpill + kSpillBytes;  // operands and result of an op done by a C function; aligned
  static constexpr u32 kWideBytes = 1152;
};
inline constexpr unsigned kFrameBytes = Frame::kWide + Frame::kWideBytes - 8;

}  // namespace mimus::emit
