#include "backends/emit/flat_fault.h"

#include "core/engine/runtime.h"
#include "core/state/cpu.h"

namespace mimus::emit {

u64 flat_fault(CpuState* state, u64* gpr, u64 (*xmm)[2], const u8* at) {
  using Kind = FlatRecord::Kind;
  FlatRecord r;
  std::memcpy(&r, at, sizeof r);  // unaligned
  const u64 va = gpr[r.base] + u64(s64(r.disp)), site = u64(at);
  const u64 back = u64(at) + u64(s64(r.back));
  if (r.kind >= Kind::store_gpr) {
    const u64 value = r.kind == Kind::store_gpr   ? gpr[r.reg]
                      : r.kind == Kind::store_xmm ? xmm[r.reg][0]
                                                  : u64(s64(r.imm));
    state->runtime->store(state, va, value, r.desc, site);
    return back;
  }
  const u64 value = state->runtime->load(state, va, r.desc, site);
  if (state->leave) return back;
  if (r.kind == Kind::load_xmm) {
    xmm[r.reg][0] = value;
    xmm[r.reg][1] = 0;
  } else {
    gpr[r.reg] = r.kind == Kind::load_sign ? u64(sign_extend(value, 8u << (r.desc & 15))) : value;
  }
  return back;
}

}  // namespace mimus::emit
