// The console on the NS16550A, DBCN (chapter 12 of the SBI) and the legacy console calls (chapter 5).
// Registers: National Semiconductor PC16550D data sheet.
#include "board.h"
#include "sbi.h"

enum { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_LSR = 5 };
enum { FCR_ENABLE = 1, LCR_8N1 = 3, LSR_DATA_READY = 1, LSR_THR_EMPTY = 0x20 };

static Lock console_lock;

void console_init(void) {
  write8(UART + UART_IER, 0);
  write8(UART + UART_LCR, LCR_8N1);
  write8(UART + UART_FCR, FCR_ENABLE);
}

static void put_raw(u8 c) {
  while (!(read8(UART + UART_LSR) & LSR_THR_EMPTY)) {
  }
  write8(UART + UART_DATA, c);
}

static bool get_raw(u8* c) {
  if (!(read8(UART + UART_LSR) & LSR_DATA_READY)) return false;
  *c = read8(UART + UART_DATA);
  return true;
}

void console_putchar(char c) {
  if (c == '\n') put_raw('\r');
  put_raw((u8)c);
}

void print(const char* text) {
  while (*text) console_putchar(*text++);
}

void print_hex(u64 value) {
  print("0x");
  for (int shift = 60; shift >= 0; shift -= 4) console_putchar("0123456789abcdef"[value >> shift & 15]);
}

// Physical memory that the caller may name: not the firmware's own. Whether there is RAM shows at the access.
static bool buffer_allowed(u64 address, u64 high, u64 size) {
  return high == 0 && address + size >= address && !in_firmware(address, size);
}

static struct SbiResult dbcn_write(u64 size, u64 address) {
  u64 done = 0;
  u8 c;
  lock(&console_lock);
  for (; done < size && guarded_load(address + done, &c); ++done) put_raw(c);
  unlock(&console_lock);
  return done == 0 && size != 0 ? fail(SBI_ERR_INVALID_PARAM) : ok(done);
}

static struct SbiResult dbcn_read(u64 size, u64 address) {
  u64 done = 0;
  u8 c;
  bool stored = true;
  lock(&console_lock);
  while (done < size && get_raw(&c)) {
    stored = guarded_store(address + done, c);
    if (!stored) break;
    ++done;
  }
  unlock(&console_lock);
  return stored || done != 0 ? ok(done) : fail(SBI_ERR_INVALID_PARAM);
}

static struct SbiResult put_locked(u8 c) {
  lock(&console_lock);
  put_raw(c);
  unlock(&console_lock);
  return ok(0);
}

struct SbiResult dbcn_call(u64 function, const u64* args) {
  if (function == 2) return put_locked((u8)args[0]);
  if (function > 2) return fail(SBI_ERR_NOT_SUPPORTED);
  if (!buffer_allowed(args[1], args[2], args[0])) return fail(SBI_ERR_INVALID_PARAM);
  return function == 0 ? dbcn_write(args[0], args[1]) : dbcn_read(args[0], args[1]);
}

struct SbiResult legacy_putchar(u64 function, const u64* args) { return put_locked((u8)args[0]); }

struct SbiResult legacy_getchar(u64 function, const u64* args) {
  u8 c;
  lock(&console_lock);
  bool got = get_raw(&c);
  unlock(&console_lock);
  return (struct SbiResult){got ? c : -1, 0};
}
