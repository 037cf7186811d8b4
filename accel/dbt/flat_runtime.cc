// The slow paths of flat memory: guest addresses are host addresses at a constant offset. Generated code comes here
// when its own access has faulted; the interpreter for every access.
#include <algorithm>
#include <cstring>

#include "accel/dbt/access.h"
#include "accel/dbt/user_cpu.h"
#include "core/engine/runtime.h"
#include "core/memory/guarded.h"

namespace mimus::dbt {
namespace {

UserVcpu& vcpu(CpuState* state) { return *static_cast<UserVcpu*>(state->port); }

bool refuse_misaligned(UserVcpu& cpu, GuestVa va, const AccessShape& shape, Access access, u64 site) {
  const bool bad = shape.misaligned(va);
  if (bad) cpu.raise(cpu.frontend().misaligned_fault(va, access), site);
  return bad;
}

// Does the access by op(host address); reports the fault if it is the guest's. A write may have hit a page that is
// watched for its code: then the translations go and it is done again. The same when the page has been unwatched
// between the write and the look at it.
template <class Op>
GuardedResult attempt(UserVcpu& cpu, GuestVa va, u64 bytes, Access access, u64 site, Op op) {
  if (va >= cpu.limit() || bytes > cpu.limit() - va) {
    cpu.raise_access(std::max(va, cpu.limit()), access, SIGSEGV, SEGV_MAPERR, site);
    return {0, SIGSEGV};
  }
  for (;;) {
    const u64 unwatched = cpu.cache().unwatched();
    const GuardedResult result = op(cpu.base() + va);
    if (result.ok()) return result;
    const bool canonical = result.code() != SI_KERNEL;
    const GuestVa address = canonical ? GuestVa(result.value - u64(cpu.base())) : va;
    if (access == Access::write && result.code() == SEGV_ACCERR &&
        (cpu.cache().watched_page_written(align_down(address, kPageSize)) || cpu.cache().unwatched() != unwatched))
      continue;
    cpu.raise_access(address, access, result.signal(), canonical ? result.code() : SEGV_MAPERR, site);
    return result;
  }
}

u64 flat_load(CpuState* state, u64 va, u32 desc, u64 site) {
  UserVcpu& cpu = vcpu(state);
  va = cpu.without_tag(va);
  const AccessShape shape(desc);
  ++cpu.counters.slow_accesses;
  if (refuse_misaligned(cpu, va, shape, Access::read, site)) return 0;
  u64 value[2] = {};
  const GuardedResult result = attempt(cpu, va, shape.bytes, Access::read, site, [&](const u8* at) {
    return shape.bytes > 8 ? guarded_load16(at, value) : guarded_load(at, shape.bytes);
  });
  if (!result.ok()) return 0;
  if (shape.bytes <= 8) value[0] = result.value;
  if (shape.attr.big_endian) swap_wide(value, shape.bytes);
  if (shape.bytes > 8) std::memcpy(state->scratch, value, 16);
  return value[0];
}

void flat_store(CpuState* state, u64 va, u64 value, u32 desc, u64 site) {
  UserVcpu& cpu = vcpu(state);
  va = cpu.without_tag(va);
  const AccessShape shape(desc);
  ++cpu.counters.slow_accesses;
  if (refuse_misaligned(cpu, va, shape, Access::write, site)) return;
  u64 wide[2] = {value, 0};
  if (shape.bytes > 8) std::memcpy(wide, state->scratch, 16);
  if (shape.attr.big_endian) swap_wide(wide, shape.bytes);
  attempt(cpu, va, shape.bytes, Access::write, site, [&](u8* at) {
    return shape.bytes > 8 ? guarded_store16(at, wide) : guarded_store(at, shape.bytes, wide[0]);
  });
}

// ---- atomics: naturally aligned, or refused by what `align` says and the host does ----

u64 flat_load_linked(CpuState* state, u64 va, u32 desc, u64 site) {
  va = vcpu(state).without_tag(va);
  const u64 value = flat_load(state, va, desc, site);
  state->reservation_size = 0;
  if (state->leave) return 0;
  state->reservation_address = va;
  state->reservation_size = AccessShape(desc).bytes;
  state->reservation_value[0] = value;
  if (state->reservation_size > 8) std::memcpy(state->reservation_value, state->scratch, 16);
  return value;
}

// The reservation is address + size + value: an ABA change between the pair goes unseen (documented in docs/).
u64 flat_store_conditional(CpuState* state, u64 va, u64 value, u32 desc, u64 site) {
  UserVcpu& cpu = vcpu(state);
  va = cpu.without_tag(va);
  const AccessShape shape(desc);
  const u32 reserved = std::exchange(state->reservation_size, 0);
  if (refuse_misaligned(cpu, va, shape, Access::write, site)) return 1;
  if (reserved != shape.bytes || state->reservation_address != va) return 1;
  if (shape.bytes > 8) {
    u64 seen[2] = {state->reservation_value[0], state->reservation_value[1]};
    const GuardedResult old = attempt(cpu, va, 16, Access::write, site,
                                      [&](u8* at) { return guarded_compare_exchange16(at, seen, state->scratch); });
    return old.ok() && std::memcmp(seen, state->reservation_value, 16) == 0 ? 0 : 1;
  }
  const u64 expected = bits(state->reservation_value[0], 0, shape.bytes * 8);
  const GuardedResult old = attempt(cpu, va, shape.bytes, Access::write, site,
                                    [&](u8* at) { return guarded_compare_exchange(at, shape.bytes, expected, value); });
  return old.ok() && old.value == expected ? 0 : 1;
}

u64 combine_sized(ir::Op op, unsigned bytes, u64 old, u64 operand) {
  return bytes == 1   ? combine(op, u8(old), u8(operand))
         : bytes == 2 ? combine(op, u16(old), u16(operand))
         : bytes == 4 ? combine(op, u32(old), u32(operand))
                      : combine(op, old, operand);
}

u64 flat_amo(CpuState* state, u64 va, u64 value, u32 desc, u64 site, u32 op) {
  UserVcpu& cpu = vcpu(state);
  va = cpu.without_tag(va);
  const AccessShape shape(desc);
  ++cpu.counters.slow_accesses;
  if (refuse_misaligned(cpu, va, shape, Access::write, site)) return 0;
  const GuardedResult old = attempt(cpu, va, shape.bytes, Access::write, site, [&](u8* at) {
    GuardedResult seen = guarded_load(at, shape.bytes);
    while (seen.ok()) {
      const u64 expected = seen.value;
      seen =
          guarded_compare_exchange(at, shape.bytes, expected, combine_sized(ir::Op(op), shape.bytes, expected, value));
      if (seen.value == expected) break;
    }
    return seen;
  });
  return old.ok() ? old.value : 0;
}

void flat_cas(CpuState* state, u64 va, u32 desc, u64 site) {
  UserVcpu& cpu = vcpu(state);
  va = cpu.without_tag(va);
  const AccessShape shape(desc);
  if (refuse_misaligned(cpu, va, shape, Access::write, site)) return;
  const GuardedResult old = attempt(cpu, va, shape.bytes, Access::write, site, [&](u8* at) {
    return shape.bytes > 8 ? guarded_compare_exchange16(at, state->scratch, state->scratch + 2)
                           : guarded_compare_exchange(at, shape.bytes, state->scratch[0], state->scratch[2]);
  });
  if (old.ok() && shape.bytes <= 8) state->scratch[0] = old.value;
}

void flat_zero_block(CpuState* state, u64 va, u32 bytes, u64 site) {
  UserVcpu& cpu = vcpu(state);
  va = align_down(cpu.without_tag(va), bytes);
  attempt(cpu, va, bytes, Access::write, site, [&](u8* at) { return guarded_zero(at, bytes); });
}

void flat_trap(CpuState* state, u32 cause, u64 tval) { vcpu(state).raise({cause, tval}, 0); }

}  // namespace

const Runtime kFlatRuntime = {
    .load = flat_load,
    .store = flat_store,
    .load_linked = flat_load_linked,
    .store_conditional = flat_store_conditional,
    .amo = flat_amo,
    .cas = flat_cas,
    .zero_block = flat_zero_block,
    .trap = flat_trap,
};

}  // namespace mimus::dbt
