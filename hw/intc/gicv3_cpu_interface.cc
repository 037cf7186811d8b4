// The system registers of GICv3's CPU interfaces (IHI 0069H, 12.2), and what reading and writing them does.
#include "hw/intc/gicv3_cpu.h"

namespace mimus {
namespace {

// op0:op1:CRn:CRm:op2; op0 is 3 for all of them.
constexpr u16 number(u32 op1, u32 crn, u32 crm, u32 op2) {
  return u16(3 << 14 | op1 << 11 | crn << 7 | crm << 3 | op2);
}

constexpr u64 kIntid = 0xff'ffff;

// ICC_CTLR_EL1: CBPR and EOImode are writable; PRIbits, IDbits (0: 16 bits), A3V.
constexpr u64 kCommonBinaryPoint = 1, kEoiMode = 2;
constexpr u64 kControlFixed = (gic::kPriorityBits - 1) << 8 | 1 << 15;
// ICC_CTLR_EL3 has the bits of each security state; with one of them the non-secure ones count. nDS is 0.
constexpr u64 kCommonBinaryPoint3 = 2, kEoiMode3 = 1 << 4;
// ICC_SRE: system registers are always on, bypass always off; EL2 and EL3 have Enable as well.
constexpr u64 kSre = 7, kSreEnable = 8;

}  // namespace

// The number of the highest-priority pending interrupt if it is of `group`.
u32 Gicv3::highest_pending(const Cpu& cpu, u8 group) const {
  return cpu.best && cpu.best.group == group ? cpu.best.intid : gic::kSpurious;
}

u32 Gicv3::acknowledge(Cpu& cpu, u8 group) {
  const gic::Candidate best = cpu.best;
  if (!cpu.priorities.admits(best) || best.group != group) return gic::kSpurious;
  cpu.priorities.activate(best);
  if (gic::Lpis::is_lpi(best.intid)) {
    cpu.lpis.set_pending(best.intid, false);
  } else {
    bank_of(cpu, best.intid).activate(best.intid);
  }
  update(cpu);
  return best.intid;
}

// Priority drop, and deactivation unless DIR does that. LPIs have no active state.
void Gicv3::end_of_interrupt(Cpu& cpu, u8 group, u32 intid) {
  if (intid >= 1020 && intid <= gic::kSpurious) return;
  if (cpu.priorities.running() == gic::kIdlePriority || cpu.priorities.running_group() != group) return;
  cpu.priorities.drop();
  if (!cpu.split_completion) deactivate(cpu, intid);
  update(cpu);
}

void Gicv3::deactivate(Cpu& cpu, u32 intid) {
  if (intid >= gic::kPrivate + gic::kSpis) return;
  bank_of(cpu, intid).deactivate(intid);
  if (intid < gic::kPrivate) return update(cpu);
  update_target(intid - gic::kPrivate);
}

// ICC_SGInR_EL1: TargetList, Aff1, INTID, Aff2, IRM, RS, Aff3. All CPUs have affinity 0.0.0.n with n < 16.
void Gicv3::generate_sgi(Cpu& from, u8 group, u64 value) {
  const u32 intid = u32(bits(value, 24, 4));
  const bool all_others = bit(value, 40);
  const bool elsewhere = bits(value, 16, 8) || bits(value, 32, 8) || bits(value, 44, 12);
  if (!all_others && elsewhere) return;
  for (auto& cpu : cpus_) {
    const bool chosen = all_others ? cpu.get() != &from : cpu->number < 16 && bit(value, cpu->number);
    if (!chosen || cpu->own.group(intid) != group) continue;
    cpu->own.set_pending(intid, true);
    update(*cpu);
  }
}

// The registers, as functions of a CPU. G is the group.
struct Gicv3::Icc {
  using Read = u64 (*)(Gicv3&, Cpu&);
  using Write = void (*)(Gicv3&, Cpu&, u64 value);
  struct Row {
    u16 number;
    Read read;  // null: write-only
    Write write = nullptr;
  };
  static const Row kRows[];
  static const Row* find(u32 reg) {
    for (const Row* row = kRows; row->number; row++)
      if (row->number == reg) return row;
    return nullptr;
  }

  template <u8 G>
  static u64 iar(Gicv3& gic, Cpu& cpu) {
    return gic.acknowledge(cpu, G);
  }
  template <u8 G>
  static void eoir(Gicv3& gic, Cpu& cpu, u64 value) {
    gic.end_of_interrupt(cpu, G, u32(value & kIntid));
  }
  template <u8 G>
  static u64 hppir(Gicv3& gic, Cpu& cpu) {
    return gic.highest_pending(cpu, G);
  }
  template <u8 G>
  static u64 bpr(Gicv3&, Cpu& cpu) {
    return cpu.priorities.binary_point(G);
  }
  template <u8 G>
  static void set_bpr(Gicv3& gic, Cpu& cpu, u64 value) {
    cpu.priorities.set_binary_point(G, u8(value & 7));
    gic.update(cpu);
  }
  template <u8 G>
  static u64 apr(Gicv3&, Cpu& cpu) {
    return cpu.priorities.active(G);
  }
  template <u8 G>
  static void set_apr(Gicv3& gic, Cpu& cpu, u64 value) {
    cpu.priorities.set_active(G, u32(value));
    gic.update(cpu);
  }
  template <u8 G>
  static u64 igrpen(Gicv3&, Cpu& cpu) {
    return bit(cpu.groups, G);
  }
  template <u8 G>
  static void set_igrpen(Gicv3& gic, Cpu& cpu, u64 value) {
    cpu.groups = gic::Groups((cpu.groups & ~(1 << G)) | (value & 1) << G);
    gic.update(cpu);
  }
  template <u8 G>
  static void sgi(Gicv3& gic, Cpu& cpu, u64 value) {
    gic.generate_sgi(cpu, G, value);
  }
  // ICC_ASGI1R_EL1: to the other security state, which does not exist.
  static void no_sgi(Gicv3&, Cpu&, u64) {}

