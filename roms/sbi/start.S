// Entry of every hart, entry of every trap, and the two guarded memory accesses.

#define MAX_HARTS 8
#define STACK_SHIFT 12
#define FW_DYNAMIC_MAGIC 0x4942534f  // "OSBI", as OpenSBI's fw_dynamic defines it

    .section .text.start, "ax"
    .globl _start
// a0 = hart, a1 = device tree, a2 = struct FwDynamicInfo (main.c). One hart boots; the others wait for boot_done.
// It is the one named in the info, or without such a name the first one to come here.
_start:
    csrw mie, zero
    li   t0, MAX_HARTS
    bgeu a0, t0, sleep_forever
    beqz a2, lottery
    ld   t0, 0(a2)
    li   t1, FW_DYNAMIC_MAGIC
    bne  t0, t1, lottery
    ld   t0, 8(a2)              // version: boot_hart exists from 2 on
    li   t1, 2
    bltu t0, t1, lottery
    ld   t0, 40(a2)             // boot_hart
    li   t1, MAX_HARTS
    bgeu t0, t1, lottery
    beq  t0, a0, boot
    j    wait
lottery:
    la   t0, lottery_taken
    li   t1, 1
    amoswap.w.aqrl t1, t1, (t0)
    beqz t1, boot
wait:
    la   t0, boot_done
1:  lw   t1, 0(t0)
    .word 0x0100000f            // pause
    beqz t1, 1b
    fence r, rw
    fence.i
    call set_stack
    tail secondary_main

boot:
    la   t0, bss_start
    la   t1, bss_end
1:  bgeu t0, t1, 2f
    sd   zero, 0(t0)
    addi t0, t0, 8
    j    1b
2:  call set_stack
    tail boot_main

// sp = top of this hart's stack; traps from M-mode are fatal from here on (mscratch = 0). Keeps a0-a2.
set_stack:
    addi t0, a0, 1
    slli t0, t0, STACK_SHIFT
    la   sp, stacks
    add  sp, sp, t0
    csrw mscratch, zero
    la   t0, trap_entry
    csrw mtvec, t0
    ret

sleep_forever:
    wfi
    j    sleep_forever

    .text
// void leave_to_supervisor(u64 hart, u64 argument): mstatus and mepc are set; the registers start clean.
    .globl leave_to_supervisor
leave_to_supervisor:
    addi t0, a0, 1
    slli t0, t0, STACK_SHIFT
    la   t1, stacks
    add  t0, t0, t1
    csrw mscratch, t0
    .irp reg, ra, sp, gp, tp, t0, t1, t2, s0, s1, a2, a3, a4, a5, a6, a7, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6
    li   \reg, 0
    .endr
    mret

// A trap from S or U: mscratch is the stack top. struct Frame (trap.c) holds what C may overwrite, then the caller's sp.
    .balign 4
trap_entry:
    csrrw sp, mscratch, sp
    bnez sp, 1f
    csrr sp, mscratch           // from M-mode: nobody expects that
    tail trap_in_firmware
1:  addi sp, sp, -144
    sd   ra, 0(sp)
    sd   a0, 8(sp)
    sd   a1, 16(sp)
    sd   a2, 24(sp)
    sd   a3, 32(sp)
    sd   a4, 40(sp)
    sd   a5, 48(sp)
    sd   a6, 56(sp)
    sd   a7, 64(sp)
    sd   t0, 72(sp)
    sd   t1, 80(sp)
    sd   t2, 88(sp)
    sd   t3, 96(sp)
    sd   t4, 104(sp)
    sd   t5, 112(sp)
    sd   t6, 120(sp)
    csrrw t0, mscratch, zero
    sd   t0, 128(sp)
    mv   a0, sp
    call trap_handler
    addi t0, sp, 144
    csrw mscratch, t0
    ld   ra, 0(sp)
    ld   a0, 8(sp)
    ld   a1, 16(sp)
    ld   a2, 24(sp)
    ld   a3, 32(sp)
    ld   a4, 40(sp)
    ld   a5, 48(sp)
    ld   a6, 56(sp)
    ld   a7, 64(sp)
    ld   t0, 72(sp)
    ld   t1, 80(sp)
    ld   t2, 88(sp)
    ld   t3, 96(sp)
    ld   t4, 104(sp)
    ld   t5, 112(sp)
    ld   t6, 120(sp)
    ld   sp, 128(sp)
    mret

// bool guarded_load(u64 address, u8* value); bool guarded_store(u64 address, u8 value)
// A fault lands on the label behind the access; what the trap overwrote is put back.
    .macro guarded access:vararg
    la   t0, 1f
    csrrw t0, mtvec, t0
    csrr t1, mepc
    csrr t2, mstatus
    li   a2, 0
    \access
    li   a2, 1
    .balign 4
1:  csrw mtvec, t0
    csrw mepc, t1
    csrw mstatus, t2
    mv   a0, a2
    .endm

    .globl guarded_load
guarded_load:
    guarded lbu a3, 0(a0)
    beqz a0, 2f
    sb   a3, 0(a1)
2:  ret

    .globl guarded_store
guarded_store:
    guarded sb a1, 0(a0)
    ret

    .data
    .balign 4
    .globl boot_done
boot_done:
    .word 0
lottery_taken:
    .word 0

    .bss
    .balign 16
stacks:
    .skip MAX_HARTS << STACK_SHIFT
