// Shared declarations of the firmware: harts, results, extensions.
// Specification: RISC-V Supervisor Binary Interface, version 2.0 (chapter numbers are given at each extension).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint32_t u32;
typedef uint64_t u64;

enum { MAX_HARTS = 8, STACK_SIZE = 4096 };

#define FIRMWARE_BASE 0x80000000ull
#define FIRMWARE_SIZE 0x80000ull  // what the device tree reserves, and what PMP keeps from S and U

// Error codes, chapter 3.
enum SbiError {
  SBI_SUCCESS = 0,
  SBI_ERR_FAILED = -1,
  SBI_ERR_NOT_SUPPORTED = -2,
  SBI_ERR_INVALID_PARAM = -3,
  SBI_ERR_DENIED = -4,
  SBI_ERR_INVALID_ADDRESS = -5,
  SBI_ERR_ALREADY_AVAILABLE = -6,
};

struct SbiResult {
  int64_t error;
  u64 value;
};

static inline struct SbiResult ok(u64 value) { return (struct SbiResult){SBI_SUCCESS, value}; }
static inline struct SbiResult fail(enum SbiError error) { return (struct SbiResult){error, 0}; }

// An extension answers a call: function number (a6) and arguments (a0-a5).
typedef struct SbiResult (*ExtensionCall)(u64 function, const u64* args);

struct SbiResult base_call(u64 function, const u64* args);
struct SbiResult time_call(u64 function, const u64* args);
struct SbiResult ipi_call(u64 function, const u64* args);
struct SbiResult rfence_call(u64 function, const u64* args);
struct SbiResult hsm_call(u64 function, const u64* args);
struct SbiResult srst_call(u64 function, const u64* args);
struct SbiResult dbcn_call(u64 function, const u64* args);
struct SbiResult legacy_putchar(u64 function, const u64* args);
struct SbiResult legacy_getchar(u64 function, const u64* args);

// ---- harts (hart.c, hsm.c) ----

// States, chapter 9 (Hart State Management).
enum HartState {
  HART_STARTED = 0,
  HART_STOPPED = 1,
  HART_START_PENDING = 2,
  HART_SUSPENDED = 4,
};

struct FenceRequest {
  void (*run)(const struct FenceRequest*);
  u64 start, size, asid;
  u32 waiting;  // one bit per hart that has not finished yet
};

struct Hart {
  u32 state;          // enum HartState; written by its own hart, or by the starter under hsm_lock
  u64 start_address;  // valid in HART_START_PENDING
  u64 start_argument;
  u32 ipi;                    // IpiKind bits, set by others, taken by the hart itself
  u32 fence_sources;          // harts whose FenceRequest this hart has to run
  struct FenceRequest fence;  // the request this hart is waiting for
  bool has_sstc;              // stimecmp exists: the timer belongs to S-mode
};

extern struct Hart harts[MAX_HARTS];
extern u32 present_harts;  // one bit per hart of the device tree

struct Hart* this_hart(void);
u32 this_hart_id(void);

void aplic_init(void);  // interrupt sources to S-mode, on boards with an APLIC
void hart_init(void);   // CSRs of the calling hart: PMP, delegation, counters, environment
void hart_serve_until_started(void) __attribute__((noreturn));
void enter_supervisor(u64 address, u64 argument) __attribute__((noreturn));

// The harts selected by (mask, base) as every extension passes them, chapter 3.1. False: a hart does not exist.
bool select_harts(u64 mask, u64 base, u32* selected);

// ---- interrupts between harts (ipi.c), timer (timer.c) ----

enum IpiKind {
  IPI_SOFTWARE = 1 << 0,  // raise SSIP
  IPI_FENCE = 1 << 1,     // run the requests in fence_sources
  IPI_WAKE = 1 << 2,      // look at Hart.state
};

void ipi_send(u32 hart, u32 kind);
void ipi_serve(void);    // acknowledges MSIP, then does what was asked of this hart
void fence_serve(void);  // rfence.c

void timer_init(void);
void timer_expired(void);  // MTIP -> STIP

// ---- console (console.c) ----

void console_init(void);
void console_putchar(char c);
void print(const char* text);
void print_hex(u64 value);

// ---- everything else ----

u32 fdt_cpu_mask(const void* fdt);  // fdt.c; 0 when it is not a device tree

struct SbiResult sbi_dispatch(u64 extension, u64 function, const u64* args);  // ecall.c
bool in_firmware(u64 address, u64 size);

// start.S: one byte of physical memory, with an access fault reported as false.
bool guarded_load(u64 address, u8* value);
bool guarded_store(u64 address, u8 value);

// Zihintpause; a plain fence on harts without it.
static inline void pause_hint(void) { __asm__ volatile(".word 0x0100000f" ::: "memory"); }

// Simple test-and-set lock for the few things that harts share.
typedef u32 Lock;
static inline void lock(Lock* l) {
  while (__atomic_exchange_n(l, 1, __ATOMIC_ACQUIRE) != 0) pause_hint();
}
static inline void unlock(Lock* l) { __atomic_store_n(l, 0, __ATOMIC_RELEASE); }
