// Single RISC-V instructions, one line each: code, registers before, registers after.
#include <gtest/gtest.h>

#include <charconv>

#include "frontends/riscv/table.h"
#include "tests/isa/rig.h"

namespace mimus::test {
namespace {

struct Case {
  const char* code;
  const char* before;  // "a0=1 a1=0x20"
  const char* after;
};
std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.code << " with " << c.before; }

// Calls visit(name, value) for each assignment in `text`.
template <class Visit>
void each_assignment(std::string_view text, Visit visit) {
  while (!text.empty()) {
    std::string_view one = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    size_t equal = one.find('=');
    std::string_view number = one.substr(equal + 1);
    bool negative = number.starts_with('-'), hex = number.find("0x") != number.npos;
    number.remove_prefix((negative ? 1 : 0) + (hex ? 2 : 0));
    u64 value = 0;
    std::from_chars(number.data(), number.data() + number.size(), value, hex ? 16 : 10);
    visit(one.substr(0, equal), negative ? 0 - value : value);
  }
}

u64* register_of(riscv::RiscvState& s, std::string_view name) {
  for (unsigned n = 0; n < 32; ++n) {
    if (riscv::register_name(n) == name) return &s.x[n];
    if (riscv::float_register_name(n) == name) return &s.f[n];
  }
  return nullptr;
}

class Instructions : public testing::TestWithParam<Case> {};
TEST_P(Instructions, Compute) {
  const Case& c = GetParam();
  Rig rig;
  Program program = rig.load(std::string(c.code) + "\nend: addi zero, zero, 0");
  rig.state().mstatus |= riscv::kStatusFs;
  each_assignment(c.before, [&](std::string_view name, u64 value) { *register_of(rig.state(), name) = value; });
  ASSERT_TRUE(rig.run_to(program.labels["end"]));
  each_assignment(c.after, [&](std::string_view name, u64 value) {
    u64 got = name == "fcsr" ? rig.csr("fcsr") : *register_of(rig.state(), name);
    EXPECT_EQ(got, value) << name;
  });
}

INSTANTIATE_TEST_SUITE_P(
    Base, Instructions,
    testing::Values(Case{"addi a0, a1, -1", "a1=0", "a0=-1"}, Case{"addi zero, a1, 1", "a1=4", "zero=0"},
                    Case{"sltiu a0, a1, -1", "a1=5", "a0=1"}, Case{"slti a0, a1, -1", "a1=-2", "a0=1"},
                    Case{"addiw a0, a1, 1", "a1=0x7fffffff", "a0=-0x80000000"},
                    Case{"sraiw a0, a1, 4", "a1=0x80000000", "a0=-0x8000000"},
                    Case{"srlw a0, a1, a2", "a1=0xf0000000 a2=36", "a0=0xf000000"},
                    Case{"sll a0, a1, a2", "a1=3 a2=65", "a0=6"}, Case{"lui a0, 0x80000", "a0=1", "a0=-0x80000000"},
                    Case{"auipc a0, 1", "a0=1", "a0=0x80001000"}, Case{"sub a0, zero, a1", "a1=7", "a0=-7"},
                    Case{"div a0, a1, a2", "a1=-7 a2=2", "a0=-3"}, Case{"div a0, a1, a2", "a1=5 a2=0", "a0=-1"},
                    Case{"rem a0, a1, a2", "a1=0x8000000000000000 a2=-1", "a0=0"},
                    Case{"divuw a0, a1, a2", "a1=0x80000000 a2=1", "a0=-0x80000000"},
                    Case{"mulhsu a0, a1, a2", "a1=-1 a2=-1", "a0=-1"},
                    Case{"czero.eqz a0, a1, a2", "a1=9 a2=0 a0=4", "a0=0"},
                    Case{"czero.nez a0, a1, a2", "a1=9 a2=0 a0=4", "a0=9"}));
INSTANTIATE_TEST_SUITE_P(Bits, Instructions,
                         testing::Values(Case{"sh3add a0, a1, a2", "a1=2 a2=1", "a0=17"},
                                         Case{"add.uw a0, a1, a2", "a1=-1 a2=1", "a0=0x100000000"},
                                         Case{"clmulr a0, a1, a2", "a1=0x8000000000000000 a2=0x8000000000000000",
                                              "a0=0x8000000000000000"},
                                         Case{"bext a0, a1, a2", "a1=8 a2=67", "a0=1"},
                                         Case{"rorw a0, a1, a2", "a1=1 a2=1", "a0=-0x80000000"},
                                         Case{"rev8 a0, a1", "a1=0x0102030405060708", "a0=0x0807060504030201"},
                                         Case{"orc.b a0, a1", "a1=0x0100200000000001", "a0=0xff00ff00000000ff"},
                                         Case{"clzw a0, a1", "a1=0xffffffff00000000", "a0=32"}));
INSTANTIATE_TEST_SUITE_P(
    Compressed, Instructions,
    testing::Values(Case{"c.addi a0, -3", "a0=1", "a0=-2"}, Case{"c.lui a0, 0xfffff", "a0=1", "a0=-0x1000"},
                    Case{"c.addi16sp sp, -512", "sp=1024", "sp=512"},
                    Case{"c.addi4spn a0, sp, 1020", "sp=4", "a0=1024"}, Case{"c.mv a0, a1", "a1=3", "a0=3"},
                    Case{"c.subw a0, a1", "a0=0 a1=1", "a0=-1"},
                    Case{"c.sdsp a0, 8(sp)\nc.ldsp a1, 8(sp)", "a0=77 sp=0x80001000", "a1=77"},
                    Case{"c.swsp a0, 252(sp)\nc.lwsp a1, 252(sp)", "a0=-77 sp=0x80001000", "a1=-77"}));
INSTANTIATE_TEST_SUITE_P(
    Memory, Instructions,
    testing::Values(Case{"sd a0, -1(sp)\nlbu a1, -1(sp)\nlb a2, 0(sp)", "a0=0xfffe sp=0x80001000", "a1=0xfe a2=-1"},
                    Case{"sd a0, 0(sp)\nlwu a1, 0(sp)\nlh a2, 2(sp)", "a0=0x80018002 sp=0x80001ffd",
                         "a1=0x80018002 a2=-0x7fff"},
                    Case{"sw a0, 0(sp)\namoadd.w.aq a1, a2, (sp)\nld a3, 0(sp)", "a0=0x80000000 a2=1 sp=0x80001000",
                         "a1=-0x80000000 a3=0x80000001"},
                    Case{"lr.d a0, (sp)\nsc.d a1, a2, (sp)\nsc.d a3, a2, (sp)\nld a4, 0(sp)", "a2=5 sp=0x80001000",
                         "a0=0 a1=0 a3=1 a4=5"},
                    Case{"sd a0, 24(sp)\ncbo.zero (sp)\nld a1, 24(sp)", "a0=7 a1=1 sp=0x80001000", "a1=0"}));
INSTANTIATE_TEST_SUITE_P(
    CompareAndSwap, Instructions,
    testing::Values(
        Case{"sd a0, 0(sp)\namocas.w a1, a2, (sp)\nld a3, 0(sp)", "a0=-1 a1=-1 a2=5 sp=0x80001000",
             "a1=-1 a3=0xffffffff00000005"},
        Case{"sd a0, 0(sp)\namocas.d.aqrl a1, a2, (sp)\nld a3, 0(sp)", "a0=7 a1=8 a2=5 sp=0x80001000", "a1=7 a3=7"},
        Case{"sd a0, 0(sp)\nsd a1, 8(sp)\namocas.q a2, a4, (sp)\nld t0, 0(sp)\nld t1, 8(sp)",
             "a0=1 a1=2 a2=1 a3=2 a4=3 a5=4 sp=0x80001000", "a2=1 a3=2 t0=3 t1=4"},
        Case{"sd a0, 0(sp)\nsd a1, 8(sp)\namocas.q a2, zero, (sp)\nld t0, 0(sp)\nld t1, 8(sp)",
             "a0=1 a1=2 a2=1 a3=3 sp=0x80001000", "a2=1 a3=2 t0=1 t1=2"},
        Case{"sd a0, 0(sp)\namocas.b a1, a2, (sp)\nld a3, 0(sp)", "a0=0x1180 a1=0x80 a2=5 sp=0x80001000",
             "a1=-0x80 a3=0x1105"},
        Case{"sd a0, 0(sp)\namoadd.b a1, a2, (sp)\nld a3, 0(sp)", "a0=0x11ff a2=1 sp=0x80001000", "a1=-1 a3=0x1100"},
        Case{"sd a0, 0(sp)\namomaxu.h a1, a2, (sp)\nld a3, 0(sp)", "a0=0x18000 a2=0x27fff sp=0x80001000",
             "a1=-0x8000 a3=0x18000"}));
INSTANTIATE_TEST_SUITE_P(
    CompressedBytes, Instructions,
    testing::Values(Case{"c.sb a0, 3(a1)\nc.sh a0, 0(a1)\nlwu a2, 0(a1)", "a0=0x1282 a1=0x80001000", "a2=0x82001282"},
                    Case{"sd a0, 0(a1)\nc.lh a2, 2(a1)\nc.lhu a3, 2(a1)\nc.lbu a4, 3(a1)",
                         "a0=0x82345678 a1=0x80001000", "a2=-0x7dcc a3=0x8234 a4=0x82"},
                    Case{"c.zext.b a0", "a0=0x1ff", "a0=0xff"}, Case{"c.sext.h a0", "a0=0x1ffff", "a0=-1"},
                    Case{"c.zext.w a0", "a0=-1", "a0=0xffffffff"}, Case{"c.not a0", "a0=5", "a0=-6"},
                    Case{"c.mul a0, a1", "a0=6 a1=7", "a0=42"}, Case{"c.mop 5", "a0=1", "a0=1"},
                    Case{"mop.r a0, a1, 31", "a0=5", "a0=0"}, Case{"mop.rr a0, a1, a2, 7", "a0=5", "a0=0"}));
INSTANTIATE_TEST_SUITE_P(
    MoreFloat, Instructions,
    testing::Values(Case{"fli.d fa0, 16\nfli.s fa1, 0\nfli.h fa2, 1", "fa0=0",
                         "fa0=0x3ff0000000000000 fa1=0xffffffffbf800000 fa2=0xffffffffffff0400"},
                    Case{"fli.h fa0, 2\nfli.h fa1, 29\nfli.d fa2, 1\nfli.s fa3, 31", "fa0=0",
                         "fa0=0xffffffffffff0100 fa1=0xffffffffffff7c00 fa2=0x0010000000000000 fa3=0xffffffff7fc00000"},
                    Case{"fminm.d fa0, fa1, fa2", "fa1=0x7ff8000000000000 fa2=0", "fa0=0x7ff8000000000000 fcsr=0"},
                    Case{"fmaxm.d fa0, fa1, fa2", "fa1=0x8000000000000000 fa2=0", "fa0=0 fcsr=0"},
                    Case{"fround.d fa0, fa1, rtz", "fa1=0xbffe666666666666", "fa0=0xbff0000000000000 fcsr=0"},
                    Case{"froundnx.d fa0, fa1, rne", "fa1=0xbffe666666666666", "fa0=0xc000000000000000 fcsr=1"},
                    Case{"fltq.d a0, fa1, fa2", "fa1=0x7ff8000000000000 fa2=0 a0=5", "a0=0 fcsr=0"},
                    Case{"fcvtmod.w.d a0, fa1, rtz", "fa1=0x4200000000200000", "a0=4 fcsr=16"},
                    Case{"fcvtmod.w.d a0, fa1, rtz", "fa1=0xc00a000000000000", "a0=-3 fcsr=1"},
                    Case{"fcvtmod.w.d a0, fa1, rtz", "fa1=0xc1e0000000000000", "a0=-0x80000000 fcsr=0"},
                    Case{"fcvtmod.w.d a0, fa1, rtz", "fa1=0x7ff0000000000000", "a0=0 fcsr=16"},
                    Case{"fadd.h fa0, fa1, fa2", "fa1=0xffffffffffff3c00 fa2=0xffffffffffff0001",
                         "fa0=0xffffffffffff3c00 fcsr=1"}));
INSTANTIATE_TEST_SUITE_P(
    Float, Instructions,
    testing::Values(
        Case{"fadd.d fa0, fa1, fa2", "fa1=0x3ff0000000000000 fa2=0x4000000000000000", "fa0=0x4008000000000000 fcsr=0"},
        Case{"fdiv.d fa0, fa1, fa2", "fa1=0x3ff0000000000000 fa2=0", "fa0=0x7ff0000000000000 fcsr=8"},
        Case{"fadd.s fa0, fa1, fa2", "fa1=0x3f800000 fa2=0xffffffff40000000", "fa0=0xffffffff7fc00000 fcsr=0"},
        Case{"fsub.d fa0, fa1, fa1", "fa1=0x7ff0000000000000", "fa0=0x7ff8000000000000 fcsr=16"},
        Case{"fcvt.w.d a0, fa1, rtz", "fa1=0xc000cccccccccccd", "a0=-2 fcsr=1"},
        Case{"fcvt.w.d a0, fa1, rmm", "fa1=0x4004000000000000", "a0=3 fcsr=1"},
        Case{"fcvt.wu.d a0, fa1", "fa1=0x7ff8000000000000", "a0=-1 fcsr=16"},
        Case{"csrrwi zero, frm, 3\nfadd.d fa0, fa1, fa2", "fa1=0x3ff0000000000000 fa2=1",
             "fa0=0x3ff0000000000001 fcsr=0x61"},
        Case{"csrrwi zero, frm, 4\nfcvt.w.d a0, fa1", "fa1=0x4004000000000000", "a0=3 fcsr=0x81"},
        Case{"csrrwi a0, fcsr, 31\ncsrrci a1, fflags, 1\ncsrrs a2, fcsr, zero", "a0=1", "a0=0 a1=31 a2=30"},
        Case{"flw fa0, 0(sp)\nfmv.x.w a0, fa0", "fa0=0 sp=0x80001000", "fa0=0xffffffff00000000 a0=0"},
        Case{"fmv.x.w a0, fa0", "fa0=0x80000000", "a0=-0x80000000"},
        Case{"fmin.d fa0, fa1, fa2", "fa1=0x8000000000000000 fa2=0", "fa0=0x8000000000000000"},
        Case{"fsgnjx.s fa0, fa1, fa2", "fa1=0xffffffff80000000 fa2=0xffffffffbf800000", "fa0=0xffffffff00000000"}));

TEST(Control, LoopsCallsAndReturns) {
  Rig rig;
  ASSERT_TRUE(rig.run(R"(
      li a0, 0
      li a1, 10
    loop:
      jal ra, double
      addi a1, a1, -1
      bne a1, zero, loop
      j end
    double:
      addi a0, a0, 2
      jalr zero, 0(ra)
    end: addi zero, zero, 0)"));
  EXPECT_EQ(rig.x("a0"), 20u);
}

// A CRC by shifts, where each bit decides about a branch over three instructions, and a clamp.
TEST(Control, ShortForwardBranches) {
  u64 crc = 0xffff, clamped = 0;
  for (u64 data = 0x12345; data; data >>= 1) {
    const bool low = (data ^ crc) & 1;
    crc = (crc >> 1) ^ (low ? 0xa001 : 0);
    clamped += crc > 0x8000 ? 0x8000 : crc;
  }
  for (const EngineRow& engine : engines()) {
    SCOPED_TRACE(std::string(engine.name));
    Rig rig(engine);
    ASSERT_TRUE(rig.run(R"(
        li s0, 0xffff
        li s1, 0xa001
        li a3, 0x12345
        li t3, 0x8000
        li t4, 0
      loop:
        xor a5, a3, s0
        andi a5, a5, 1
        srli s0, s0, 1
        srli a3, a3, 1
        beq a5, zero, even
        xor s0, s0, s1
        slli s0, s0, 48
        srli s0, s0, 48
      even:
        addi t5, s0, 0
        bgeu t3, t5, small
        addi t5, t3, 0
      small:
        add t4, t4, t5
        bne a3, zero, loop
      end: addi zero, zero, 0)"));
    EXPECT_EQ(rig.x("s0"), crc);
    EXPECT_EQ(rig.x("t4"), clamped);
  }
}

TEST(Control, ExitKindsFollowTheLinkRegisters) {
  using Kind = ir::Exit::Kind;
  struct Row {
    const char* code;
    Kind kind;
  };
  for (Row row : {Row{"jal ra, 0x80000010", Kind::call},
                  {"jal t0, 0x80000010", Kind::call},
                  {"jal a0, 0x80000010", Kind::jump},
                  {"jalr zero, 0(ra)", Kind::ret},
                  {"jalr zero, 0(a0)", Kind::indirect},
                  {"jalr ra, 0(a0)", Kind::call_indirect},
                  {"jalr ra, 0(ra)", Kind::call_indirect},
                  {"c.jr t0", Kind::ret},
                  {"auipc t1, 1; jalr ra, 4(t1)", Kind::call},
                  {"auipc t1, 1; jalr zero, 4(t1)", Kind::jump},
                  {"auipc t1, 1; addi t1, t1, 4; jalr zero, 4(t1)", Kind::indirect}}) {
    Rig rig;
    rig.load(row.code);
    ir::Block block = rig.translate(kRamBase);
    EXPECT_EQ(block.exits.back().kind, row.kind) << row.code;
  }
}

TEST(Blocks, EndAtThePageAndAtTheLimit) {
  Rig rig;
  rig.load("addi a0, a0, 1; addi a0, a0, 1; c.nop; addi a0, a0, 1", kRamBase + kPageSize - 12);
  ir::Block block = rig.translate(kRamBase + kPageSize - 12);
  EXPECT_EQ(block.guest_insns, 3u);
  EXPECT_EQ(block.guest_bytes, 10u);
  ir::Block straddling = rig.translate(kRamBase + kPageSize - 2);
  EXPECT_EQ(straddling.guest_insns, 1u);
  EXPECT_EQ(straddling.guest_bytes, 4u);
  EXPECT_EQ(rig.translate(kRamBase + kPageSize - 12, 2).guest_insns, 2u);
}

TEST(Blocks, ContinueAfterForwardBranches) {
  Rig rig;
  Program p = rig.load("beq a0, a1, next; addi a2, a2, 1\nnext: addi a3, a3, 1; bne a0, a1, next; addi a4, a4, 1");
  ir::Block block = rig.translate(kRamBase);
  EXPECT_EQ(block.guest_insns, 4u);
  ASSERT_EQ(block.exits.size(), 3u);
  EXPECT_EQ(block.exits[0].insns, 1u);
  EXPECT_EQ(block.exits[1].insns, 4u);
}

}  // namespace
}  // namespace mimus::test
