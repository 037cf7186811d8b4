#include "frontends/aarch64/maintenance.h"

#include "core/engine/port.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/mmu.h"

namespace mimus::aarch64 {

// -- TLB maintenance --

void invalidate_tlb(Aarch64State& s, TlbiKind kind, bool broadcast, u64 operand) {
  TlbFlush flush;
  const bool of_address = kind != TlbiKind::all && kind != TlbiKind::asid;
  if (of_address) flush.address = u64(sign_extend(operand << kPageBits, 56));
  if (kind == TlbiKind::asid || kind == TlbiKind::address) {
    flush.context = el1_context(s, operand >> 48);
    flush.global_too = kind == TlbiKind::address;
  }
  const u32 leave = s.leave;
  broadcast ? s.port->flush_tlb_everywhere(flush) : s.port->flush_tlb(flush);
  s.leave = leave;
}

// -- address translation --

namespace {

struct AtRow {
  Access access;
  u8 level;  // of the regime
  bool el0, stage2, with_pan;
};
constexpr AtRow kAt[] = {
    {Access::read, 1, false, false, false}, {Access::write, 1, false, false, false},
    {Access::read, 1, true, false, false},  {Access::write, 1, true, false, false},
    {Access::read, 1, false, false, true},  {Access::write, 1, false, false, true},
    {Access::read, 2, false, false, false}, {Access::write, 2, false, false, false},
    {Access::read, 1, false, true, false},  {Access::write, 1, false, true, false},
    {Access::read, 1, true, true, false},   {Access::write, 1, true, true, false},
    {Access::read, 3, false, false, false}, {Access::write, 3, false, false, false},
};

// D24.2.118 PAR_EL1.
u64 par_of(const Mapping& m) {
  const bool device = (m.attributes & 0xf0) == 0;
  const u64 shareability = device ? 2 : m.shareability;
  return u64{m.attributes} << 56 | align_down(m.address, kPageSize) | u64{1} << 11 | shareability << 7;
}
u64 par_of(const Fault& fault) {
  const u64 stage2 = fault.cause & kIssStage2 ? 1 : 0, walk = fault.cause & kIssS1ptw ? 1 : 0;
  return u64{1} << 11 | stage2 << 9 | walk << 8 | u64{fault.cause & 0x3f} << 1 | 1;
}

}  // namespace

void translate_for_software(Aarch64State& s, AtKind kind, GuestVa va) {
  const AtRow& row = kAt[unsigned(kind)];
  Request r;
  r.va = va;
  r.access = row.access;
  r.level = row.level;
  r.el0 = row.el0;
  r.pan = row.with_pan && s.pstate_pan;
  r.stage2 = row.stage2;
  r.may_set = false;
  const Mapped mapped = translate_address(s, s.port->memory(), r);
  const Fault* fault = std::get_if<Fault>(&mapped);
  s.par_el1 = fault ? par_of(*fault) : par_of(std::get<Mapping>(mapped));
}

}  // namespace mimus::aarch64
