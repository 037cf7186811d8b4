#include <fmt/format.h>

#include "core/engine/port.h"
#include "frontends/riscv/counters.h"
#include "frontends/riscv/csr.h"
#include "frontends/riscv/helpers.h"
#include "frontends/riscv/mmu.h"
#include "frontends/riscv/table.h"
#include "frontends/riscv/translator.h"
#include "frontends/riscv/trap.h"

namespace mimus {
namespace riscv {
namespace {

class RiscvFrontend final : public Frontend {
 public:
  explicit RiscvFrontend(const CpuModel& model) : model_(model) {}

  std::string_view isa() const override { return "riscv64"; }
  const StateLayout& layout() const override { return state_layout(); }
  std::span<const HelperDesc> helpers() const override { return helper_table(); }

  std::unique_ptr<CpuState, void (*)(CpuState*)> make_state(u32 cpu_index) const override {
    auto* state = new RiscvState;
    state->cpu_index = cpu_index;
    state->model = &model_;
    reset_state(*state);
    return {state, [](CpuState* s) { delete static_cast<RiscvState*>(s); }};
  }
  void reset(CpuState& state) const override { reset_state(hart(state)); }
  void reset_user(CpuState& state) const override { reset_user_state(hart(state)); }
  void visit_state(CpuState& state, StateVisitor& visitor) const override { riscv::visit_state(hart(state), visitor); }

  u64 mode_key(const CpuState& state) const override { return current_mode(hart(state)).pack(); }

  void translate(const CodeBytes& code, const TranslateLimits& limits, ir::Block& block) const override {
    Translator(model_, block).run(code, limits);
  }

  std::string disassemble(std::span<const u8> bytes, GuestPc pc, unsigned& length) const override {
    u32 raw = 0;
    std::memcpy(&raw, bytes.data(), std::min<size_t>(bytes.size(), 4));
    Insn insn;
    length = insn_length(u16(raw));
    if (bytes.size() >= length && decode(raw, model_, insn)) return riscv::disassemble(insn, pc);
    length = unsigned(std::min<size_t>(length, bytes.size()));
    return length == 4 ? fmt::format(".4byte {:#x}", raw) : fmt::format(".2byte {:#x}", raw & 0xffff);
  }

  unsigned regimes() const override { return kRegimeCount; }
  unsigned fetch_regime(const CpuState& state) const override {
    u64 mode = hart(state).privilege;
    return mode == kMachine ? kRegimeMachine : mode == kUser ? kRegimeUser : kRegimeSupervisor;
  }
  u64 context(const CpuState& state) const override { return address_context(hart(state)); }
  WalkResult walk(CpuState& state, PhysicalMemory& memory, GuestVa va, Access access, unsigned regime) const override {
    return riscv::walk(hart(state), memory, va, access, regime);
  }

  void raise(CpuState& state, const Fault& fault) const override {
    raise_exception(hart(state), fault.cause, fault.tval);
  }
  Fault misaligned_fault(GuestVa va, Access access) const override { return riscv::misaligned_fault(va, access); }
  Fault bus_fault(GuestVa va, Access access) const override { return access_fault(va, access); }

  bool take_interrupt(CpuState& state) const override {
    int code = deliverable_interrupt(hart(state));
    if (code >= 0) enter_interrupt(hart(state), unsigned(code));
    return code >= 0;
  }
  // Volume II, 3.3.3: WFI resumes for any interrupt that is enabled in mie, whatever mstatus says.
  bool wakes(const CpuState& state) const override { return (pending_interrupts(hart(state)) & hart(state).mie) != 0; }
  void timer_fired(CpuState& state, unsigned timer) const override {
    Watch before(hart(state));
    timer == kCounterTimer ? counter_timer_fired(hart(state)) : update_stimecmp(hart(state));
    before.tell_changes(hart(state));
  }

 private:
  const CpuModel model_;
};

}  // namespace
}  // namespace riscv

std::unique_ptr<Frontend> make_riscv_frontend(const riscv::CpuModel& model) {
  return std::make_unique<riscv::RiscvFrontend>(model);
}

}  // namespace mimus
