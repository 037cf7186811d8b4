// The vDSO of AArch64 processes: what the C library and unwinders look for. Every function is the system call of its
// name; the emulator answers those of time without entering the host's kernel.
// Source: vdso(7), "aarch64 functions".

#define NR_rt_sigreturn 139
#define NR_gettimeofday 169
#define NR_clock_gettime 113
#define NR_clock_getres 114

.macro call name, number
  .globl \name
  .type \name, %function
\name:
  .cfi_startproc
  mov x8, #\number
  svc #0
  ret
  .cfi_endproc
  .size \name, . - \name
.endm

.text

// A signal handler returns here; unwinders know the frame by these two instructions. A no-operation stands before it:
// they look up the return address minus one.
  nop
  .globl __kernel_rt_sigreturn
  .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
  mov x8, #NR_rt_sigreturn
  svc #0
  .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

call __kernel_gettimeofday, NR_gettimeofday
call __kernel_clock_gettime, NR_clock_gettime
call __kernel_clock_getres, NR_clock_getres
