#include "frontends/riscv/state.h"

#include "frontends/riscv/counters.h"
#include "frontends/riscv/csr.h"
#include "frontends/riscv/pmp.h"

namespace mimus::riscv {
namespace {

constexpr SlotDesc kSlots[] = {
#define SLOT(id, member, name, type, role, pin) {name, ir::type, offsetof(RiscvState, member), SlotRole::role, pin},
#include "frontends/riscv/slots.def"
#undef SLOT
};

}  // namespace

const StateLayout& state_layout() {
  static constexpr StateLayout layout{"riscv64", kSlots, sizeof(RiscvState)};
  return layout;
}

// Volume II, 3.4 Reset. Besides what it demands: menvcfg.ADUE is set when Svadu is there, so that software which does
// not know the bit gets hardware updates of A and D.
void reset_state(RiscvState& state) {
  const CpuModel& model = *state.model;
  std::ranges::fill(state.x, 0);
  std::ranges::fill(state.f, 0);
  state.pc = model.reset_pc;
  state.privilege = kMachine;
  state.frm = 0;
  state.guest_mxcsr = 0x1f80;
  state.mstatus = kStatusUxl | kStatusSxl;
  for (u64 RiscvState::* csr : {&RiscvState::mscratch,   &RiscvState::mepc,          &RiscvState::mcause,
                                &RiscvState::mtval,      &RiscvState::mtvec,         &RiscvState::medeleg,
                                &RiscvState::mideleg,    &RiscvState::mie,           &RiscvState::mip,
                                &RiscvState::mcounteren, &RiscvState::mcountinhibit, &RiscvState::sscratch,
                                &RiscvState::sepc,       &RiscvState::scause,        &RiscvState::stval,
                                &RiscvState::stvec,      &RiscvState::scounteren,    &RiscvState::senvcfg,
                                &RiscvState::satp,       &RiscvState::mcycle_offset, &RiscvState::minstret_offset,
                                &RiscvState::mseccfg,    &RiscvState::miselect,      &RiscvState::siselect,
                                &RiscvState::resync}) {
    state.*csr = 0;
  }
  state.menvcfg = model.has(Ext::Svadu) ? kEnvAdue : 0;
  state.stimecmp = ~u64{0};
  state.stip = false;
  state.hpm = {};
  state.walks = {};
  state.mstateen = {};
  state.claimed = 0;
  update_counters(state);
  state.pmpcfg.fill(0);
  state.pmpaddr.fill(0);
  update_pmp(state);
  state.reservation_size = 0;
  state.user_process = false;
  state.regime = data_regime(state);
  state.mode_key = current_mode(state).pack();
  state.clear_return_stack();
}

// As Linux leaves a hart to programs: floating point on, cycle, time and instret readable, CBO.CLEAN, CBO.FLUSH and
// CBO.ZERO allowed, CBO.INVAL and WFI not. FS is Dirty from the start: nobody saves registers lazily here.
void reset_user_state(RiscvState& state) {
  reset_state(state);
  state.privilege = kUser;
  state.mstatus |= kStatusFs | kStatusTw;
  state.mcounteren = state.scounteren = 7;
  const CpuModel& model = *state.model;
  state.senvcfg = (model.has(Ext::Zicbom) ? kEnvCbcfe : 0) | (model.has(Ext::Zicboz) ? kEnvCbze : 0);
  state.menvcfg |= state.senvcfg;
  state.user_process = true;
  state.regime = data_regime(state);
  state.mode_key = current_mode(state).pack();
}

// Left out: what is derived (pmp, hpm_active, counter_timer, regime, mode_key), `claimed`, which lasts for an
// instruction, what belongs to the run loop (TLB, caches, leave) and the model, which the loading side must have equal.
void visit_state(RiscvState& s, StateVisitor& v) {
  v.begin("riscv-hart", 2);
  v.field("x", s.x);
  v.field("f", s.f);
  v.field("pc", s.pc);
  v.field("privilege", s.privilege);
  v.index("frm", s.frm, 8);
  v.field("mxcsr", s.guest_mxcsr);
  v.field("mstatus", s.mstatus);
  v.field("mscratch", s.mscratch);
  v.field("mepc", s.mepc);
  v.field("mcause", s.mcause);
  v.field("mtval", s.mtval);
  v.field("mtvec", s.mtvec);
  v.field("medeleg", s.medeleg);
  v.field("mideleg", s.mideleg);
  v.field("mie", s.mie);
  v.field("mip", s.mip);
  v.field("mcounteren", s.mcounteren);
  v.field("mcountinhibit", s.mcountinhibit);
  v.field("menvcfg", s.menvcfg);
  v.field("sscratch", s.sscratch);
  v.field("sepc", s.sepc);
  v.field("scause", s.scause);
  v.field("stval", s.stval);
  v.field("stvec", s.stvec);
  v.field("scounteren", s.scounteren);
  v.field("senvcfg", s.senvcfg);
  v.field("satp", s.satp);
  v.field("stimecmp", s.stimecmp);
  v.field("stip", s.stip);
  v.field("mcycle_offset", s.mcycle_offset);
  v.field("minstret_offset", s.minstret_offset);
  for (HpmCounter& counter : s.hpm) {
    v.field("mhpmevent", counter.event);
    v.field("mhpmcounter", counter.value);
    v.field("mhpmcounter_base", counter.base);
    v.field("mhpmcounter_running", counter.running);
  }
  v.field("walks", s.walks);
  v.field("mstateen", s.mstateen);
  v.field("mseccfg", s.mseccfg);
  v.field("miselect", s.miselect);
  v.field("siselect", s.siselect);
  v.field("pmpcfg", s.pmpcfg);
  v.field("pmpaddr", s.pmpaddr);
  v.field("insn_count", s.insn_count);
  v.index("reservation_size", s.reservation_size, 17);
  v.field("reservation_address", s.reservation_address);
  v.field("reservation_value", s.reservation_value);
  v.field("irq_lines", s.irq_lines);
  if (v.loading()) {
    if (s.privilege == 2 || s.privilege > kMachine) v.reject("privilege", "no such privilege mode");
    s.x[0] = 0;
    s.guest_mxcsr = (s.guest_mxcsr & 0x603f) | 0x1f80;  // every exception masked: anything else would trap the host
    update_pmp(s);
    s.regime = data_regime(s);
    s.mode_key = current_mode(s).pack();
    restore_counters(s);
    if (s.port) update_stimecmp(s);
  }
  v.end();
}

Mode current_mode(const RiscvState& state) {
  bool dirty = (state.mstatus & kStatusFs) == kStatusFs;
  return {state.privilege, dirty && state.privilege != kSupervisor, state.frm};
}

u32 data_regime(const RiscvState& state) {
  u64 mode = state.privilege;
  if (mode == kMachine && (state.mstatus & kStatusMprv)) mode = bits(state.mstatus, kStatusMppShift, 2);
  if (mode == kMachine) return kRegimeMachine;
  if (mode == kUser) return kRegimeUser;
  return state.mstatus & kStatusSum ? kRegimeSupervisorSum : kRegimeSupervisor;
}

u64 delegatable_interrupts(const RiscvState& s) {
  return kIrqSupervisor | (s.model->has(Ext::Sscofpmf) ? kIrqLcofi : 0);
}

u64 address_context(const RiscvState& state) { return state.satp >> 44; }

}  // namespace mimus::riscv
