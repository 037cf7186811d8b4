# Entry of all harts, entry of traps, and calls that may fault. tp points to the hart's struct Hart all the time.
#include "layout.h"

  .section .text.start, "ax"
  .globl _start
_start:
  csrr  t0, mhartid
  li    t1, HARTS
  bgeu  t0, t1, park_forever
  la    tp, harts
  li    t1, HART_SIZE
  mul   t1, t1, t0
  add   tp, tp, t1
  sd    t0, HART_ID(tp)
  la    sp, stacks
  addi  t0, t0, 1
  slli  t0, t0, STACK_SHIFT
  add   sp, sp, t0
  csrw  mscratch, tp
  la    t0, trap_entry
  csrw  mtvec, t0
  li    t0, -1              # PMP entry 0: everything, for S and U too
  csrw  pmpaddr0, t0
  li    t0, 0x1f            # NAPOT, RWX
  csrw  pmpcfg0, t0
  csrw  medeleg, zero       # every trap comes here
  csrw  mideleg, zero
  li    t0, -1
  csrw  mcounteren, t0
  li    t0, 8               # MSIE
  csrw  mie, t0
  call  hart_root           # a0 = satp
  csrw  satp, a0
  sfence.vma
  li    t0, 0x1800          # MPP
  csrc  mstatus, t0
  li    t0, 0x0800          # MPP = S
  csrs  mstatus, t0
  la    t0, hart_main
  csrw  mepc, t0
  mv    a0, tp
  mret

park_forever:
  csrw  mie, zero
1: wfi
  j     1b

  .balign 4
trap_entry:
  csrrw tp, mscratch, tp
  .irp  r, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  sd    x\r, HART_REGS + 8 * \r(tp)
  .endr
  csrr  t0, mscratch
  sd    t0, HART_REGS + 8 * 4(tp)
  csrw  mscratch, tp
  la    sp, trap_stacks
  ld    t0, HART_ID(tp)
  addi  t0, t0, 1
  slli  t0, t0, STACK_SHIFT
  add   sp, sp, t0
  mv    a0, tp
  call  trap
  .irp  r, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
  ld    x\r, HART_REGS + 8 * \r(tp)
  .endr
  ld    tp, HART_REGS + 8 * 4(tp)
  mret

# u64 guarded_call(u64 (*function)(u64), u64 argument): the trap handler leaves a fault's cause in the hart and returns here.
  .text
  .globl guarded_call
guarded_call:
  addi  sp, sp, -16
  sd    ra, 8(sp)
  sd    sp, HART_RESUME_SP(tp)
  sd    zero, HART_CAUSE(tp)
  la    t0, 1f
  sd    t0, HART_RESUME(tp)
  mv    t0, a0
  mv    a0, a1
  jalr  t0
1:
  sd    zero, HART_RESUME(tp)
  ld    ra, 8(sp)
  addi  sp, sp, 16
  ret

# u64 guarded_load_W(const void*), void guarded_store_W(void*, u64), and atomics: one access each, as above.
.macro guarded name, instruction:vararg
  .globl \name
\name:
  sd    zero, HART_CAUSE(tp)
  la    t0, 1f
  sd    t0, HART_RESUME(tp)
  mv    t1, a0
  \instruction
1:
  sd    zero, HART_RESUME(tp)
  ret
.endm

  guarded guarded_load_1, lbu a0, 0(t1)
  guarded guarded_load_2, lhu a0, 0(t1)
  guarded guarded_load_4, lwu a0, 0(t1)
  guarded guarded_load_8, ld a0, 0(t1)
  guarded guarded_store_1, sb a1, 0(t1)
  guarded guarded_store_2, sh a1, 0(t1)
  guarded guarded_store_4, sw a1, 0(t1)
  guarded guarded_store_8, sd a1, 0(t1)
  guarded guarded_lr, lr.d a0, (t1)
  guarded guarded_amoadd, amoadd.d a0, a1, (t1)

  .bss
  .balign 4096
stacks:
  .space HARTS << STACK_SHIFT
trap_stacks:
  .space HARTS << STACK_SHIFT
