// System registers that control the PE: what translation, traps and exceptions depend on.
#include "core/device/cpu_interrupt_port.h"
#include "core/engine/port.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/sysreg_access.h"

namespace mimus::aarch64::sysreg {
namespace {

// A register that address spaces or the mode depend on. What TLBs may have kept of its old value goes.
void assign_control(Aarch64State& s, u64& member, u64 value) {
  if (member == value) return;
  const Watch before(s);
  member = value;
  if (s.port) s.port->flush_tlb({});
  before.tell_changes(s);
  s.resync = 1;
}

void assign_watched(Aarch64State& s, u64& member, u64 value) {
  const Watch before(s);
  member = value;
  before.tell_changes(s);
}

// SCTLR_ELx: what is not implemented reads as it resets.
u64 sctlr_writable(const Aarch64State& s, unsigned el) {
  u64 mask = kSctlrM | kSctlrA | 1 << 2 | kSctlrSa | 1 << 12 | kSctlrWxn;
  if (el == 1) mask |= kSctlrSa0 | kSctlrUma | kSctlrDze | kSctlrUct | kSctlrNtwi | kSctlrNtwe | kSctlrUci;
  if (el == 1 && s.model->has(Feat::PAN)) mask |= kSctlrSpan;
  if (s.model->has(Feat::SSBS)) mask |= kSctlrDssbs;
  return mask;
}

u64 merge(u64 old, u64 value, u64 writable) { return (old & ~writable) | (value & writable); }

}  // namespace

u64 read_spsel(Aarch64State& s) { return s.sp_select; }
void write_spsel(Aarch64State& s, u64 value) {
  const Watch before(s);
  set_level(s, s.current_el, value & 1);
  before.tell_changes(s);
}
u64 read_current_el(Aarch64State& s) { return s.current_el << 2; }
u64 read_pan(Aarch64State& s) { return s.pstate_pan ? kPstatePan : 0; }
void write_pan(Aarch64State& s, u64 value) {
  s.pstate_pan = (value & kPstatePan) != 0;
  s.regime = data_regime(s);
  if (s.port) s.port->regime_changed();
}
u64 read_uao(Aarch64State& s) { return s.pstate_uao ? kPstateUao : 0; }
void write_uao(Aarch64State& s, u64 value) { assign_watched(s, s.pstate_uao, (value & kPstateUao) != 0); }

void assign_sctlr(Aarch64State& s, unsigned el, u64 value) {
  assign_control(s, s.sctlr[el], merge(s.sctlr[el], value, sctlr_writable(s, el)));
}
u64 read_cpacr(Aarch64State& s) { return s.cpacr_el1; }
void write_cpacr(Aarch64State& s, u64 value) { assign_watched(s, s.cpacr_el1, value & (u64{3} << kFpenShift)); }
void assign_tcr(Aarch64State& s, unsigned el, u64 value) { assign_control(s, s.tcr[el], value); }
// Translations are told apart by ASID alone: a new table under the same one is seen after TLB maintenance (D8.14).
void assign_ttbr0(Aarch64State& s, unsigned el, u64 value) { assign_watched(s, s.ttbr0[el], value); }
u64 read_ttbr1_el1(Aarch64State& s) { return s.ttbr1_el1; }
void write_ttbr1_el1(Aarch64State& s, u64 value) { assign_watched(s, s.ttbr1_el1, value); }

u64 read_rvbar(Aarch64State& s) { return s.model->reset_pc; }

// -- EL2 and EL3 --

// EL1 is in AArch64 always; what is not implemented is 0: VHE, pointer authentication traps, tagging, nesting.
u64 read_hcr(Aarch64State& s) { return s.hcr_el2; }
void write_hcr(Aarch64State& s, u64 value) {
  constexpr u64 kWritable = 0x73'ffff'ffff & ~(u64{1} << 35 | u64{1} << 36);  // but TLOR, TERR and E2H
  assign_control(s, s.hcr_el2, (value & kWritable & ~(u64{1} << 34)) | kHcrRw);
}
u64 read_scr(Aarch64State& s) { return s.scr_el3; }
void write_scr(Aarch64State& s, u64 value) {
  constexpr u64 kWritable =
      kScrNs | kScrIrq | kScrFiq | kScrEa | kScrSmd | kScrHce | u64{1} << 9 | kScrSt | kScrTwi | kScrTwe;
  assign_control(s, s.scr_el3, (value & kWritable) | kScrRw | 0x30);
}
u64 read_cptr_el2(Aarch64State& s) { return s.cptr_el2; }
void write_cptr_el2(Aarch64State& s, u64 value) {
  assign_watched(s, s.cptr_el2, (value & (kCptrTcpac | kCptrTfp)) | 0x33ff);  // TZ and what is RES1
}
u64 read_cptr_el3(Aarch64State& s) { return s.cptr_el3; }
void write_cptr_el3(Aarch64State& s, u64 value) { assign_watched(s, s.cptr_el3, value & (kCptrTcpac | kCptrTfp)); }
u64 read_mdcr_el2(Aarch64State& s) { return s.mdcr_el2; }
void write_mdcr_el2(Aarch64State& s, u64 value) { assign_watched(s, s.mdcr_el2, value & 0xfff); }
u64 read_vttbr(Aarch64State& s) { return s.vttbr_el2; }
void write_vttbr(Aarch64State& s, u64 value) { assign_watched(s, s.vttbr_el2, value); }
u64 read_vtcr(Aarch64State& s) { return s.vtcr_el2; }
void write_vtcr(Aarch64State& s, u64 value) { assign_control(s, s.vtcr_el2, value | u64{1} << 31); }
u64 read_cntvoff(Aarch64State& s) { return s.cntvoff_el2; }
void write_cntvoff(Aarch64State& s, u64 value) {
  s.cntvoff_el2 = value;
  update_timer(s, kTimerVirtual);
}

// The pending interrupts, physical or virtual as HCR_EL2 has it.
u64 read_isr(Aarch64State& s) {
  const u64 lines = s.irq_lines.load(std::memory_order_relaxed), hcr = s.current_el == 1 ? effective_hcr(s) : 0;
  const bool irq = hcr & kHcrImo ? (hcr & kHcrVi) != 0 : (lines & kIrqLine) != 0;
  const bool fiq = hcr & kHcrFmo ? (hcr & kHcrVf) != 0 : (lines & kFiqLine) != 0;
  return u64{irq} << 7 | u64{fiq} << 6;
}

// -- GIC CPU interface --

u64 read_gic(Aarch64State& s, u32 number) { return s.interrupt_port->read(number); }
void write_gic(Aarch64State& s, u32 number, u64 value) { s.interrupt_port->write(number, value); }

}  // namespace mimus::aarch64::sysreg
