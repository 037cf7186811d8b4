# The vDSO of RISC-V processes: what the C library and unwinders look for. Every function is the system call of its name;
# the emulator answers those of time without entering the host's kernel.
# Source: Linux Documentation/arch/riscv and vdso(7), "RISC-V functions".

#define NR_rt_sigreturn 139
#define NR_getcpu 168
#define NR_gettimeofday 169
#define NR_clock_gettime 113
#define NR_clock_getres 114
#define NR_riscv_hwprobe 258
#define NR_riscv_flush_icache 259

.macro call name, number
  .globl \name
  .type \name, @function
\name:
  .cfi_startproc
  li a7, \number
  ecall
  ret
  .cfi_endproc
  .size \name, . - \name
.endm

.text
.option norvc

# A signal handler returns here; unwinders know the frame by these two instructions. A no-operation stands before it:
# they look up the return address minus one.
  nop
  .globl __vdso_rt_sigreturn
  .type __vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
  li a7, NR_rt_sigreturn
  ecall
  .size __vdso_rt_sigreturn, . - __vdso_rt_sigreturn

call __vdso_gettimeofday, NR_gettimeofday
call __vdso_clock_gettime, NR_clock_gettime
call __vdso_clock_getres, NR_clock_getres
call __vdso_getcpu, NR_getcpu
call __vdso_flush_icache, NR_riscv_flush_icache
call __vdso_riscv_hwprobe, NR_riscv_hwprobe
