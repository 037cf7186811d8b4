// Start-up: the boot hart prepares what all share and enters the next stage; the others stop until HSM starts them.
#include "csr.h"

// What the previous stage wants, passed in a2: the layout of OpenSBI's fw_dynamic.
struct FwDynamicInfo {
  u64 magic, version, next_addr, next_mode, options, boot_hart;
};

#define FW_DYNAMIC_MAGIC 0x4942534full
#define DEFAULT_NEXT_ADDR 0x80200000ull  // where boards load a kernel when nobody says

extern u32 boot_done;  // start.S

static void banner(void) {
  u32 count = 0;
  for (u32 mask = present_harts; mask != 0; mask &= mask - 1) ++count;
  print("mimus-sbi: SBI 2.0, ");
  console_putchar((char)('0' + count));
  print(count == 1 ? " hart" : " harts");
  print(this_hart()->has_sstc ? ", Sstc\n" : ", no Sstc\n");
}

void boot_main(u64 hart, u64 fdt, const struct FwDynamicInfo* info) {
  console_init();
  present_harts = fdt_cpu_mask((const void*)fdt) | 1u << hart;
  for (u32 i = 0; i < MAX_HARTS; ++i) harts[i].state = HART_STOPPED;
  harts[hart].state = HART_STARTED;
  hart_init();
  aplic_init();
  banner();
  u64 next = info && info->magic == FW_DYNAMIC_MAGIC ? info->next_addr : DEFAULT_NEXT_ADDR;
  csr_write("mie", MIP_MSIP);
  __atomic_store_n(&boot_done, 1, __ATOMIC_RELEASE);
  enter_supervisor(next, fdt);
}

void secondary_main(void) {
  hart_init();
  hart_serve_until_started();
}
