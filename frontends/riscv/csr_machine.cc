// Machine-level CSRs (Volume II, chapter 3).
#include "core/engine/port.h"
#include "frontends/riscv/csr_access.h"
#include "frontends/riscv/pmp.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv::csr {
namespace {

constexpr u64 kStatusWritable = kStatusSie | kStatusMie | kStatusSpie | kStatusMpie | kStatusSpp | kStatusMpp |
                                kStatusFs | kStatusMprv | kStatusSum | kStatusMxr | kStatusTvm | kStatusTw | kStatusTsr;
// Every exception but the environment call from M mode, which cannot be delegated.
constexpr u64 kDelegatable = 0xb3ff;

constexpr u64 letters(std::string_view text) {
  u64 set = 0;
  for (char c : text) set |= u64{1} << (c - 'A');
  return set;
}

}  // namespace

u64 read_zero(const RiscvState&, u32) { return 0; }
u64 read_mvendorid(const RiscvState& s, u32) { return s.model->mvendorid; }
u64 read_marchid(const RiscvState& s, u32) { return s.model->marchid; }
u64 read_mimpid(const RiscvState& s, u32) { return s.model->mimpid; }
u64 read_mhartid(const RiscvState& s, u32) { return s.cpu_index; }
u64 read_misa(const RiscvState&, u32) { return u64{2} << 62 | letters("ACDFIMSU"); }

u64 read_mstatus(const RiscvState& s, u32) {
  return (s.mstatus & kStatusFs) == kStatusFs ? s.mstatus | kStatusSd : s.mstatus;
}

// Replaces the writable bits of mstatus. MPP keeps its value when 2, which names no mode, is written.
void assign_status(RiscvState& s, u64 value, u64 writable) {
  u64 old = s.mstatus;
  u64 status = (old & ~writable) | (value & writable);
  if (bits(status, kStatusMppShift, 2) == 2) status = (status & ~kStatusMpp) | (old & kStatusMpp);
  s.mstatus = status;
  if (((status ^ old) & kStatusMxr) && s.port) s.port->flush_tlb({});  // the TLB's entries know MXR
}
void write_mstatus(RiscvState& s, u64 value, u32) { assign_status(s, value, kStatusWritable); }

u64 read_medeleg(const RiscvState& s, u32) { return s.medeleg; }
void write_medeleg(RiscvState& s, u64 value, u32) { s.medeleg = value & kDelegatable; }
u64 read_mideleg(const RiscvState& s, u32) { return s.mideleg; }
void write_mideleg(RiscvState& s, u64 value, u32) { s.mideleg = value & delegatable_interrupts(s); }
u64 read_mie(const RiscvState& s, u32) { return s.mie; }
void write_mie(RiscvState& s, u64 value, u32) { s.mie = value & (kIrqMachine | delegatable_interrupts(s)); }

u64 read_mip(const RiscvState& s, u32) { return pending_interrupts(s); }
void write_mip(RiscvState& s, u64 value, u32) {
  u64 writable = delegatable_interrupts(s) & ~(s.menvcfg & kEnvStce ? kIrqSti : 0);
  s.mip = (s.mip & ~writable) | (value & writable);
}

// MODE 2 and 3 are reserved.
u64 legal_tvec(u64 old, u64 value) { return value & 2 ? (value & ~u64{3}) | (old & 1) : value; }
u64 read_mtvec(const RiscvState& s, u32) { return s.mtvec; }
void write_mtvec(RiscvState& s, u64 value, u32) { s.mtvec = legal_tvec(s.mtvec, value); }

// CBIE = 2 is reserved.
u64 legal_envcfg(u64 old, u64 value, u64 writable) {
  u64 result = value & writable;
  return (result & kEnvCbie) == (u64{2} << 4) ? (result & ~kEnvCbie) | (old & kEnvCbie) : result;
}

u64 read_menvcfg(const RiscvState& s, u32) { return s.menvcfg; }
void write_menvcfg(RiscvState& s, u64 value, u32) {
  const CpuModel& m = *s.model;
  u64 writable = kEnvFiom;
  if (m.has(Ext::Zicbom)) writable |= kEnvCbie | kEnvCbcfe;
  if (m.has(Ext::Zicboz)) writable |= kEnvCbze;
  if (m.has(Ext::Svadu)) writable |= kEnvAdue;
  if (m.has(Ext::Svpbmt)) writable |= kEnvPbmte;
  if (m.has(Ext::Sstc)) writable |= kEnvStce;
  u64 old = s.menvcfg;
  s.menvcfg = legal_envcfg(old, value, writable);
  u64 changed = old ^ s.menvcfg;
  if (changed & kEnvStce) update_stimecmp(s);
  if ((changed & (kEnvAdue | kEnvPbmte)) && s.port) s.port->flush_tlb({});
}

u64 read_pmpcfg(const RiscvState& s, u32 number) {
  u64 value;
  std::memcpy(&value, &s.pmpcfg[(number - 0x3A0) * 4], 8);
  return value;
}
void write_pmpcfg(RiscvState& s, u64 value, u32 number) {
  for (unsigned i = 0; i < 8; ++i) assign_pmpcfg(s, (number - 0x3A0) * 4 + i, u8(value >> (8 * i)));
  update_pmp(s);
  if (s.port) s.port->flush_tlb({});
}

u64 read_pmpaddr(const RiscvState& s, u32 number) { return s.pmpaddr[number - 0x3B0]; }
void write_pmpaddr(RiscvState& s, u64 value, u32 number) {
  assign_pmpaddr(s, number - 0x3B0, value);
  update_pmp(s);
  if (s.port) s.port->flush_tlb({});
}

}  // namespace mimus::riscv::csr
