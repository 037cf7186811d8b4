#include "frontends/riscv/trap.h"

#include "core/engine/port.h"
#include "frontends/riscv/counters.h"

namespace mimus::riscv {
namespace {

// Volume II, 3.1.9: the order in which simultaneous interrupts are taken.
constexpr u8 kPriority[] = {11, 3, 7, 9, 1, 5, 13};

u64 with_field(u64 value, u64 mask, u64 field) { return (value & ~mask) | (field & mask); }

// Target of a trap: vectored only for interrupts.
GuestPc vector(u64 tvec, bool interrupt, u32 code) {
  GuestPc base = tvec & ~u64{3};
  return (tvec & 1) && interrupt ? base + 4 * code : base;
}

void enter_supervisor(RiscvState& s, bool interrupt, u32 code, u64 tval) {
  s.scause = u64(interrupt) << 63 | code;
  s.sepc = s.pc;
  s.stval = tval;
  u64 status = s.mstatus;
  status = with_field(status, kStatusSpie, status & kStatusSie ? kStatusSpie : 0);
  status = with_field(status, kStatusSpp, s.privilege == kSupervisor ? kStatusSpp : 0);
  s.mstatus = status & ~kStatusSie;
  s.privilege = kSupervisor;
  s.pc = vector(s.stvec, interrupt, code);
}

void enter_machine(RiscvState& s, bool interrupt, u32 code, u64 tval) {
  s.mcause = u64(interrupt) << 63 | code;
  s.mepc = s.pc;
  s.mtval = tval;
  u64 status = s.mstatus;
  status = with_field(status, kStatusMpie, status & kStatusMie ? kStatusMpie : 0);
  status = with_field(status, kStatusMpp, s.privilege << kStatusMppShift);
  s.mstatus = status & ~kStatusMie;
  s.privilege = kMachine;
  s.pc = vector(s.mtvec, interrupt, code);
}

void enter_trap(RiscvState& s, bool interrupt, u32 code, u64 tval) {
  Watch before(s);
  u64 delegated = interrupt ? s.mideleg : s.medeleg;
  if (s.privilege <= kSupervisor && bit(delegated, code)) {
    enter_supervisor(s, interrupt, code, tval);
  } else {
    enter_machine(s, interrupt, code, tval);
  }
  if (s.hpm_active) update_counters(s);
  before.tell_changes(s);
  s.leave = u32(Leave::dispatch);
}

}  // namespace

void Watch::tell_changes(RiscvState& state) const {
  u32 leave = state.leave;
  u32 regime = data_regime(state);
  state.resync = 0;
  if (regime != regime_) {
    state.regime = regime;
    if (state.port) state.port->regime_changed();
  }
  if (address_context(state) != context_) {
    state.resync = 1;
    if (state.port) state.port->context_changed();
  }
  if (current_mode(state).pack() != mode_) {
    state.resync = 1;
    if (state.port) state.port->mode_changed();
  }
  if (deliverable_interrupt(state) >= 0) {
    state.resync = 1;
    if (state.port) state.port->interrupts_changed();
  }
  state.leave = leave;
}

u64 pending_interrupts(const RiscvState& state) {
  u64 lines = state.irq_lines.load(std::memory_order_relaxed) & (kIrqMsi | kIrqMti | kIrqSei | kIrqMei);
  bool sstc = state.menvcfg & kEnvStce;
  u64 timer = sstc ? (state.stip ? kIrqSti : 0) : state.mip & kIrqSti;
  return (state.mip & ~kIrqSti) | lines | timer;
}

// Volume II, 3.1.9: M-level interrupts are enabled below M mode, and in M mode by MIE; S-level ones likewise by SIE.
int deliverable_interrupt(const RiscvState& state) {
  u64 ready = pending_interrupts(state) & state.mie;
  if (ready == 0) return -1;
  u64 machine = ready & ~state.mideleg, supervisor = ready & state.mideleg;
  if (state.privilege == kMachine && !(state.mstatus & kStatusMie)) machine = 0;
  if (state.privilege == kMachine || (state.privilege == kSupervisor && !(state.mstatus & kStatusSie))) supervisor = 0;
  return first_interrupt(machine ? machine : supervisor);
}

int first_interrupt(u64 set) {
  for (u8 code : kPriority)
    if (bit(set, code)) return code;
  return -1;
}

void raise_exception(RiscvState& state, u32 cause, u64 tval) {
  if (!state.user_process) return enter_trap(state, false, cause, tval);
  if (state.port) state.port->user_exception(cause, tval);
  state.leave = u32(Leave::dispatch);
}
void enter_interrupt(RiscvState& state, unsigned code) { enter_trap(state, true, code, 0); }

// Volume II, 3.1.6.1 and 3.3.2. A return also drops the reservation, so that an SC after a context switch fails.
GuestPc return_from_supervisor(RiscvState& s) {
  Watch before(s);
  u64 status = s.mstatus;
  s.privilege = status & kStatusSpp ? kSupervisor : kUser;
  status = with_field(status, kStatusSie, status & kStatusSpie ? kStatusSie : 0);
  status = (status | kStatusSpie) & ~(kStatusSpp | kStatusMprv);
  s.mstatus = status;
  s.reservation_size = 0;
  if (s.hpm_active) update_counters(s);
  before.tell_changes(s);
  return s.sepc;
}

GuestPc return_from_machine(RiscvState& s) {
  Watch before(s);
  u64 status = s.mstatus;
  s.privilege = bits(status, kStatusMppShift, 2);
  status = with_field(status, kStatusMie, status & kStatusMpie ? kStatusMie : 0);
  status = (status | kStatusMpie) & ~kStatusMpp;
  if (s.privilege != kMachine) status &= ~kStatusMprv;
  s.mstatus = status;
  s.reservation_size = 0;
  if (s.hpm_active) update_counters(s);
  before.tell_changes(s);
  return s.mepc;
}

}  // namespace mimus::riscv
