// Numbers that C and assembly share.
#pragma once
#define HARTS 4
#define STACK_SHIFT 13
#define HART_SIZE 512
#define HART_ID 0
#define HART_RESUME 8
#define HART_RESUME_SP 16
#define HART_CAUSE 24
#define HART_TVAL 32
#define HART_REGS 64
