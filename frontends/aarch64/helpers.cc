#include "frontends/aarch64/helpers.h"

#include <sched.h>

#include "core/engine/port.h"
#include "core/engine/runtime.h"
#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/fixed.h"
#include "frontends/aarch64/sysreg.h"

namespace mimus::aarch64 {
namespace {
namespace helper {

u64 sysreg_read(CpuState* cpu, u64 number, u64, u64, u64) { return find_sysreg(u32(number))->read(pe(cpu)); }

u64 sysreg_write(CpuState* cpu, u64 number, u64 value, u64, u64) {
  Aarch64State& s = pe(cpu);
  const u64 old_mode = current_mode(s).pack();
  find_sysreg(u32(number))->write(s, value);
  if (current_mode(s).pack() == old_mode) return 0;
  const u32 leave = s.leave;
  s.port->mode_changed();
  s.leave = leave;  // the block ends after this instruction anyway
  return 0;
}

u64 eret(CpuState* cpu, u64, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  s.pc = exception_return(s);
  s.leave = u32(Leave::dispatch);
  return s.pc;
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

u64 check_readable(CpuState* cpu, u64 address, u64, u64, u64) {
  cpu->runtime->load(cpu, address, access_desc(0, 0), 0);
  return 0;
}

u64 wait(CpuState* cpu, u64, u64, u64, u64) {
  Aarch64State& s = pe(cpu);
  if (!s.user_process) s.port->wait_for_interrupt();
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
