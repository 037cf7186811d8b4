// The table of extensions, and the base extension (chapter 4 of the SBI).
#include "csr.h"

static const struct {
  u64 id;
  ExtensionCall call;
} extensions[] = {
    // clang-format off
    {0x01, legacy_putchar},
    {0x02, legacy_getchar},
    {0x10, base_call},
    {0x54494d45, time_call},    // "TIME"
    {0x735049, ipi_call},       // "sPI"
    {0x52464e43, rfence_call},  // "RFNC"
    {0x48534d, hsm_call},       // "HSM"
    {0x53525354, srst_call},    // "SRST"
    {0x4442434e, dbcn_call},    // "DBCN"
    // clang-format on
};

static ExtensionCall find(u64 id) {
  for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; ++i) {
    if (extensions[i].id == id) return extensions[i].call;
  }
  return NULL;
}

struct SbiResult sbi_dispatch(u64 extension, u64 function, const u64* args) {
  ExtensionCall call = find(extension);
  return call ? call(function, args) : fail(SBI_ERR_NOT_SUPPORTED);
}

enum { SPEC_VERSION = 2 << 24, IMPLEMENTATION_ID = 0x4d494d55 /* "MIMU" */, IMPLEMENTATION_VERSION = 1 << 16 };

struct SbiResult base_call(u64 function, const u64* args) {
  switch (function) {
    case 0: return ok(SPEC_VERSION);
    case 1: return ok(IMPLEMENTATION_ID);
    case 2: return ok(IMPLEMENTATION_VERSION);
    case 3: return ok(find(args[0]) != NULL);
    case 4: return ok(csr_read("mvendorid"));
    case 5: return ok(csr_read("marchid"));
    case 6: return ok(csr_read("mimpid"));
    default: return fail(SBI_ERR_NOT_SUPPORTED);
  }
}
