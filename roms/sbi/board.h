// The registers of the RISC-V "virt" board that the firmware uses.
#pragma once

#include "sbi.h"

#define FINISHER 0x100000ull   // "sifive,test0"
#define CLINT 0x2000000ull     // "sifive,clint0"
#define UART 0x10000000ull     // "ns16550a", byte-wide registers
#define APLIC 0xc000000ull     // "riscv,aplic", the M-level domain; or a PLIC, which starts with a word of 0
#define IMSIC_M 0x24000000ull  // "riscv,imsics", a page for each hart
#define IMSIC_S 0x28000000ull

#define CLINT_MSIP(hart) (CLINT + 4 * (u64)(hart))
#define CLINT_MTIMECMP(hart) (CLINT + 0x4000 + 8 * (u64)(hart))

static inline u8 read8(u64 address) { return *(volatile u8*)address; }
static inline u32 read32(u64 address) { return *(volatile u32*)address; }
static inline void write8(u64 address, u8 value) { *(volatile u8*)address = value; }
static inline void write32(u64 address, u32 value) { *(volatile u32*)address = value; }
static inline void write64(u64 address, u64 value) { *(volatile u64*)address = value; }
