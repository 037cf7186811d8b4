// What the guest programs need to know of their instruction set.
#pragma once

#include <stdint.h>

#if defined __riscv
#define ISA_NAME "riscv64"
#define ISA_BREAK "ebreak"
enum { kRegisters = 32, kPc = 0, kResult = 10 };  // of struct user_regs_struct
static const unsigned kBreak = 0x00100073;
#define CONTEXT_PC(uc) ((uc)->uc_mcontext.__gregs[REG_PC])
#define CONTEXT_RESULT(uc) ((uc)->uc_mcontext.__gregs[REG_A0])
#define ISA_RESULT "a0"
#define ISA_SAVED_FLOAT "fs3"
#define ISA_FLOAT "f"
// li a0, value; ret
static inline void write_code(uint32_t* at, int value) {
  at[0] = 0x00000513 | (uint32_t)value << 20;
  at[1] = 0x00008067;
}
#elif defined __aarch64__
#define ISA_NAME "aarch64"
#define ISA_BREAK "brk #0"
enum { kRegisters = 34, kPc = 32, kResult = 0 };  // of struct user_pt_regs
static const unsigned kBreak = 0xd4200000;
#define CONTEXT_PC(uc) ((uc)->uc_mcontext.pc)
#define CONTEXT_RESULT(uc) ((uc)->uc_mcontext.regs[0])
#define ISA_RESULT "x0"
#define ISA_SAVED_FLOAT "d9"
#define ISA_FLOAT "w"
// mov x0, #value; ret
static inline void write_code(uint32_t* at, int value) {
  at[0] = 0xd2800000 | (uint32_t)value << 5;
  at[1] = 0xd65f03c0;
}
#else
#error "an instruction set that isa.h does not know"
#endif
