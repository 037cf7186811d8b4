// The host x86-64 register contract that all generated code keeps, whoever made it, and that lets any piece of it
// jump to any other. It is the argument order of LLVM's preserve_none calling convention, so that LLVM functions
// receive the state and the pinned guest registers as their arguments.
//
//   r12                   CpuState*
//   r13 r14 r15 rdi rsi r8 r9 r11
//                         the guest slots with SlotDesc::pin = 1..8, in this order; always current
//   rax rcx rdx rbx rbp r10, xmm0-xmm15
//                         scratch; hold nothing at a block boundary
//   rsp                   8 modulo 16 at block entry, as at the entry of a C function (LLVM lays out its frames on that
//                         premise), below it at least kFrameBytes of scratch owned by the entry thunk
//   MXCSR                 the guest's rounding mode and sticky flags
//
// C functions clobber rdi rsi r8 r9 r11 among the pinned ones: calls go through thunks that save and reload pins.
#pragma once

#include "core/base/types.h"

namespace mimus::emit {

inline constexpr unsigned kPinnedCount = 8;
// Hardware numbers (rax = 0, rcx 1, rdx 2, rbx 3, rsp 4, rbp 5, rsi 6, rdi 7, r8..r15).
inline constexpr u8 kStateRegister = 12;
inline constexpr u8 kPinnedRegisters[kPinnedCount] = {13, 14, 15, 7, 6, 8, 9, 11};
inline constexpr u8 kScratchRegisters[] = {0, 1, 2, 3, 5, 10};
inline constexpr unsigned kFrameBytes = 256;

}  // namespace mimus::emit
