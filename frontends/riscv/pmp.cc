#include "frontends/riscv/pmp.h"

#include <algorithm>
#include <bit>

namespace mimus::riscv {
namespace {

constexpr u8 kRead = 1, kWrite = 2, kExecute = 4, kLock = 0x80;
enum AddressMode { kOff, kTor, kNa4, kNapot };
constexpr AddressMode address_mode(u8 config) { return AddressMode(config >> 3 & 3); }

// The addresses of entry `i`; false when it is off or, for TOR, empty. pmpaddr holds address bits 55:2.
bool entry_range(const RiscvState& s, unsigned i, PmpRange& range) {
  u64 address = s.pmpaddr[i];
  switch (address_mode(s.pmpcfg[i])) {
    case kOff: return false;
    case kTor:
      range.first = i == 0 ? 0 : s.pmpaddr[i - 1] << 2;
      range.last = (address << 2) - 1;
      return range.first < address << 2;
    case kNa4:
      range.first = address << 2;
      range.last = range.first + 3;
      return true;
    case kNapot: {
      u64 size_bits = address ^ (address + 1);  // the trailing ones and the zero above them
      range.first = (address & ~size_bits) << 2;
      range.last = range.first | (size_bits << 2 | 3);
      return true;
    }
  }
  return false;
}

}  // namespace

PmpAccess check_pmp(const RiscvState& s, GuestPa pa, u64 mode) {
  GuestPa page = align_down(pa, kPageSize), page_last = page | kPageMask;
  PmpAccess result;
  result.first = page;
  result.last = page_last;
  for (unsigned i = 0; i < s.pmp_count; ++i) {
    const PmpRange& r = s.pmp[i];
    if (r.last < page || r.first > page_last) continue;
    if (r.first > page || r.last < page_last) result.uniform = false;
    if (pa < r.first) {
      result.last = std::min(result.last, r.first - 1);
      continue;
    }
    if (pa > r.last) {
      result.first = std::max(result.first, r.last + 1);
      continue;
    }
    result.first = std::max(result.first, r.first);
    result.last = std::min(result.last, r.last);
    bool free = mode == kMachine && !(r.config & kLock);
    result.readable = free || (r.config & kRead);
    result.writable = free || (r.config & kWrite);
    result.executable = free || (r.config & kExecute);
    return result;
  }
  // 3.7.1: without a match M mode may do everything and the other modes nothing.
  result.readable = result.writable = result.executable = mode == kMachine;
  return result;
}

void assign_pmpcfg(RiscvState& s, unsigned entry, u8 value) {
  if (s.pmpcfg[entry] & kLock) return;
  value &= kLock | 0x1f;
  if ((value & (kRead | kWrite)) == kWrite) value = u8((value & ~7) | (s.pmpcfg[entry] & 7));  // R=0 W=1 is reserved
  s.pmpcfg[entry] = value;
}

// A locked entry locks its address, and a locked TOR entry the address below it too.
void assign_pmpaddr(RiscvState& s, unsigned entry, u64 value) {
  if (s.pmpcfg[entry] & kLock) return;
  if (entry + 1 < kPmpEntries) {
    u8 above = s.pmpcfg[entry + 1];
    if ((above & kLock) && address_mode(above) == kTor) return;
  }
  s.pmpaddr[entry] = value & ((u64{1} << 54) - 1);
}

void update_pmp(RiscvState& s) {
  s.pmp_count = 0;
  for (unsigned i = 0; i < kPmpEntries; ++i) {
    PmpRange range{0, 0, s.pmpcfg[i]};
    if (entry_range(s, i, range)) s.pmp[s.pmp_count++] = range;
  }
}

}  // namespace mimus::riscv