  static void dir(Gicv3& gic, Cpu& cpu, u64 value) {
    if (cpu.split_completion) gic.deactivate(cpu, u32(value & kIntid));
  }
  static u64 rpr(Gicv3&, Cpu& cpu) { return cpu.priorities.running(); }
  static u64 pmr(Gicv3&, Cpu& cpu) { return cpu.priorities.mask(); }
  static void set_pmr(Gicv3& gic, Cpu& cpu, u64 value) {
    cpu.priorities.set_mask(u8(value));
    gic.update(cpu);
  }
  static u64 ctlr(Gicv3&, Cpu& cpu) {
    return kControlFixed | (cpu.priorities.common_binary_point() ? kCommonBinaryPoint : 0) |
           (cpu.split_completion ? kEoiMode : 0);
  }
  static void set_control(Gicv3& gic, Cpu& cpu, bool common, bool split) {
    cpu.priorities.set_common_binary_point(common);
    cpu.split_completion = split;
    gic.update(cpu);
  }
  static void set_ctlr(Gicv3& gic, Cpu& cpu, u64 value) {
    set_control(gic, cpu, value & kCommonBinaryPoint, value & kEoiMode);
  }
  static u64 ctlr3(Gicv3&, Cpu& cpu) {
    return kControlFixed | (cpu.priorities.common_binary_point() ? kCommonBinaryPoint3 : 0) |
           (cpu.split_completion ? kEoiMode3 : 0);
  }
  static void set_ctlr3(Gicv3& gic, Cpu& cpu, u64 value) {
    set_control(gic, cpu, value & kCommonBinaryPoint3, value & kEoiMode3);
  }
  static u64 sre(Gicv3&, Cpu&) { return kSre; }
  static u64 sre_enable(Gicv3&, Cpu&) { return kSre | kSreEnable; }
};

// Those of every interrupt come first.
constexpr Gicv3::Icc::Row Gicv3::Icc::kRows[] = {
    {number(0, 12, 12, 0), iar<1>},                    // ICC_IAR1_EL1
    {number(0, 12, 12, 1), nullptr, eoir<1>},          // ICC_EOIR1_EL1
    {number(0, 4, 6, 0), pmr, set_pmr},                // ICC_PMR_EL1
    {number(0, 12, 11, 5), nullptr, sgi<1>},           // ICC_SGI1R_EL1
    {number(0, 12, 11, 1), nullptr, dir},              // ICC_DIR_EL1
    {number(0, 12, 11, 3), rpr},                       // ICC_RPR_EL1
    {number(0, 12, 8, 0), iar<0>},                     // ICC_IAR0_EL1
    {number(0, 12, 8, 1), nullptr, eoir<0>},           // ICC_EOIR0_EL1
    {number(0, 12, 8, 2), hppir<0>},                   // ICC_HPPIR0_EL1
    {number(0, 12, 8, 3), bpr<0>, set_bpr<0>},         // ICC_BPR0_EL1
    {number(0, 12, 8, 4), apr<0>, set_apr<0>},         // ICC_AP0R0_EL1
    {number(0, 12, 9, 0), apr<1>, set_apr<1>},         // ICC_AP1R0_EL1
    {number(0, 12, 11, 6), nullptr, no_sgi},           // ICC_ASGI1R_EL1
    {number(0, 12, 11, 7), nullptr, sgi<0>},           // ICC_SGI0R_EL1
    {number(0, 12, 12, 2), hppir<1>},                  // ICC_HPPIR1_EL1
    {number(0, 12, 12, 3), bpr<1>, set_bpr<1>},        // ICC_BPR1_EL1
    {number(0, 12, 12, 4), ctlr, set_ctlr},            // ICC_CTLR_EL1
    {number(0, 12, 12, 5), sre},                       // ICC_SRE_EL1
    {number(0, 12, 12, 6), igrpen<0>, set_igrpen<0>},  // ICC_IGRPEN0_EL1
    {number(0, 12, 12, 7), igrpen<1>, set_igrpen<1>},  // ICC_IGRPEN1_EL1
    {number(4, 12, 9, 5), sre_enable},                 // ICC_SRE_EL2
    {number(6, 12, 12, 4), ctlr3, set_ctlr3},          // ICC_CTLR_EL3
    {number(6, 12, 12, 5), sre_enable},                // ICC_SRE_EL3
    {number(6, 12, 12, 7), igrpen<1>, set_igrpen<1>},  // ICC_IGRPEN1_EL3: EnableGrp1NS
    {0, nullptr},
};

u64 Gicv3::Port::read(u32 reg) {
  const Icc::Row* row = Icc::find(reg);
  if (!row || !row->read) return 0;
  std::scoped_lock guard(gic_.lock_);
  return row->read(gic_, cpu_);
}

void Gicv3::Port::write(u32 reg, u64 value) {
  const Icc::Row* row = Icc::find(reg);
  if (!row || !row->write) return;
  std::scoped_lock guard(gic_.lock_);
  row->write(gic_, cpu_, value);
}

}  // namespace mimus
