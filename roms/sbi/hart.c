// A hart's own set-up, its way into S-mode, and the selection of harts by mask.
#include "csr.h"

struct Hart harts[MAX_HARTS];
u32 present_harts;

void leave_to_supervisor(u64 hart, u64 argument) __attribute__((noreturn));  // start.S

u32 this_hart_id(void) { return (u32)csr_read("mhartid"); }
struct Hart* this_hart(void) { return &harts[this_hart_id()]; }

bool in_firmware(u64 address, u64 size) {
  return address < FIRMWARE_BASE + FIRMWARE_SIZE && (address >= FIRMWARE_BASE || FIRMWARE_BASE - address < size);
}

bool select_harts(u64 mask, u64 base, u32* selected) {
  if (base == ~0ull) {
    *selected = present_harts;
    return true;
  }
  *selected = 0;
  if (mask == 0) return true;
  if (base >= MAX_HARTS || (mask << base) >> base != mask) return false;
  if (((mask << base) & ~(u64)present_harts) != 0) return false;
  *selected = (u32)(mask << base);
  return true;
}

// S and U may touch everything but the firmware. Entry 0 (NAPOT, no rights) comes before entry 1 (NAPOT, all, RWX).
static void pmp_init(void) {
  csr_try_set("pmpaddr0", (FIRMWARE_BASE >> 2) | ((FIRMWARE_SIZE >> 3) - 1));
  csr_try_set("pmpaddr1", ~0ull);
  csr_try_set("pmpcfg0", 0x1f18);
}

void hart_init(void) {
  pmp_init();
  // Every exception below M that can be delegated is the kernel's; only the ecalls of S and M stay here.
  csr_write("medeleg", 0xb1ff);
  csr_write("mideleg", MIP_SSIP | MIP_STIP | MIP_SEIP | MIP_LCOFIP);
  csr_try_set("mcounteren", 0xffffffff);
  csr_try_set("scounteren", 7);  // cycle, time, instret: a kernel without a PMU driver never opens them
  csr_try_set(CSR_MSTATEEN0, ~0ull);
  csr_try_set(CSR_MSECCFG, MSECCFG_SSEED);  // kernels that see Zkr read seed early
  u64 menvcfg = csr_try_set(CSR_MENVCFG,
                            MENVCFG_STCE | MENVCFG_PBMTE | MENVCFG_ADUE | MENVCFG_CBZE | MENVCFG_CBCFE | MENVCFG_CBIE);
  // Some harts keep STCE without having stimecmp, so the register is asked too; all ones means "never".
  this_hart()->has_sstc = (menvcfg & MENVCFG_STCE) != 0 && csr_try_set(CSR_STIMECMP, ~0ull) == ~0ull;
  timer_init();
}

// The state in which the SBI hands over a hart (chapter 9, table "hart register state"): satp 0, sstatus.SIE 0,
// a0 = hart, a1 = argument. mie stays: after a suspend the timer may still be running.
void enter_supervisor(u64 address, u64 argument) {
  csr_write("satp", 0);
  u64 mstatus = csr_read("mstatus") & ~(MSTATUS_MPP | MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_FS | MSTATUS_VS);
  csr_write("mstatus", mstatus | MODE_S << MSTATUS_MPP_SHIFT | MSTATUS_INITIAL_FS | MSTATUS_INITIAL_VS);
  csr_write("mepc", address);
  __asm__ volatile("fence rw, rw\n fence.i\n sfence.vma" ::: "memory");
  leave_to_supervisor(this_hart_id(), argument);
}
