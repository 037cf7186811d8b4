// Entry of the boot hart (a0 = hart, a1 = device tree) and of harts that the check starts (a1 = argument).
    .section .text.start, "ax"
    .globl _start
_start:
    la   t0, trap
    csrw stvec, t0
    la   sp, stacks
    addi t0, a0, 1
    slli t0, t0, 12
    add  sp, sp, t0
    tail check_main

    .globl second_entry
second_entry:
    mv   s0, a0
    mv   s1, a1
    la   t0, trap
    csrw stvec, t0
    la   sp, stacks
    addi t0, a0, 1
    slli t0, t0, 12
    add  sp, sp, t0
    csrr a2, satp
    csrr a3, sstatus
    tail second_main

// A fault is recorded, and the instruction (always four bytes here) skipped.
    .balign 4
trap:
    addi sp, sp, -16
    sd   t0, 0(sp)
    sd   t1, 8(sp)
    csrr t0, scause
    la   t1, last_cause
    sd   t0, 0(t1)
    csrr t0, sepc
    addi t0, t0, 4
    csrw sepc, t0
    ld   t0, 0(sp)
    ld   t1, 8(sp)
    addi sp, sp, 16
    sret

    .data
    .balign 8
    .globl last_cause
last_cause: .dword 0
    .bss
    .balign 16
stacks: .skip 8 << 12
