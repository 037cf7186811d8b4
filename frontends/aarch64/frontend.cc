#include <fmt/format.h>

#include "core/engine/port.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/helpers.h"
#include "frontends/aarch64/mmu.h"
#include "frontends/aarch64/table.h"
#include "frontends/aarch64/timer.h"
#include "frontends/aarch64/translator.h"

namespace mimus {
namespace aarch64 {
namespace {

class Aarch64Frontend final : public Frontend {
 public:
  explicit Aarch64Frontend(const CpuModel& model) : model_(model) {}

  std::string_view isa() const override { return "aarch64"; }
  const StateLayout& layout() const override { return state_layout(); }
  std::span<const HelperDesc> helpers() const override { return helper_table(); }

  std::unique_ptr<CpuState, void (*)(CpuState*)> make_state(u32 cpu_index) const override {
    auto* state = new Aarch64State;
    state->cpu_index = cpu_index;
    state->model = &model_;
    reset_state(*state);
    return {state, [](CpuState* s) { delete static_cast<Aarch64State*>(s); }};
  }
  void reset(CpuState& state) const override { reset_state(pe(state)); }
  // As PSCI's CPU_ON has it: at the highest level that the caller of the firmware may be at.
  void start_at(CpuState& state, GuestPc entry, u64 argument) const override {
    state.pc = entry;
    pe(state).x[0] = argument;
  }
  void reset_user(CpuState& state) const override { reset_user_state(pe(state)); }
  void visit_state(CpuState& state, StateVisitor& visitor) const override { aarch64::visit_state(pe(state), visitor); }

  u64 mode_key(const CpuState& state) const override { return current_mode(pe(state)).pack(); }

  void translate(const CodeBytes& code, const TranslateLimits& limits, ir::Block& block) const override {
    Translator(model_, block).run(code, limits);
  }

  std::string disassemble(std::span<const u8> bytes, GuestPc pc, unsigned& length) const override {
    u32 raw = 0;
    length = unsigned(std::min<size_t>(bytes.size(), 4));
    std::memcpy(&raw, bytes.data(), length);
    Insn insn;
    if (length == 4 && decode(raw, model_, insn)) return aarch64::disassemble(insn, pc);
    return length == 4 ? fmt::format(".inst {:#010x}", raw) : fmt::format(".byte {:#x}", raw & 0xff);
  }

  unsigned regimes() const override { return kRegimeCount; }
  unsigned fetch_regime(const CpuState& state) const override {
    return pe(state).current_el == 0 ? kRegimeEl0 : kRegimeEl1;
  }
  u64 context(const CpuState& state) const override { return address_context(pe(state)); }
  WalkResult walk(CpuState& state, PhysicalMemory& memory, GuestVa va, Access access, unsigned regime) const override {
    return aarch64::walk(pe(state), memory, va, access, regime);
  }

  void raise(CpuState& state, const Fault& fault) const override { raise_exception(pe(state), fault); }
  Fault misaligned_fault(GuestVa va, Access access) const override { return abort_fault(va, access, kFscAlignment); }
  Fault bus_fault(GuestVa va, Access access) const override { return abort_fault(va, access, kFscExternal); }

  bool take_interrupt(CpuState& state) const override { return aarch64::take_interrupt(pe(state)); }
  bool wakes(const CpuState& state) const override { return interrupt_pending(pe(state)); }
  void timer_fired(CpuState& state, unsigned timer) const override {
    if (timer < kTimerCount) update_timer(pe(state), TimerId(timer));
  }

 private:
  const CpuModel model_;
};

}  // namespace
}  // namespace aarch64

std::unique_ptr<Frontend> make_aarch64_frontend(const aarch64::CpuModel& model) {
  return std::make_unique<aarch64::Aarch64Frontend>(model);
}

}  // namespace mimus
