#include "core/memory/guarded.h"

#include <ucontext.h>

namespace mimus {

// System V calling convention: the result is in rax (value) and rdx (fault). Nothing but the return address is on the
// stack at any instruction that can fault, so the way out of a fault is a `ret` with both set.
extern "C" {
GuardedResult mimus_guarded_load1(const u8* at);
GuardedResult mimus_guarded_load2(const u8* at);
GuardedResult mimus_guarded_load4(const u8* at);
GuardedResult mimus_guarded_load8(const u8* at);
GuardedResult mimus_guarded_load16(const u8* at, u64* out);
GuardedResult mimus_guarded_store1(u8* at, u64 value);
GuardedResult mimus_guarded_store2(u8* at, u64 value);
GuardedResult mimus_guarded_store4(u8* at, u64 value);
GuardedResult mimus_guarded_store8(u8* at, u64 value);
GuardedResult mimus_guarded_store16(u8* at, const u64* value);
GuardedResult mimus_guarded_exchange1(u8* at, u64 expected, u64 desired);
GuardedResult mimus_guarded_exchange2(u8* at, u64 expected, u64 desired);
GuardedResult mimus_guarded_exchange4(u8* at, u64 expected, u64 desired);
GuardedResult mimus_guarded_exchange8(u8* at, u64 expected, u64 desired);
GuardedResult mimus_guarded_copy(void* to, const void* from, u64 bytes);
GuardedResult mimus_guarded_zero(u8* at, u64 bytes);
GuardedResult mimus_guarded_exchange16(u8* at, u64* expected, const u64* desired);
extern const u8 mimus_guarded_begin[], mimus_guarded_end[], mimus_guarded_out[];
extern const u8 mimus_guarded_begin16[], mimus_guarded_end16[], mimus_guarded_out16[];
}

__asm__(R"(
  .text
  .macro guarded name
    .p2align 4
    .globl mimus_guarded_\name
    .hidden mimus_guarded_\name
    .type mimus_guarded_\name, @function
  mimus_guarded_\name:
  .endm
  .macro done
    xor %edx, %edx
    ret
  .endm
  .macro label name
    .globl \name
    .hidden \name
  \name:
  .endm

  label mimus_guarded_begin
  guarded load1
    movzbl (%rdi), %eax
    done
  guarded load2
    movzwl (%rdi), %eax
    done
  guarded load4
    movl (%rdi), %eax
    done
  guarded load8
    movq (%rdi), %rax
    done
  guarded load16
    movdqu (%rdi), %xmm0
    movdqu %xmm0, (%rsi)
    done
  guarded store1
    movb %sil, (%rdi)
    done
  guarded store2
    movw %si, (%rdi)
    done
  guarded store4
    movl %esi, (%rdi)
    done
  guarded store8
    movq %rsi, (%rdi)
    done
  guarded store16
    movdqu (%rsi), %xmm0
    movdqu %xmm0, (%rdi)
    done
  guarded exchange1
    movl %esi, %eax
    lock cmpxchgb %dl, (%rdi)
    done
  guarded exchange2
    movl %esi, %eax
    lock cmpxchgw %dx, (%rdi)
    done
  guarded exchange4
    movl %esi, %eax
    lock cmpxchgl %edx, (%rdi)
    done
  guarded exchange8
    movq %rsi, %rax
    lock cmpxchgq %rdx, (%rdi)
    done
  guarded copy
    movq %rdx, %rcx
    rep movsb
    done
  guarded zero
    movq %rsi, %rcx
    xor %eax, %eax
    rep stosb
    done
  label mimus_guarded_end
  label mimus_guarded_out
    ret

  guarded exchange16
    movq %rbx, %r8
    movq %rdx, %r9
    movq (%rsi), %rax
    movq 8(%rsi), %rdx
    movq (%r9), %rbx
    movq 8(%r9), %rcx
  label mimus_guarded_begin16
    lock cmpxchg16b (%rdi)
  label mimus_guarded_end16
    movq %rax, (%rsi)
    movq %rdx, 8(%rsi)
    movq %r8, %rbx
    done
  label mimus_guarded_out16
    movq %r8, %rbx
    ret
  .purgem guarded
  .purgem done
  .purgem label
)");

namespace {

bool within(u64 pc, const u8* begin, const u8* end) { return pc >= u64(begin) && pc < u64(end); }

}  // namespace

GuardedResult guarded_load(const u8* at, unsigned bytes) {
  switch (bytes) {
    case 1: return mimus_guarded_load1(at);
    case 2: return mimus_guarded_load2(at);
    case 4: return mimus_guarded_load4(at);
    default: return mimus_guarded_load8(at);
  }
}

GuardedResult guarded_store(u8* at, unsigned bytes, u64 value) {
  switch (bytes) {
    case 1: return mimus_guarded_store1(at, value);
    case 2: return mimus_guarded_store2(at, value);
    case 4: return mimus_guarded_store4(at, value);
    default: return mimus_guarded_store8(at, value);
  }
}

GuardedResult guarded_compare_exchange(u8* at, unsigned bytes, u64 expected, u64 desired) {
  GuardedResult result = bytes == 1   ? mimus_guarded_exchange1(at, expected, desired)
                         : bytes == 2 ? mimus_guarded_exchange2(at, expected, desired)
                         : bytes == 4 ? mimus_guarded_exchange4(at, expected, desired)
                                      : mimus_guarded_exchange8(at, expected, desired);
  if (result.ok() && bytes < 8) result.value = bits(result.value, 0, bytes * 8);
  return result;
}

GuardedResult guarded_load16(const u8* at, u64 out[2]) { return mimus_guarded_load16(at, out); }
GuardedResult guarded_store16(u8* at, const u64 value[2]) { return mimus_guarded_store16(at, value); }
GuardedResult guarded_compare_exchange16(u8* at, u64 expected[2], const u64 desired[2]) {
  return mimus_guarded_exchange16(at, expected, desired);
}
GuardedResult guarded_copy(void* to, const void* from, u64 bytes) { return mimus_guarded_copy(to, from, bytes); }
GuardedResult guarded_zero(u8* at, u64 bytes) { return mimus_guarded_zero(at, bytes); }

bool recover_guarded_access(const siginfo_t& info, void* ucontext) {
  greg_t* registers = static_cast<ucontext_t*>(ucontext)->uc_mcontext.gregs;
  const u64 pc = u64(registers[REG_RIP]);
  const u8* out = within(pc, mimus_guarded_begin, mimus_guarded_end)       ? mimus_guarded_out
                  : within(pc, mimus_guarded_begin16, mimus_guarded_end16) ? mimus_guarded_out16
                                                                           : nullptr;
  if (!out || info.si_code <= 0) return false;  // not positive: sent by a process
  registers[REG_RIP] = greg_t(out);
  registers[REG_RAX] = greg_t(info.si_addr);
  registers[REG_RDX] = greg_t(u32(info.si_signo) | u32(info.si_code) << 8);
  return true;
}

}  // namespace mimus
