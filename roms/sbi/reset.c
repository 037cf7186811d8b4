// System Reset, chapter 10 of the SBI, through the board's finisher.
#include "board.h"
#include "sbi.h"

enum { FINISHER_FAIL = 0x3333, FINISHER_PASS = 0x5555, FINISHER_RESET = 0x7777 };
enum { SHUTDOWN = 0, COLD_REBOOT = 1, WARM_REBOOT = 2 };
enum { REASON_NONE = 0, REASON_SYSTEM_FAILURE = 1 };

static void finish(u32 value) {
  write32(FINISHER, value);
  for (;;) __asm__ volatile("wfi");
}

struct SbiResult srst_call(u64 function, const u64* args) {
  u32 type = (u32)args[0], reason = (u32)args[1];
  if (function != 0) return fail(SBI_ERR_NOT_SUPPORTED);
  if (type > WARM_REBOOT) return fail(type < 0xf0000000u ? SBI_ERR_INVALID_PARAM : SBI_ERR_NOT_SUPPORTED);
  if (reason > REASON_SYSTEM_FAILURE && reason < 0xe0000000u) return fail(SBI_ERR_INVALID_PARAM);
  if (type != SHUTDOWN) finish(FINISHER_RESET);  // the board knows one way to reset: everything
  finish(reason == REASON_SYSTEM_FAILURE ? FINISHER_FAIL | 1u << 16 : FINISHER_PASS);  // upper half: exit status
  return fail(SBI_ERR_FAILED);
}
