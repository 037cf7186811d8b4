// Exceptions: vectors, syndromes, routing to EL1, EL2 and EL3, returns, interrupts; saved state.
#include "frontends/aarch64/exception.h"

#include <gtest/gtest.h>

#include "core/state/visitor.h"
#include "frontends/aarch64/debug.h"
#include "frontends/aarch64/traps.h"
#include "tests/isa/aarch64_pe.h"

namespace mimus::test {
namespace {

using namespace aarch64;

constexpr GuestPc kPc = 0x4000'1000;
constexpr u64 kVbar[] = {0, 0x1'0000, 0x2'0000, 0x3'0000};

// A PE with all levels, Non-secure, at `el`.
struct Levels : Aarch64Pe {
  explicit Levels(u64 el, u64 select = 1, std::string_view model = "max,+el2,+el3") : Aarch64Pe(model) {
    for (unsigned level = 1; level < kLevels; ++level) state().vbar[level] = kVbar[level];
    state().scr_el3 = kScrNs | kScrRw | kScrHce;
    state().hcr_el2 = kHcrRw;
    set_level(state(), el, el == 0 ? 0 : select);
    state().pc = kPc;
    state().daif = 0;
  }
  void raise(u32 cause, u64 far = 0) { frontend().raise(state(), {cause, far}); }
};

struct Entry {
  u64 el, select;
  u32 cause;
  u64 hcr, scr;  // bits to set
  u64 pc;        // expected
  u32 esr;
  u64 elr;
};
TEST(Exceptions, WhereTheyGo) {
  const u32 svc = syndrome(kEcSvc, 7), data = syndrome(kEcDataAbortLower, 0x47), insn = syndrome(kEcInsnAbortLower, 7),
            undefined = syndrome(kEcUnknown);
  const Entry kRows[] = {
      {0, 0, svc, 0, 0, 0x1'0400, 0x5600'0007, kPc + 4},
      {0, 0, svc, kHcrTge, 0, 0x2'0400, 0x5600'0007, kPc + 4},
      {1, 0, undefined, 0, 0, 0x1'0000, 0x0200'0000, kPc},
      {1, 1, undefined, 0, 0, 0x1'0200, 0x0200'0000, kPc},
      {1, 1, undefined, kHcrTge, 0, 0x1'0200, 0x0200'0000, kPc},
      {0, 0, data, 0, 0, 0x1'0400, 0x9200'0047, kPc},
      {1, 1, data, 0, 0, 0x1'0200, 0x9600'0047, kPc},
      {1, 1, insn, 0, 0, 0x1'0200, 0x8600'0007, kPc},
      {2, 1, data, 0, 0, 0x2'0200, 0x9600'0047, kPc},
      {3, 1, data, 0, 0, 0x3'0200, 0x9600'0047, kPc},
      {1, 1, data | kIssStage2, 0, 0, 0x2'0400, 0x9200'0047, kPc},
      {1, 1, syndrome(kEcDataAbortLower, 0x10), 0, kScrEa, 0x3'0400, 0x9200'0010, kPc},
      {1, 1, syndrome(kEcDataAbortLower, 0x10), kHcrTea, 0, 0x2'0400, 0x9200'0010, kPc},
      {1, 1, syndrome(kEcHvc, 3), 0, 0, 0x2'0400, 0x5a00'0003, kPc + 4},
      {2, 1, syndrome(kEcSmc, 3), 0, 0, 0x3'0400, 0x5e00'0003, kPc + 4},
  };
  for (const Entry& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el, row.select);
    Aarch64State& s = pe.state();
    s.hcr_el2 |= row.hcr;
    s.scr_el3 |= row.scr;
    const unsigned level = unsigned(row.pc >> 16);
    pe.raise(row.cause, 0x1234);
    EXPECT_EQ(s.pc, row.pc);
    EXPECT_EQ(s.current_el, level);
    EXPECT_EQ(s.sp_select, 1u);
    EXPECT_EQ(s.daif, kDaif);
    EXPECT_EQ(s.esr[level], row.esr);
    EXPECT_EQ(s.elr[level], row.elr);
    EXPECT_EQ(s.spsr[level], row.el << 2 | row.select);
    EXPECT_EQ(s.far[level], exception_class(row.cause) >= 0x20 ? 0x1234u : 0u);
  }
}

TEST(Exceptions, StateOnEntry) {
  Levels pe(0);
  Aarch64State& s = pe.state();
  s.n = s.c = 1;
  s.pstate_uao = s.pstate_dit = s.pstate_ssbs = 1;
  s.sp = 0x100;  // SP_EL0
  s.sp_el[1] = 0x200;
  pe.write("SCTLR_EL1", 0);  // SPAN clear: PAN is set on entry
  pe.raise(syndrome(kEcSvc));
  EXPECT_EQ(s.spsr[1], u64{1} << 31 | u64{1} << 29 | kPstateDit | kPstateUao | kPstateSsbs);
  EXPECT_EQ(s.pstate_pan, 1u);
  EXPECT_EQ(s.pstate_uao, 0u);
  EXPECT_EQ(s.pstate_ssbs, 0u);
  EXPECT_EQ(s.pstate_dit, 1u);
  EXPECT_EQ(s.sp, 0x200u);
  EXPECT_EQ(s.sp_el[0], 0x100u);
  EXPECT_EQ(exception_return(s), kPc + 4);
  EXPECT_EQ(s.current_el, 0u);
  EXPECT_EQ(s.sp, 0x100u);
  EXPECT_EQ(s.pstate_pan, 0u);
  EXPECT_TRUE(s.n && s.c && !s.z && !s.v);
}

struct Return {
  u64 from, spsr;
  bool legal;
};
TEST(Exceptions, Returns) {
  const Return kRows[] = {
      {1, 0x0, true},  {1, 0x4, true},   {1, 0x5, true},  {1, 0x1, false},  {1, 0x8, false},
      {1, 0x9, false}, {1, 0x10, false}, {2, 0x9, true},  {2, 0x5, true},   {2, 0xd, false},
      {3, 0xd, true},  {3, 0x9, true},   {2, 0x6, false}, {2, 0x1f, false},
  };
  for (const Return& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.from);
    Aarch64State& s = pe.state();
    s.spsr[row.from] = row.spsr | kDaifI;
    s.elr[row.from] = 0x7000;
    EXPECT_EQ(exception_return(s), 0x7000u);
    EXPECT_EQ(s.current_el, row.legal ? row.spsr >> 2 & 3 : row.from);
    EXPECT_EQ(s.pstate_il, row.legal ? 0u : 1u);
    EXPECT_EQ(s.daif, kDaifI);
  }
}

TEST(Exceptions, NoEl2InTheSecureState) {
  Levels pe(3);
  pe.state().scr_el3 &= ~kScrNs;
  pe.state().spsr[3] = 9;
  exception_return(pe.state());
  EXPECT_EQ(pe.state().current_el, 3u);
  EXPECT_EQ(pe.state().pstate_il, 1u);
}

// -- interrupts --

struct Line {
  u64 el, lines, daif, hcr, scr;
  u64 pc;  // expected; 0: not taken
};
TEST(Interrupts, WhereTheyGo) {
  const Line kRows[] = {
      {1, kIrqLine, 0, 0, 0, 0x1'0280},
      {1, kIrqLine, kDaifI, 0, 0, 0},
      {1, kFiqLine, kDaifI, 0, 0, 0x1'0300},
      {1, kFiqLine | kIrqLine, 0, 0, 0, 0x1'0300},
      {0, kIrqLine, 0, 0, 0, 0x1'0480},
      {0, kIrqLine, kDaifI, 0, 0, 0},
      {0, kIrqLine, kDaifI, kHcrImo, 0, 0x2'0480},
      {1, kIrqLine, kDaifI, kHcrImo, 0, 0x2'0480},
      {2, kIrqLine, 0, kHcrImo, 0, 0x2'0280},
      {2, kIrqLine, kDaifI, kHcrImo, 0, 0},
      {2, kIrqLine, 0, 0, 0, 0},  // EL1's
      {3, kIrqLine, 0, kHcrImo, 0, 0},
      {1, kFiqLine, kDaif, 0, kScrFiq, 0x3'0500},
      {3, kFiqLine, 0, 0, kScrFiq, 0x3'0300},
      {3, kFiqLine, kDaifF, 0, kScrFiq, 0},
      {1, 0, 0, kHcrImo | kHcrVi, 0, 0x1'0280},  // virtual
      {1, 0, kDaifI, kHcrImo | kHcrVi, 0, 0},
      {2, 0, 0, kHcrImo | kHcrVi, 0, 0},
      {1, 0, 0, kHcrFmo | kHcrVf, 0, 0x1'0300},
      {1, 0, 0, kHcrVi, 0, 0},
  };
  for (const Line& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el);
    Aarch64State& s = pe.state();
    s.irq_lines = row.lines;
    s.daif = row.daif;
    s.hcr_el2 |= row.hcr;
    s.scr_el3 |= row.scr;
    EXPECT_EQ(pe.frontend().take_interrupt(s), row.pc != 0);
    EXPECT_EQ(s.pc, row.pc ? row.pc : kPc);
    if (row.pc) {
      EXPECT_EQ(s.elr[row.pc >> 16], kPc);
    }
  }
}

TEST(Interrupts, WakeWhateverIsMasked) {
  Levels pe(1);
  pe.state().daif = kDaif;
  EXPECT_FALSE(pe.frontend().wakes(pe.state()));
  pe.state().irq_lines = kIrqLine;
  EXPECT_TRUE(pe.frontend().wakes(pe.state()));
}

// -- traps --

struct Trapped {
  u64 el;
  Trap trap;
  bool write;
  u64 hcr, sctlr, cntkctl;
  unsigned level;
};
TEST(Traps, ToTheLevelThatAsksForThem) {
  const Trapped kRows[] = {
      {0, Trap::ctr, false, 0, 0, 0, 1},
      {0, Trap::ctr, false, 0, kSctlrUct, 0, 0},
      {0, Trap::ctr, false, kHcrTid2, kSctlrUct, 0, 2},
      {0, Trap::ctr, false, kHcrTge, 0, 0, 2},
      {0, Trap::daif, true, 0, 0, 0, 1},
      {0, Trap::daif, true, 0, kSctlrUma, 0, 0},
      {1, Trap::vm, true, kHcrTvm, 0, 0, 2},
      {1, Trap::vm, false, kHcrTvm, 0, 0, 0},
      {1, Trap::vm, false, kHcrTrvm, 0, 0, 2},
      {2, Trap::vm, true, kHcrTvm, 0, 0, 0},
      {1, Trap::id3, false, kHcrTid3, 0, 0, 2},
      {0, Trap::virtual_count, false, 0, 0, 0, 1},
      {0, Trap::virtual_count, false, 0, 0, 2, 0},
      {1, Trap::virtual_count, false, 0, 0, 0, 0},
      {1, Trap::physical_count, false, 0, 0, 0, 2},  // CNTHCTL_EL2.EL1PCTEN is clear
      {0, Trap::frequency, false, 0, 0, 1, 0},
      {0, Trap::cache_coherency, true, 0, kSctlrUci, 0, 0},
      {0, Trap::cache_coherency, true, 0, 0, 0, 1},
      {1, Trap::cache_coherency, true, kHcrTpc, 0, 0, 2},
      {1, Trap::set_way, true, kHcrTsw, 0, 0, 2},
      {1, Trap::tlb, true, kHcrTtlb, 0, 0, 2},
      {1, Trap::gic, false, 0, 0, 0, kUndefined},  // there is none
      {1, Trap::highest_el1, false, 0, 0, 0, kUndefined},
  };
  for (const Trapped& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el);
    pe.state().hcr_el2 |= row.hcr;
    pe.state().sctlr[1] = row.sctlr;
    pe.state().cntkctl_el1 = row.cntkctl;
    pe.state().cnthctl_el2 = 0;
    EXPECT_EQ(trap_level(pe.state(), row.trap, row.write), row.level);
  }
}

TEST(Traps, FloatingPoint) {
  struct Row {
    u64 el, cpacr, cptr2, cptr3;
    unsigned level;
  };
  const Row kRows[] = {{0, 0, 0, 0, 1},       {0, 1, 0, 0, 1},        {0, 2, 0, 0, 1},        {0, 3, 0, 0, 0},
                       {1, 0, 0, 0, 1},       {1, 1, 0, 0, 0},        {1, 2, 0, 0, 1},        {1, 3, kCptrTfp, 0, 2},
                       {2, 0, 0, 0, 0},       {2, 0, kCptrTfp, 0, 2}, {3, 0, kCptrTfp, 0, 0}, {3, 0, 0, kCptrTfp, 3},
                       {1, 3, 0, kCptrTfp, 3}};
  for (const Row& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el);
    pe.state().cpacr_el1 = row.cpacr << kFpenShift;
    pe.state().cptr_el2 = row.cptr2;
    pe.state().cptr_el3 = row.cptr3;
    EXPECT_EQ(fp_trap_target(pe.state()), row.level);
    EXPECT_EQ(current_mode(pe.state()).fp_trapped, row.level != 0);
  }
}

TEST(Traps, SyndromeOfASystemRegister) { EXPECT_EQ(system_iss(0xd53be043), 0x34'f861u) << "mrs x3, cntvct_el0"; }

// -- software step and breakpoints --

struct Step {
  u64 el, mdscr, ss, daif;
  bool locked;
  StepState expected;
};
TEST(SoftwareStep, States) {
  constexpr u64 kKernel = kMdscrSs | kMdscrKde;
  const Step kRows[] = {
      {0, 0, 1, 0, false, StepState::inactive},
      {0, kMdscrSs, 1, 0, false, StepState::active_not_pending},
      {0, kMdscrSs, 0, 0, false, StepState::active_pending},
      {0, kMdscrSs, 0, kDaifD, false, StepState::active_pending},  // D is for the level itself
      {0, kMdscrSs, 0, 0, true, StepState::inactive},              // OS Lock
      {1, kMdscrSs, 1, 0, false, StepState::inactive},
      {1, kKernel, 1, 0, false, StepState::active_not_pending},
      {1, kKernel, 1, kDaifD, false, StepState::inactive},
      {2, kKernel, 1, 0, false, StepState::inactive},
  };
  for (const Step& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el);
    pe.write("OSLAR_EL1", row.locked);
    pe.write("MDSCR_EL1", row.mdscr);
    pe.state().pstate_ss = row.ss;
    pe.state().daif = row.daif;
    EXPECT_EQ(step_state(pe.state()), row.expected);
    EXPECT_EQ(current_mode(pe.state()).step, u64(row.expected));
  }
}

TEST(SoftwareStep, OneInstructionBehindAReturn) {
  Levels pe(1);
  Aarch64State& s = pe.state();
  pe.write("OSLAR_EL1", 0);
  pe.write("MDSCR_EL1", kMdscrSs);
  s.spsr[1] = kPstateSs;
  exception_return(s);
  EXPECT_EQ(step_state(s), StepState::active_not_pending);
  begin_step(s);
  EXPECT_EQ(step_state(s), StepState::active_pending);
  pe.raise(syndrome(kEcInsnAbortLower, 7));  // the next instruction cannot be fetched: the step comes first
  EXPECT_EQ(s.esr[1], 0xca00'0022u);
  EXPECT_EQ(s.spsr[1] & kPstateSs, 0u);
}

TEST(SoftwareStep, WhatFaultsHasNotBeenSteppedOver) {
  for (const u32 cause : {syndrome(kEcDataAbortLower, 7), syndrome(kEcSvc)}) {
    Levels pe(0);
    Aarch64State& s = pe.state();
    pe.write("OSLAR_EL1", 0);
    pe.write("MDSCR_EL1", kMdscrSs);
    s.pstate_ss = 1;
    begin_step(s);
    pe.raise(cause);
    EXPECT_EQ(s.spsr[1] & kPstateSs, exception_class(cause) == kEcSvc ? 0u : kPstateSs);
    EXPECT_EQ(s.pstate_ss, 0u);
  }
}

TEST(Breakpoints, ForTheirLevelAndContext) {
  struct Row {
    u64 el, control, linked;
    bool hit;
  };
  constexpr u64 kAll = 0xf << 5 | 1, kUser = 2 << 1, kKernel = 1 << 1;
  const Row kRows[] = {{0, kAll | kUser, 0, true},
                       {1, kAll | kUser, 0, false},
                       {1, kAll | kKernel, 0, true},
                       {0, kAll | kUser | 1 << 20 | 5 << 16, 42, true},
                       {0, kAll | kUser | 1 << 20 | 5 << 16, 43, false},
                       {0, 0xf << 5 | kUser, 0, false}};
  for (const Row& row : kRows) {
    SCOPED_TRACE(&row - kRows);
    Levels pe(row.el);
    pe.write("OSLAR_EL1", 0);
    pe.write("MDSCR_EL1", kMdscrMde | kMdscrKde);
    pe.write("DBGBVR1_EL1", kPc);
    pe.write("DBGBCR1_EL1", row.control);
    pe.write("CONTEXTIDR_EL1", 42);
    pe.write("DBGBVR5_EL1", row.linked);
    pe.write("DBGBCR5_EL1", 3 << 20 | kAll);
    EXPECT_TRUE(current_mode(pe.state()).breakpoints);
    EXPECT_EQ(breakpoint_hit(pe.state()), row.hit);
    pe.state().pc += 4;
    EXPECT_FALSE(breakpoint_hit(pe.state()));
  }
}

// -- saved state --

TEST(SavedState, InTheMiddleOfAnException) {
  Levels pe(0);
  Aarch64State& s = pe.state();
  s.x[7] = 77;
  s.sp = 0x100;
  s.sp_el[2] = 0x300;
  pe.write("TTBR1_EL1", u64{9} << 48 | 0x5000);
  pe.write("CNTV_CVAL_EL0", 5000);
  pe.write("CNTV_CTL_EL0", 1);
  pe.write("DBGBVR2_EL1", 0x1000);
  pe.raise(syndrome(kEcDataAbortLower, 0x45), 0x9876);
  s.irq_lines = kIrqLine;
  const auto saved = save_state([&](StateVisitor& v) { pe.frontend().visit_state(s, v); });
  Levels other(3);
  const auto loaded = load_state(saved, [&](StateVisitor& v) { other.frontend().visit_state(other.state(), v); });
  ASSERT_TRUE(loaded) << loaded.error().message;
  const auto difference =
      compare_state(saved, [&](StateVisitor& v) { other.frontend().visit_state(other.state(), v); });
  EXPECT_EQ(*difference, "");
  EXPECT_EQ(other.frontend().mode_key(other.state()), pe.frontend().mode_key(s));
  EXPECT_EQ(other.frontend().context(other.state()), pe.frontend().context(s));
  EXPECT_EQ(other.state().regime, s.regime);
  EXPECT_EQ(other.deadlines[kTimerVirtual], 5000u);  // the alarm is set again
  exception_return(other.state());
  EXPECT_EQ(other.state().sp, 0x100u);
}

}  // namespace
}  // namespace mimus::test
