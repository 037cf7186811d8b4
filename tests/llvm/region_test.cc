#include "tests/llvm/fixture.h"

namespace mimus::test {
namespace {

constexpr ir::SlotId r(unsigned i) { return ir::SlotId(kR + i); }
constexpr ir::SlotId m(unsigned i) { return ir::SlotId(kM + i); }

TEST_F(LlvmTest, StraightLineIndirect) {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  I64 x = b.add(b.read(r(0)), b.read(r(7)));
  b.write(r(5), x);
  b.write(m(1), b.mul(b.read(m(0)), b.constant(3)));
  b.end({.kind = Exit::Kind::indirect, .value = x.id});
  auto code = prepare(p.region());
  ASSERT_TRUE(code);
  Machine s;
  for (int i = 0; i < 8; ++i) s.r[i] = 100 + i;
  s.m[0] = 14;
  code->run(s);
  EXPECT_EQ(s.r[5], 207u);
  EXPECT_EQ(s.r[4], 104u);
  EXPECT_EQ(s.r[7], 107u);
  EXPECT_EQ(s.m[1], 42u);
  EXPECT_EQ(s.pc, 207u);
  EXPECT_EQ(s.leave, u32(Leave::dispatch));
}

// sum = 0; do { sum += load(p); p += 8; } while (--n); then on to 0x2000
Program sum_loop() {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.write(m(0), b.constant(0));
  b.end({.kind = Exit::Kind::jump, .target = 0x1004});
  Builder c(p.add(0x1004), toy_layout());
  c.begin_insn(0x1004, 4);
  I64 at = c.read(r(0));
  I64 v = c.load<I64>(at, {});
  c.write(m(0), c.add(c.read(m(0)), v));
  c.begin_insn(0x1008, 4);
  c.write(r(0), c.add(at, c.constant(8)));
  I64 n = c.sub(c.read(r(6)), c.constant(1));
  c.write(r(6), n);
  c.exit_if(c.cmp(ir::Op::ne, n, c.constant(0)), {.kind = Exit::Kind::jump, .target = 0x1004});
  c.end({.kind = Exit::Kind::jump, .target = 0x1800});
  return p;
}

TEST_F(LlvmTest, LoopWithMissesAndEdge) {
  Program p = sum_loop();
  auto code = prepare(p.region(), {.code_id = 77});
  ASSERT_TRUE(code);
  Machine s;
  u64 expected = 0;
  for (u64 i = 0; i < 1024; ++i) s.poke<u64>(kRamBase + 8 * i, i * i), expected += i * i;
  s.r[0] = kRamBase;
  s.r[3] = 33;
  s.r[6] = 1024;
  s.on_slow = [](Machine& m) {
    EXPECT_EQ(m.pc, 0x1004u);
    EXPECT_EQ(m.r[0], kRamBase + 8 * (1024 - m.r[6]));
    EXPECT_EQ(m.r[3], 33u);
    m.map(m.r[0]);
  };
  code->run(s);
  EXPECT_EQ(s.m[0], expected);
  EXPECT_EQ(s.r[0], kRamBase + 8192);
  EXPECT_EQ(s.r[6], 0u);
  EXPECT_EQ(s.log.size(), 2u);
  EXPECT_EQ(s.leave, u32(Leave::edge));
  EXPECT_EQ(s.pc, 0x1800u);
  EXPECT_EQ(s.left_code, 77u);
  ASSERT_LT(s.left_edge, code->edges().size());
  EXPECT_EQ(code->edges()[s.left_edge].block, 1u);
  EXPECT_EQ(code->edges()[s.left_edge].exit, 1u);
}

// Two accesses that share a look into the TLB, on two pages: each is found there without the runtime.
TEST_F(LlvmTest, GroupAcrossPagesStaysOutOfTheRuntime) {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  I64 at = b.read(r(0));
  b.store(at, b.constant(0x1122334455667788), {});
  b.write(m(0), b.load<I64>(b.add(at, b.constant(32)), {}));
  b.write(m(1), b.load<I64>(b.add(at, b.constant(64)), {}));
  b.end({.kind = Exit::Kind::jump, .target = 0x1800});
  auto code = prepare(p.region());
  ASSERT_TRUE(code);
  for (const u64 offset : {u64{0}, u64{kPageSize - 48}, u64{kPageSize - 8}}) {
    Machine s;
    s.map(kRamBase);
    s.map(kRamBase + kPageSize);
    s.r[0] = kRamBase + offset;
    s.poke<u64>(s.r[0] + 32, 32);
    s.poke<u64>(s.r[0] + 64, 64);
    code->run(s);
    EXPECT_EQ(s.peek<u64>(s.r[0]), 0x1122334455667788u);
    EXPECT_EQ(s.m[0], 32u);
    EXPECT_EQ(s.m[1], 64u);
    EXPECT_TRUE(s.log.empty()) << offset << ": " << s.log.front();
  }
  Machine s;  // the second page is missing: one call, for what lies there
  s.map(kRamBase);
  s.r[0] = kRamBase + kPageSize - 48;
  s.on_slow = [](Machine& machine) { machine.map(kRamBase + kPageSize); };
  code->run(s);
  EXPECT_EQ(s.log.size(), 1u);
}

TEST_F(LlvmTest, FaultLeavesWithExactState) {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.write(r(2), b.constant(5));
  b.write(m(2), b.constant(6));
  b.begin_insn(0x1004, 4);
  I64 v = b.load<I64>(b.read(r(0)), {});
  b.write(r(2), v);
  b.write(m(2), v);
  b.end({.kind = Exit::Kind::jump, .target = 0x1008});
  auto code = prepare(p.region());
  ASSERT_TRUE(code);
  Machine s;
  for (unsigned i = 0; i < 8; ++i) s.r[i] = 10 + i;
  s.r[0] = kFaultVa;
  code->run(s);
  EXPECT_EQ(s.pc, kHandler);
  EXPECT_EQ(s.leave, u32(Leave::dispatch));
  EXPECT_EQ(s.r[2], 5u);
  EXPECT_EQ(s.r[7], 17u);
  EXPECT_EQ(s.m[2], 6u);
  EXPECT_EQ(s.log.at(0), "load 3735879680 8 pc 4100");
}

TEST_F(LlvmTest, PollStopsLoop) {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.write(r(0), b.add(b.read(r(0)), b.constant(1)));
  b.write(m(0), b.add(b.read(m(0)), b.constant(2)));
  b.end({.kind = Exit::Kind::jump, .target = 0x1000});
  auto code = prepare(p.region());
  ASSERT_TRUE(code);
  Machine s;
  s.exit_request = 1;
  code->run(s);
  EXPECT_EQ(s.leave, u32(Leave::poll));
  EXPECT_EQ(s.pc, 0x1000u);
  EXPECT_EQ(s.r[0], 1u);
  EXPECT_EQ(s.m[0], 2u);
}

TEST_F(LlvmTest, LinkUnlinkRedirect) {
  Program first, second;
  Builder b(first.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.write(r(7), b.add(b.read(r(7)), b.constant(1)));
  b.end({.kind = Exit::Kind::jump, .target = 0x1010});
  Builder c(second.add(0x1010), toy_layout());
  c.begin_insn(0x1010, 4);
  c.write(r(7), c.mul(c.read(r(7)), c.constant(10)));
  c.end({.kind = Exit::Kind::jump, .target = 0x1020});
  auto one = prepare(first.region(), {.code_id = 1}), two = prepare(second.region(), {.code_id = 2});
  ASSERT_TRUE(one && two);
  const auto run = [&](u64 seven) {
    Machine s;
    s.r[7] = seven;
    one->run(s);
    return std::tuple(s.r[7], s.left_code, s.pc);
  };
  EXPECT_EQ(run(3), std::tuple(4, 1, 0x1010));
  one->link(token, 0, two->host_entry());
  EXPECT_EQ(run(3), std::tuple(40, 2, 0x1020));
  one->unlink(token, 0);
  EXPECT_EQ(run(3), std::tuple(4, 1, 0x1010));
  one->redirect(token, two->host_entry());
  EXPECT_EQ(run(3), std::tuple(30, 2, 0x1020));
  one->redirect(token, 0);
  EXPECT_EQ(run(3), std::tuple(3, 0, 0x1000));
}

TEST_F(LlvmTest, JumpCacheAndReturnStack) {
  Program caller, callee;
  Builder b(caller.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.end({.kind = Exit::Kind::call, .target = 0x5000, .return_pc = 0x1004});  // another page: by the jump cache
  Builder c(callee.add(0x5000), toy_layout());
  c.begin_insn(0x5000, 4);
  c.end({.kind = Exit::Kind::ret, .value = c.read(r(1)).id});
  auto one = prepare(caller.region(), {.code_id = 1}), two = prepare(callee.region(), {.code_id = 2});
  ASSERT_TRUE(one && two);
  Machine s;
  s.r[1] = 0x1004;
  one->run(s);
  EXPECT_EQ(s.pc, 0x5000u);
  EXPECT_EQ(s.leave, u32(Leave::dispatch));
  EXPECT_EQ(s.return_top, sizeof(ReturnEntry));
  EXPECT_EQ(s.return_stack[0].pc, 0x1004u);

  s.jumps[jump_cache_index(0x5000)] = {0x5000, two->host_entry()};
  s.return_top = 0;
  one->run(s);  // call, return, and out by the edge to 0x1004
  EXPECT_EQ(s.pc, 0x1004u);
  EXPECT_EQ(s.leave, u32(Leave::edge));
  EXPECT_EQ(s.left_code, 1u);
  EXPECT_TRUE(one->edges()[s.left_edge].to_return);
  EXPECT_EQ(s.return_top, 0u);

  s.r[1] = 0x1234;  // the prediction fails
  one->run(s);
  EXPECT_EQ(s.pc, 0x1234u);
  EXPECT_EQ(s.leave, u32(Leave::dispatch));
}

TEST_F(LlvmTest, TrapAtTheLastInstruction) {
  Program p;
  Builder b(p.add(0x1000), toy_layout());
  b.begin_insn(0x1000, 4);
  b.write(r(0), b.constant(9));
  b.begin_insn(0x1004, 2);
  b.exit_if(b.cmp(ir::Op::eq, b.read(r(1)), b.constant(0)), {.kind = Exit::Kind::trap, .cause = 3, .tval = 0x99});
  b.end({.kind = Exit::Kind::yield, .target = 0x1006});
  auto code = prepare(p.region());
  ASSERT_TRUE(code);
  Machine s;
  s.on_slow = [](Machine& m) { EXPECT_EQ(m.r[0], 9u); };
  code->run(s);
  EXPECT_EQ(s.pc, kHandler);
  EXPECT_EQ(s.log.at(0), "trap 3 153 pc 4100");
  s.r[1] = 1;
  code->run(s);
  EXPECT_EQ(s.pc, 0x1006u);
  EXPECT_EQ(s.leave, u32(Leave::dispatch));
}

}  // namespace
}  // namespace mimus::test
