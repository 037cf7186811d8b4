// Comparisons between a read of the exception flags and a write that restores them: for all kinds of numbers the result
// is what it was, and so are the flags, although nothing writes them any more.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <bit>

#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "core/passes/pass.h"
#include "tests/ir/machine.h"

namespace mimus::test {
namespace {

constexpr const char* kCompares[] = {"feq", "flt", "fle", "flt_quiet", "fle_quiet", "funordered"};

// As bits of a double; the float is the same kind of number.
struct Number {
  u64 wide;
  u32 narrow;
};
constexpr Number kNumbers[] = {
    {0, 0},                            // 0
    {u64{1} << 63, u32{1} << 31},      // -0
    {0x3ff0000000000000, 0x3f800000},  // 1
    {0xbff0000000000000, 0xbf800000},  // -1
    {0x4000000000000000, 0x40000000},  // 2
    {1, 1},                            // the smallest subnormal
    {0x8000000000000001, 0x80000001},  // its negative
    {0x7ff0000000000000, 0x7f800000},  // infinity
    {0xfff0000000000000, 0xff800000},  // -infinity
    {0x7ff8000000000000, 0x7fc00000},  // quiet NaN
    {0xfff8000000000001, 0xffc00001},  // another, negative
    {0x7ff0000000000001, 0x7f800001},  // signaling NaN
    {0xfff4000000000000, 0xffa00000},  // another, negative
    {0x7fefffffffffffff, 0x7f7fffff},  // the largest number
};

std::string program(const char* compare, bool wide, const char* between, const char* restored) {
  const char* form = wide ? "f64" : "f32";
  return fmt::format(R"(block pc=0x1000 phys=0x1000 mode=0x0 bytes=12 insns=3
  insn 0x1000 +4
  %1 = fp_flags_read.i64
  write r1, %1
  insn 0x1004 +4
  %4 = read.{0} {1}0
  %5 = read.{0} {1}1
  %6 = {2}.i1 %4, %5
  %7 = zext.i64 %6
  write r2, %7
{3}  insn 0x1008 +4
  %9 = read.i64 r1
  %10 = constant.i64 0x1f
  %11 = and.i64 {4}, %10
  fp_flags_write %11
  end jump 0x2000 [insns 3]
)",
                     form, wide ? 'd' : 's', compare, between, restored);
}

ir::Block parsed(const std::string& text) {
  auto block = ir::parse(text, text_context());
  EXPECT_TRUE(block) << block.error().message << "\n" << text;
  return std::move(*block);
}

struct Host {
  std::unique_ptr<emit::CodeSlab> slab = std::move(*emit::CodeSlab::create(u64{4} << 20));
  std::unique_ptr<emit::HostRuntime> thunks = std::move(*emit::HostRuntime::create(*slab, layout()));
};

struct Result {
  u64 compared;
  u32 mxcsr;
  bool operator==(const Result&) const = default;
};

Result run(Engine& engine, const ir::Block& block, Number a, Number b, u32 mxcsr) {
  const ir::Block* const blocks[] = {&block};
  auto code = engine.prepare({{blocks[0]}}, {});
  EXPECT_TRUE(code);
  Machine machine;
  machine.fill(1);
  State& s = machine.state();
  s.f64[0] = a.wide, s.f64[1] = b.wide;
  s.f32[0] = a.narrow, s.f32[1] = b.narrow;
  s.guest_mxcsr = mxcsr;
  machine.run(**code);
  constexpr u32 kDenormal = 2;  // is no flag of the guest
  return {s.r[2], s.guest_mxcsr & ~kDenormal};
}

TEST(SilentCompares, SameResultsAndFlags) {
  const Host host;
  const auto interp = make_interp_engine(runtime_layout());
  const auto baseline = make_baseline_engine(runtime_layout(), *host.slab, *host.thunks);
  for (const char* compare : kCompares) {
    for (const bool wide : {false, true}) {
      const ir::Block before = parsed(program(compare, wide, "", "%9"));
      ir::Block after = before;
      ASSERT_TRUE(passes::silence_compares(after));
      ASSERT_TRUE(ir::verify(after, text_context()));
      EXPECT_EQ(ir::print(after, text_context()).find("fp_flags_write"), std::string::npos);
      for (const Number a : kNumbers) {
        for (const Number b : kNumbers) {
          for (const u32 mxcsr : {0x1f80u, 0x1fa0u, 0x1fbdu}) {
            const Result want = run(*interp, before, a, b, mxcsr);
            EXPECT_EQ(want, run(*interp, after, a, b, mxcsr)) << compare << a.wide << ' ' << b.wide;
            EXPECT_EQ(want, run(*baseline, after, a, b, mxcsr)) << compare << a.wide << ' ' << b.wide;
          }
        }
      }
    }
  }
}

TEST(SilentCompares, NotWhereFlagsCanBeSeenOrOthersAreWritten) {
  constexpr const char* kLoad = "  %8 = load.i64 %1\n";
  constexpr const char* kAdd = "  %8 = fadd.f64 %4, %5\n";
  constexpr const char* kNothing = "  %8 = constant.i64 0x3\n";
  constexpr const char* kOverwritten = "  write r1, %7\n";
  for (const auto& [between, restored] :
       {std::pair{kLoad, "%9"}, {kAdd, "%9"}, {kNothing, "%8"}, {kOverwritten, "%9"}}) {
    ir::Block block = parsed(program("flt", true, between, restored));
    const std::string before = ir::print(block, text_context());
    EXPECT_FALSE(passes::silence_compares(block)) << between;
    EXPECT_EQ(ir::print(block, text_context()), before);
  }
  ir::Block block = parsed(program("flt", true, kNothing, "%9"));
  EXPECT_TRUE(passes::silence_compares(block));
}

}  // namespace
}  // namespace mimus::test
