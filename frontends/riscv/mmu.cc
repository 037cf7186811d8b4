#include "frontends/riscv/mmu.h"

#include <optional>

#include "core/memory/physical.h"
#include "frontends/riscv/counters.h"
#include "frontends/riscv/pmp.h"

namespace mimus::riscv {
namespace {

constexpr u64 kPteV = 1, kPteR = 2, kPteW = 4, kPteX = 8, kPteU = 16, kPteG = 32, kPteA = 64, kPteD = 128;
constexpr u64 kPtePbmt = u64{3} << 61, kPteN = u64{1} << 63, kPteReserved = u64{0x7f} << 54;
constexpr unsigned kPteBytes = 8, kVpnBits = 9, kPpnShift = 10, kPpnBits = 44;
constexpr unsigned kNapotBits = 4;  // Svnapot: the only range is 64 KiB

struct Walk {
  RiscvState& state;
  PhysicalMemory& memory;
  GuestVa va;
  Access access;
  u32 regime;

  Fault page() const { return page_fault(va, access); }
  Fault bus() const { return access_fault(va, access); }

  WalkResult run();
  WalkResult leaf(GuestPa entry_address, u64 pte, unsigned level, bool global);
  bool permitted(u64 pte) const;
  bool valid_leaf(u64 pte, unsigned level) const;
  std::optional<Fault> update_accessed(GuestPa entry_address, u64& pte, bool& retry);
  WalkResult protect(GuestPa pa, Translation t, u64 mode) const;
  u64 privilege() const { return regime == kRegimeUser ? kUser : regime == kRegimeMachine ? kMachine : kSupervisor; }
};

// 10.3.1 and 10.3.2: who may use a page for what.
bool Walk::permitted(u64 pte) const {
  if (regime == kRegimeUser) {
    if (!(pte & kPteU)) return false;
  } else if ((pte & kPteU) && (access == Access::execute || regime != kRegimeSupervisorSum)) {
    return false;
  }
  switch (access) {
    case Access::read: return (pte & kPteR) || ((pte & kPteX) && (state.mstatus & kStatusMxr));
    case Access::write: return pte & kPteW;
    case Access::execute: return pte & kPteX;
  }
  return false;
}

// Reserved encodings, misaligned superpages.
bool Walk::valid_leaf(u64 pte, unsigned level) const {
  if ((pte & kPtePbmt) == kPtePbmt) return false;
  if ((pte & kPtePbmt) && !(state.menvcfg & kEnvPbmte)) return false;
  u64 ppn = bits(pte, kPpnShift, kPpnBits);
  if (pte & kPteN) {
    return state.model->has(Ext::Svnapot) && level == 0 && bits(ppn, 0, kNapotBits) == 1u << (kNapotBits - 1);
  }
  return level == 0 || bits(ppn, 0, kVpnBits * level) == 0;
}

// 10.3.1: with menvcfg.ADUE (Svadu) the walker sets A and D, else (Svade) it faults when they are missing.
std::optional<Fault> Walk::update_accessed(GuestPa entry_address, u64& pte, bool& retry) {
  u64 wanted = pte | kPteA | (access == Access::write ? kPteD : 0);
  if (wanted == pte) return {};
  if (!(state.menvcfg & kEnvAdue)) return page();
  if (!check_pmp(state, entry_address, kSupervisor).writable) return bus();
  u64 expected = pte;
  bool swapped = false;
  if (!memory.update_entry(entry_address, kPteBytes, expected, wanted, swapped)) return bus();
  retry = !swapped;
  pte = wanted;
  return {};
}

WalkResult Walk::protect(GuestPa pa, Translation t, u64 mode) const {
  PmpAccess pmp = check_pmp(state, pa, mode);
  t.page = align_down(pa, kPageSize);
  t.readable &= pmp.readable;
  t.writable &= pmp.writable;
  t.executable &= pmp.executable;
  t.cacheable = pmp.uniform;
  t.rule_first = pmp.first;
  t.rule_last = pmp.last;
  bool allowed = access == Access::read ? t.readable : access == Access::write ? t.writable : t.executable;
  if (!allowed) return bus();
  return t;
}

WalkResult Walk::leaf(GuestPa entry_address, u64 pte, unsigned level, bool global) {
  if (!valid_leaf(pte, level) || !permitted(pte)) return page();
  bool retry = false;
  if (auto fault = update_accessed(entry_address, pte, retry)) return *fault;
  if (retry) return run();  // another hart changed the entry: start again

  unsigned size_bits = kPageBits + kVpnBits * level + (pte & kPteN ? kNapotBits : 0);
  u64 offset_mask = (u64{1} << size_bits) - 1;
  GuestPa base = bits(pte, kPpnShift, kPpnBits) << kPageBits;
  GuestPa pa = (base & ~offset_mask) | (va & offset_mask);

  bool user_ok = regime == kRegimeUser || regime == kRegimeSupervisorSum || !(pte & kPteU);
  Translation t;
  t.readable = user_ok && ((pte & kPteR) || ((pte & kPteX) && (state.mstatus & kStatusMxr)));
  t.writable = user_ok && (pte & kPteW) && (pte & kPteD);
  t.executable = (pte & kPteX) && (regime == kRegimeUser) == bool(pte & kPteU);
  t.global = global || (pte & kPteG);
  t.mapping_size = u64{1} << size_bits;
  return protect(pa, t, privilege());
}

WalkResult Walk::run() {
  unsigned satp_mode = unsigned(state.satp >> 60);
  if (regime == kRegimeMachine || satp_mode == 0) {
    Translation all{.readable = true, .writable = true, .executable = true};
    return protect(va, all, privilege());
  }
  unsigned levels = satp_mode - 5;  // Sv39 (8): 3, Sv48 (9): 4, Sv57 (10): 5
  unsigned va_bits = kPageBits + kVpnBits * levels;
  if (u64(sign_extend(va, va_bits)) != va) return page();

  count_walk(state, access);
  GuestPa table = bits(state.satp, 0, kPpnBits) << kPageBits;
  bool global = false;
  for (unsigned level = levels; level-- > 0;) {
    GuestPa entry_address = table + kPteBytes * bits(va, kPageBits + kVpnBits * level, kVpnBits);
    u64 pte;
    if (!check_pmp(state, entry_address, kSupervisor).readable) return bus();
    if (!memory.load_entry(entry_address, kPteBytes, pte)) return bus();
    if (!(pte & kPteV) || (pte & (kPteR | kPteW)) == kPteW || (pte & kPteReserved)) return page();
    if (pte & (kPteR | kPteX)) return leaf(entry_address, pte, level, global);
    // In entries that point to tables D, A, U, PBMT and N are reserved (10.3.1, 12.1, 13).
    if (pte & (kPteD | kPteA | kPteU | kPtePbmt | kPteN)) return page();
    global |= bool(pte & kPteG);
    table = bits(pte, kPpnShift, kPpnBits) << kPageBits;
  }
  return page();
}

constexpr Fault fault(GuestVa va, Access access, u32 fetch, u32 load, u32 store) {
  return {access == Access::execute ? fetch : access == Access::read ? load : store, va};
}

}  // namespace

WalkResult walk(RiscvState& state, PhysicalMemory& memory, GuestVa va, Access access, u32 regime) {
  return Walk{state, memory, va, access, regime}.run();
}

Fault page_fault(GuestVa va, Access access) {
  return fault(va, access, kCauseFetchPage, kCauseLoadPage, kCauseStorePage);
}
Fault access_fault(GuestVa va, Access access) {
  return fault(va, access, kCauseFetchAccess, kCauseLoadAccess, kCauseStoreAccess);
}
Fault misaligned_fault(GuestVa va, Access access) {
  return fault(va, access, kCauseFetchMisaligned, kCauseLoadMisaligned, kCauseStoreMisaligned);
}

}  // namespace mimus::riscv
