#include "frontends/aarch64/traps.h"

#include <iterator>

#include "core/device/cpu_interrupt_port.h"

namespace mimus::aarch64 {
namespace {

using S = const Aarch64State&;

constexpr u64 kMdcrTda = 1 << 9, kMdcrTdosa = 1 << 10;
constexpr u64 kEl0Pcten = 1, kEl0Vcten = 2, kEl0Vten = 1 << 8, kEl0Pten = 1 << 9;  // CNTKCTL_EL1
constexpr u64 kEl1Pcten = 1, kEl1Pcen = 2;                                         // CNTHCTL_EL2

// EL0's accesses that EL1 has not allowed: to EL1, or to EL2 in its place.
unsigned unless(S s, bool allowed) {
  if (s.current_el != 0 || allowed) return 0;
  return effective_hcr(s) & kHcrTge ? 2 : 1;
}
unsigned to_el2(S s, bool trapped) { return trapped && s.current_el < 2 && el2_enabled(s) ? 2 : 0; }
unsigned to_el3(S s, bool trapped) { return trapped && s.current_el < 3 && s.model->el3() ? 3 : 0; }
unsigned first(unsigned a, unsigned b) { return a ? a : b; }
bool hcr(S s, u64 mask) { return effective_hcr(s) & mask; }
bool sctlr(S s, u64 mask) { return s.user_process || (s.sctlr[1] & mask); }
bool kctl(S s, u64 mask) { return s.cntkctl_el1 & mask; }

using Judge = unsigned (*)(S, bool write);
// In the order of Trap.
constexpr Judge kJudges[] = {
    [](S, bool) { return 0u; },
    [](S s, bool) { return first(unless(s, sctlr(s, kSctlrUct)), to_el2(s, hcr(s, kHcrTid2))); },
    [](S s, bool) { return unless(s, s.sctlr[1] & kSctlrUma); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTid1)); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTid2)); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTid3)); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTacr)); },
    [](S s, bool) { return first(to_el2(s, s.cptr_el2 & kCptrTcpac), to_el3(s, s.cptr_el3 & kCptrTcpac)); },
    [](S s, bool write) { return to_el2(s, hcr(s, write ? kHcrTvm : kHcrTrvm)); },
    [](S s, bool) { return unless(s, kctl(s, kEl0Pcten | kEl0Vcten)); },
    [](S s, bool) { return first(unless(s, kctl(s, kEl0Pcten)), to_el2(s, !(s.cnthctl_el2 & kEl1Pcten))); },
    [](S s, bool) { return unless(s, kctl(s, kEl0Vcten)); },
    [](S s, bool) { return first(unless(s, kctl(s, kEl0Pten)), to_el2(s, !(s.cnthctl_el2 & kEl1Pcen))); },
    [](S s, bool) { return unless(s, kctl(s, kEl0Vten)); },
    [](S s, bool) {
      const bool secure_el1 = s.current_el == 1 && s.model->el3() && !(s.scr_el3 & kScrNs);
      return s.current_el == 3 ? 0 : !secure_el1 ? kUndefined : to_el3(s, !(s.scr_el3 & kScrSt));
    },
    [](S s, bool) {
      const unsigned above = first(to_el2(s, s.mdcr_el2 & kMdcrTda), to_el3(s, s.mdcr_el3 & kMdcrTda));
      return first(unless(s, !bit(s.mdscr_el1, 12)), above);
    },
    [](S s, bool) { return first(to_el2(s, s.mdcr_el2 & kMdcrTdosa), to_el3(s, s.mdcr_el3 & kMdcrTdosa)); },
    [](S s, bool) { return s.interrupt_port && s.interrupt_port->has_registers() ? 0u : kUndefined; },
    [](S s, bool) { return unless(s, sctlr(s, kSctlrUci)); },
    [](S s, bool) { return first(unless(s, sctlr(s, kSctlrUci)), to_el2(s, hcr(s, kHcrTpc))); },
    [](S s, bool) { return first(unless(s, sctlr(s, kSctlrUci)), to_el2(s, hcr(s, kHcrTpu))); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTsw)); },
    [](S s, bool) { return to_el2(s, hcr(s, kHcrTtlb)); },
    [](S s, bool) { return s.model->el2() || s.model->el3() ? kUndefined : 0u; },
    [](S s, bool) { return s.model->el3() ? kUndefined : 0u; },
};
static_assert(std::size(kJudges) == unsigned(Trap::highest_el2) + 1);

}  // namespace

unsigned trap_level(S s, Trap trap, bool write) { return kJudges[unsigned(trap)](s, write); }

unsigned wait_trap_level(S s, bool wfe) {
  const unsigned own = unless(s, s.sctlr[1] & (wfe ? kSctlrNtwe : kSctlrNtwi));
  if (own) return own;
  return first(to_el2(s, hcr(s, wfe ? kHcrTwe : kHcrTwi)), to_el3(s, s.scr_el3 & (wfe ? kScrTwe : kScrTwi)));
}

}  // namespace mimus::aarch64
