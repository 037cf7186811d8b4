// Traps: exception and interrupt delivery, returns, and telling the run loop what has changed.
#pragma once

#include "core/engine/frontend.h"
#include "frontends/riscv/state.h"

namespace mimus::riscv {

// Remembers what the run loop keeps copies of, to tell it through the port what a change of the state amounts to.
class Watch {
 public:
  explicit Watch(const RiscvState& state)
      : mode_(current_mode(state).pack()), context_(address_context(state)), regime_(state.regime) {}

  // Sets state.regime and state.resync, and calls the port. Leaves state.leave as it was: translated code looks at
  // resync when the instruction is complete.
  void tell_changes(RiscvState& state) const;

 private:
  u64 mode_, context_;
  u32 regime_;
};

// The interrupt pending bits as mip shows them.
u64 pending_interrupts(const RiscvState& state);
// Code of the most urgent interrupt that would be taken now, or -1.
int first_interrupt(u64 set);  // the most urgent of a set of interrupts; -1: none
int deliverable_interrupt(const RiscvState& state);

// Delivers an exception of the instruction at state.pc and makes generated code leave.
void raise_exception(RiscvState& state, u32 cause, u64 tval);
void enter_interrupt(RiscvState& state, unsigned code);

// Trap returns; the new PC.
GuestPc return_from_supervisor(RiscvState& state);
GuestPc return_from_machine(RiscvState& state);

}  // namespace mimus::riscv
