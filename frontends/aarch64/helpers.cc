#include "frontends/aarch64/helpers.h"

#include <sched.h>

#include "core/device/firmware_port.h"
#include "core/engine/port.h"
#include "core/engine/runtime.h"
#include "frontends/aarch64/debug.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/fixed.h"
#include "frontends/aarch64/maintenance.h"
#include "frontends/aarch64/memory_operation.h"
#include "frontends/aarch64/mmu.h"
#include "frontends/aarch64/pauth.h"
#include "frontends/aarch64/soft_simd.h"
#include "frontends/aarch64/sysreg.h"

namespace mimus::aarch64 {
namespace {
u64 raise(Aarch64State& s, const Fault& fault, unsigned level) {
  raise_exception_to(s, fault, level);
  s.leave = u32(Leave::dispatch);
  return 0;
}

u64 undefined(Aarch64State& s) {
  raise_exception(s, {syndrome(kEcUnknown), 0});
  s.leave = u32(Leave::dispatch);
  return 0;
}

// Takes the exception of a trapped access, if it is one.
bool trapped(Aarch64State& s, unsigned level, u32 raw) {
  if (level == 0) return false;
  level == kUndefined ? undefined(s) : raise(s, {syndrome(kEcSystem, system_iss(raw)), 0}, level);
  return true;
}

// SMC Calling Convention: function and arguments in x0 to x3, the result in x0.
u64 firmware_call(Aarch64State& s) {
  if (!s.firmware_port) return undefined(s);
  const auto answer = s.firmware_port->call(s.cpu_index, s.x[0], s.x[1], s.x[2], s.x[3]);
  s.x[0] = answer.result;
  if (answer.then == FirmwarePort::Then::stop) s.port->power_off();
  if (answer.then == FirmwarePort::Then::wait && !interrupt_pending(s)) s.port->wait_for_interrupt();
  return 0;
}

namespace helper {

u64 sysreg_read(CpuState* cpu, u64 row, u64, u64, u64) { return sysreg_table()[row].read(pe(cpu)); }

u64 sysreg_read_checked(CpuState* cpu, u64 row, u64 raw, u64, u64) {
  Aarch64State& s = pe(cpu);
  const SysregDesc& reg = sysreg_table()[row];
  return trapped(s, trap_level(s, reg.trap, false), u32(raw)) ? 0 : reg.read(s);
}

u64 sysreg_write(CpuState* cpu, u64 row, u64 value, u64, u64) {
  Aarch64State& s = pe(cpu);
  s.resync = 0;
  sysreg_table()[row].write(s, value);
  return 0;
}

u64 sysreg_write_checked(CpuState* cpu, u64 row, u64 value, u64 raw, u64) {
  Aarch64State& s = pe(cpu);
  if (trapped(s, trap_level(s, sysreg_table()[row].trap, true), u32(raw))) return 0;
  return sysreg_write(cpu, row, value, 0, 0);
}

u64 fp_read(CpuState* cpu, u64 row, u64, u64, u64) { return sysreg_read(cpu, row, 0, 0, 0); }
u64 fp_write(CpuState* cpu, u64 row, u64 value, u64, u64) { return sysreg_write(cpu, row, value, 0, 0); }

u64 check_trap(CpuState* cpu, u64 trap, u64 raw, u64, u64) {
  Aarch64State& s = pe(cpu);
  trapped(s, trap_level(s, Trap(trap), true), u32(raw));
  return 0;
}

u64 zva_trap(CpuState* cpu, u64 raw, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  const bool own = s.current_el == 0 && !(s.sctlr[1] & kSctlrDze) && !(effective_hcr(s) & kHcrTge);
  trapped(s, own ? 1 : 2, u32(raw));
  return 0;
}

u64 invalidate_tlb(CpuState* cpu, u64 kind, u64 broadcast, u64 operand, u64) {
  aarch64::invalidate_tlb(pe(cpu), TlbiKind(kind), broadcast, operand);
  return 0;
}

u64 translate_address(CpuState* cpu, u64 kind, u64 va, u64, u64) {
  translate_for_software(pe(cpu), AtKind(kind), va);
  return 0;
}

// A return within a level is an indirect jump like any other.
u64 eret(CpuState* cpu, u64, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  s.resync = 0;
  s.pc = exception_return(s);
  if (s.resync || s.irq_lines.load(std::memory_order_relaxed)) s.leave = u32(Leave::dispatch);
  return s.pc;
}

u64 begin_step(CpuState* cpu, u64, u64, u64, u64) {
  aarch64::begin_step(pe(cpu));
  return 0;
}

u64 check_breakpoints(CpuState* cpu, u64, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (!breakpoint_hit(s)) return 0;
  raise_exception(s, {syndrome(kEcBreakpointLower, kFscDebug), 0});
  s.leave = u32(Leave::dispatch);
  return 0;
}

u64 hvc(CpuState* cpu, u64 immediate, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  const bool on = s.model->el3() ? (s.scr_el3 & kScrHce) != 0 : !(s.hcr_el2 & kHcrHcd);
  if (!s.model->el2()) return s.model->el3() ? undefined(s) : firmware_call(s);
  if (!on || (!el2_enabled(s) && s.current_el < 2)) return undefined(s);
  return raise(s, {syndrome(kEcHvc, u32(immediate)), 0}, s.current_el == 3 ? 3 : 2);
}

u64 smc(CpuState* cpu, u64 immediate, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (s.current_el == 1 && (effective_hcr(s) & kHcrTsc)) {
    const GuestPc pc = s.pc;
    raise(s, {syndrome(kEcSmc, u32(immediate)), 0}, 2);
    s.elr[2] = pc;  // trapped, it has not been executed
    return 0;
  }
  if (!s.model->el3()) return s.model->el2() ? firmware_call(s) : undefined(s);
  return s.scr_el3 & kScrSmd ? undefined(s) : raise(s, {syndrome(kEcSmc, u32(immediate)), 0}, 3);
}

u64 fence_code(CpuState* cpu, u64, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  const u32 leave = s.leave;
  s.port->fence_code();
  s.leave = leave;
  return 0;
}

// Linux emulates reads of the ID registers for programs; those that it does not know read as zero.
u64 id_read(CpuState* cpu, u64 number, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (!s.user_process) {
    raise_exception(s, {syndrome(kEcUnknown), 0});
    s.leave = u32(Leave::dispatch);
    return 0;
  }
  const SysregDesc* row = find_sysreg(u32(number));
  return row ? row->read(s) : 0;
}

u64 clear_exclusive(CpuState* cpu, u64, u64, u64, u64) {
  cpu->reservation_size = 0;
  return 0;
}

// Caches are coherent: only whether there is such an address is looked at, and at EL0 whether it may be read.
u64 check_cache_address(CpuState* cpu, u64 address, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (s.user_process) {
    cpu->runtime->load(cpu, address, access_desc(0, 0), 0);
    return 0;
  }
  const Mapped mapped =
      aarch64::translate_address(s, s.port->memory(), request_for(s, address, Access::read, s.regime));
  const Fault* fault = std::get_if<Fault>(&mapped);
  if (!fault) return 0;
  raise_exception(s, {fault->cause | kIssCm | kIssWnr, fault->tval});
  s.leave = u32(Leave::dispatch);
  return 0;
}

u64 wait(CpuState* cpu, u64 raw, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (s.user_process || interrupt_pending(s)) return 0;
  if (const unsigned level = wait_trap_level(s, false)) {
    (void)raw;
    return raise(s, {syndrome(kEcWfx, kIssFpAccess), 0}, level);  // CV and COND as there; TI: WFI
  }
  s.port->wait_for_interrupt();
  return 0;
}

u64 yield(CpuState*, u64, u64, u64, u64) {
  sched_yield();
  return 0;
}

u64 random(CpuState* cpu, u64, u64, u64, u64) { return cpu->port->random(); }

u64 fixed_to_int(CpuState* cpu, u64 bits, u64 what, u64, u64) {
  return aarch64::fixed_to_int(pe(cpu), bits, FixedConversion::unpack(what));
}
u64 fixed_from_int(CpuState* cpu, u64 value, u64 what, u64, u64) {
  return aarch64::fixed_from_int(pe(cpu), value, FixedConversion::unpack(what));
}
u64 memory_operation(CpuState* cpu, u64 raw, u64, u64, u64) { return aarch64::memory_operation(pe(cpu), u32(raw)); }
u64 half_op(CpuState* cpu, u64 op, u64 a, u64 b, u64 c) {
  return aarch64::half_op(pe(cpu), unsigned(op), u16(a), u16(b), u16(c));
}
u64 soft_simd(CpuState* cpu, u64 what, u64 raw, u64, u64) {
  aarch64::soft_simd(pe(cpu), SoftSimd(what), u32(raw));
  return 0;
}
u64 qarma5(CpuState* cpu, u64 data, u64 modifier, u64 key, u64) {
  return aarch64::qarma5(data, modifier, pe(cpu).pauth_keys[key]);
}
u64 generic_code(CpuState* cpu, u64 data, u64 modifier, u64, u64) {
  return aarch64::generic_code(pe(cpu), data, modifier);
}
u64 javascript_to_int(CpuState* cpu, u64 bits, u64, u64, u64) { return aarch64::javascript_to_int(pe(cpu), bits); }

}  // namespace helper

using E = HelperEffects;
constexpr E none = E::none, reads_state = E::reads_state;  // what the rows' effects begin with
constexpr HelperDesc kHelpers[] = {
#define HELPER(name, arity, effects) {#name, helper::name, arity, effects},
#include "frontends/aarch64/helpers.def"
#undef HELPER
};

}  // namespace

std::span<const HelperDesc> helper_table() { return kHelpers; }

}  // namespace mimus::aarch64
