// CSR access and the fields used here. Names and layouts: The RISC-V Instruction Set Manual, Volume II, 20240411.
#pragma once

#include "sbi.h"

#define csr_read(csr)                                               \
  ({                                                                \
    u64 csr_value_;                                                 \
    __asm__ volatile("csrr %0, " csr : "=r"(csr_value_)::"memory"); \
    csr_value_;                                                     \
  })
#define csr_write(csr, value) __asm__ volatile("csrw " csr ", %0" ::"r"((u64)(value)) : "memory")
#define csr_set(csr, value) __asm__ volatile("csrs " csr ", %0" ::"r"((u64)(value)) : "memory")
#define csr_clear(csr, value) __asm__ volatile("csrc " csr ", %0" ::"r"((u64)(value)) : "memory")

// Sets bits in a CSR that may not exist. Returns what it reads afterwards, 0 when the access traps.
// Overwrites mepc, mcause, mtval and mstatus.MPP/MPIE: for start-up only.
#define csr_try_set(csr, bits)                         \
  ({                                                   \
    u64 csr_value_;                                    \
    __asm__ volatile(                                  \
        "la t0, 1f\n csrrw t0, mtvec, t0\n li %0, 0\n" \
        "csrs " csr ", %1\n csrr %0, " csr             \
        "\n"                                           \
        ".balign 4\n 1: csrw mtvec, t0"                \
        : "=&r"(csr_value_)                            \
        : "r"((u64)(bits))                             \
        : "t0", "memory");                             \
    csr_value_;                                        \
  })

// CSRs that this assembler does not know by name.
#define CSR_STIMECMP "0x14d"
#define CSR_MENVCFG "0x30a"
#define CSR_MSTATEEN0 "0x30c"
#define CSR_MSECCFG "0x747"

#define MSTATUS_SIE (1ull << 1)
#define MSTATUS_SPIE (1ull << 5)
#define MSTATUS_MPIE (1ull << 7)
#define MSTATUS_SPP (1ull << 8)
#define MSTATUS_VS (3ull << 9)
#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_MPP (3ull << MSTATUS_MPP_SHIFT)
#define MSTATUS_FS (3ull << 13)
#define MSTATUS_INITIAL_VS (1ull << 9)
#define MSTATUS_INITIAL_FS (1ull << 13)
#define MODE_S 1ull

#define MIP_SSIP (1ull << 1)
#define MIP_MSIP (1ull << 3)
#define MIP_STIP (1ull << 5)
#define MIP_MTIP (1ull << 7)
#define MIP_SEIP (1ull << 9)
#define MIP_LCOFIP (1ull << 13)

#define MENVCFG_CBIE (3ull << 4)
#define MENVCFG_CBCFE (1ull << 6)
#define MENVCFG_CBZE (1ull << 7)
#define MENVCFG_ADUE (1ull << 61)
#define MENVCFG_PBMTE (1ull << 62)
#define MENVCFG_STCE (1ull << 63)

#define MSECCFG_SSEED (1ull << 9)

#define CAUSE_INTERRUPT (1ull << 63)
#define CAUSE_MSI (CAUSE_INTERRUPT | 3)
#define CAUSE_MTI (CAUSE_INTERRUPT | 7)
#define CAUSE_ECALL_S 9ull
