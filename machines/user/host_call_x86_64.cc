// The x86-64 side of host_call.h.
#include <ucontext.h>

#include "machines/user/host_call.h"

#ifndef __x86_64__
#error "mimus exec needs host_call for this host"
#endif

// mimus_host_call(const u32* pending, const u64 regs[7]): regs are the number and six arguments.
// From mimus_call_begin up to the syscall instruction nothing has happened: an interrupted call resumes at
// mimus_call_not_begun. At the instruction that is so, too, unless the kernel has put the instruction pointer back
// there to have the call restarted: the instruction leaves its return address in rcx, which is zero before it.
asm(R"(
.pushsection .text
.globl mimus_host_call
.hidden mimus_host_call
.type mimus_host_call, @function
mimus_host_call:
  .cfi_startproc
  push %rbx
  .cfi_adjust_cfa_offset 8
  .cfi_rel_offset %rbx, 0
  mov %rdi, %rbx
  mov %rsi, %r11
  mov 0(%r11), %rax
  mov 8(%r11), %rdi
  mov 16(%r11), %rsi
  mov 24(%r11), %rdx
  mov 32(%r11), %r10
  mov 40(%r11), %r8
  mov 48(%r11), %r9
  xor %ecx, %ecx
mimus_call_begin:
  cmpl $0, (%rbx)
  jne mimus_call_not_begun
mimus_call_syscall:
  syscall
mimus_call_end:
  pop %rbx
  .cfi_remember_state
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbx
  ret
  .cfi_restore_state
mimus_call_interrupted:
  mov $-512, %rax
  jmp mimus_call_leave
mimus_call_not_begun:
  mov $-514, %rax
mimus_call_leave:
  pop %rbx
  .cfi_adjust_cfa_offset -8
  .cfi_restore %rbx
  ret
  .cfi_endproc
.size mimus_host_call, . - mimus_host_call
.popsection
)");

extern "C" {
mimus::s64 mimus_host_call(const mimus::u32* pending, const mimus::u64* regs);
extern const char mimus_call_begin[], mimus_call_syscall[], mimus_call_end[];
extern const char mimus_call_interrupted[], mimus_call_not_begun[];
}

namespace mimus::user {
namespace {

greg_t& rip(void* context) { return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]; }
greg_t address(const char* label) { return reinterpret_cast<greg_t>(label); }

}  // namespace

static_assert(sizeof(std::atomic<u32>) == sizeof(u32));

s64 host_call(const std::atomic<u32>& pending, long number, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f) {
  const u64 regs[7] = {u64(number), a, b, c, d, e, f};
  return mimus_host_call(reinterpret_cast<const u32*>(&pending), regs);
}

void abort_call(void* context) {
  greg_t& at = rip(context);
  if (at < address(mimus_call_begin) || at >= address(mimus_call_end)) return;
  const bool restarts = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_RCX] == address(mimus_call_end);
  at = address(restarts ? mimus_call_interrupted : mimus_call_not_begun);
}

}  // namespace mimus::user
