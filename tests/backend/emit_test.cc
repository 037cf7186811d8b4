#include <gtest/gtest.h>

#include <elf.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include "backends/emit/assembler.h"
#include "backends/emit/gdb_jit.h"
#include "backends/emit/perf_map.h"
#include "backends/emit/thunks.h"
#include "core/engine/runtime.h"
#include "tests/backend/toy.h"

namespace mimus::emit {
namespace {

using namespace Xbyak::util;
using test::ToyState;

std::mutex token_mutex;

TEST(CodeSlab, ViewsShareMemory) {
  auto slab = CodeSlab::create(1 << 20);
  ASSERT_TRUE(slab);
  auto piece = (*slab)->allocate(64);
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->exec % 16, 0u);
  piece->write[0] = 0xc3;
  EXPECT_EQ(*reinterpret_cast<const u8*>(piece->exec), 0xc3);
  EXPECT_TRUE((*slab)->contains(piece->exec));
  EXPECT_FALSE((*slab)->contains(u64(piece->write)));
  EXPECT_EQ((*slab)->to_write(piece->exec), piece->write);
  EXPECT_EQ((*slab)->to_exec(piece->write), piece->exec);
}

TEST(CodeSlab, FillsUpAndResets) {
  auto slab = CodeSlab::create(8192);
  ASSERT_TRUE(slab);
  auto kept = (*slab)->allocate(100);
  (*slab)->seal();
  ASSERT_TRUE((*slab)->allocate(8000, 4));
  EXPECT_FALSE((*slab)->allocate(200));
  u32* counter = (*slab)->allocate_counter();
  ASSERT_TRUE(counter);
  *counter = 7;
  std::unique_lock lock(token_mutex);
  (*slab)->reset(CodeWriteToken(lock));
  EXPECT_EQ((*slab)->generation(), 1u);
  auto again = (*slab)->allocate(200);
  ASSERT_TRUE(again);
  EXPECT_GE(again->exec, kept->exec + 100);
  EXPECT_EQ((*slab)->allocate_counter(), counter);
  EXPECT_EQ(*counter, 0u);
}

TEST(CodeSlab, RefusesAbsurdSizes) {
  EXPECT_FALSE(CodeSlab::create(0));
  EXPECT_FALSE(CodeSlab::create(u64{1} << 40));
}

TEST(CodeSlab, AllocatesFromManyThreads) {
  auto slab = CodeSlab::create(1 << 20);
  std::array<std::vector<u64>, 4> got;
  {
    std::vector<std::jthread> threads;
    for (auto& mine : got)
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) mine.push_back((*slab)->allocate(100)->exec);
      });
  }
  std::vector<u64> all;
  for (auto& mine : got) all.insert(all.end(), mine.begin(), mine.end());
  std::ranges::sort(all);
  for (size_t i = 1; i < all.size(); ++i) EXPECT_GE(all[i] - all[i - 1], 100u);
}

class Thunks : public ::testing::Test {
 protected:
  void SetUp() override {
    slab = std::move(*CodeSlab::create(1 << 20));
    auto made = HostRuntime::create(*slab, test::toy_layout());
    ASSERT_TRUE(made) << made.error().message;
    host = std::move(*made);
    for (int i = 0; i < 8; ++i) state.r[i] = 0x1000 + u64(i);
  }
  // Writes a piece of code and runs it.
  void run(const std::function<void(Assembler&)>& write) {
    auto piece = *slab->allocate(4096);
    Assembler a;
    a.open(piece.write, piece.size);
    write(a);
    ASSERT_FALSE(a.failed());
    host->enter(state, piece.exec);
  }
  void expect_pins() {
    for (int i = 0; i < 8; ++i) EXPECT_EQ(state.r[i], 0x1000 + u64(i)) << i;
  }
  std::unique_ptr<CodeSlab> slab;
  std::unique_ptr<HostRuntime> host;
  ToyState state;
  Runtime runtime{};
};

TEST_F(Thunks, EnterAndLeaveKeepPins) {
  run([&](Assembler& a) {
    a.inc(r13);
    a.dec(r11);
    a.mov(eax, 0x42);
    a.jump_to(slab->to_write(host->leave_dispatch()));
  });
  EXPECT_EQ(state.pc, 0x42u);
  EXPECT_EQ(state.leave, u32(Leave::dispatch));
  EXPECT_EQ(state.r[0], 0x1001u);
  EXPECT_EQ(state.r[7], 0x1006u);
}

TEST_F(Thunks, LeaveByEdgeNamesIt) {
  run([&](Assembler& a) {
    a.mov(rax, 0xffffffff80001000);
    a.mov(ecx, 17);
    a.mov(edx, 3);
    a.jump_to(slab->to_write(host->leave_edge()));
  });
  EXPECT_EQ(state.leave, u32(Leave::edge));
  EXPECT_EQ(state.left_code, 17u);
  EXPECT_EQ(state.left_edge, 3u);
  EXPECT_EQ(state.pc, 0xffffffff80001000);
}

TEST_F(Thunks, StackIsEightModuloSixteenAtEntry) {
  run([&](Assembler& a) {
    a.mov(rax, rsp);
    a.jump_to(slab->to_write(host->leave_dispatch()));
  });
  EXPECT_EQ(state.pc % 16, 8u);
}

TEST_F(Thunks, MxcsrBelongsToTheGuestInside) {
  state.guest_mxcsr = 0x1f80 | 3 << 13;  // toward zero
  const u32 before = __builtin_ia32_stmxcsr();
  run([&](Assembler& a) {
    a.stmxcsr(dword[rsp + Frame::kMxcsr]);
    a.mov(eax, dword[rsp + Frame::kMxcsr]);
    a.mov(r13, rax);
    a.or_(eax, 0x20);
    a.mov(dword[rsp + Frame::kMxcsr], eax);
    a.ldmxcsr(dword[rsp + Frame::kMxcsr]);
    a.jump_to(slab->to_write(host->leave_dispatch()));
  });
  EXPECT_EQ(state.r[0], 0x1f80u | 3 << 13);
  EXPECT_EQ(state.guest_mxcsr, 0x1f80u | 3 << 13 | 0x20);
  EXPECT_EQ(__builtin_ia32_stmxcsr(), before);
}

TEST_F(Thunks, SlowLoadPassesItsArgumentsAndKeepsRegisters) {
  runtime.load = [](CpuState* s, u64 va, u32 desc, u64 site) -> u64 {
    auto& toy = *static_cast<ToyState*>(s);
    EXPECT_EQ(toy.r[3], 0x2000u);  // pins are in the state
    EXPECT_EQ(va, 0x1234u);
    EXPECT_EQ(desc, 0x103u);
    toy.scratch[0] = site;
    toy.scratch[1] = reinterpret_cast<u64>(__builtin_frame_address(0)) % 16;
    return 0xdeadbeefcafe;
  };
  state.runtime = &runtime;
  u64 site = 0;
  run([&](Assembler& a) {
    a.mov(rdi, 0x2000);  // r3
    a.mov(eax, 1), a.mov(ecx, 2), a.mov(edx, 3), a.mov(r10d, 4), a.mov(ebx, 5);
    a.cvtsi2sd(xmm7, ebx);
    a.mov(qword[rsp + Frame::kArg0], 0x1234);
    a.mov(dword[rsp + Frame::kDesc], 0x103);
    a.call(slab->to_write(host->slow_path(SlowPath::load, true)));
    site = slab->to_exec(a.getCurr());
    a.add(rax, rcx), a.add(rax, rdx), a.add(rax, r10), a.add(rax, rbx);
    a.cvttsd2si(ecx, xmm7);
    a.add(rax, rcx);
    a.mov(r13, qword[rsp + Frame::kArg0]);
    a.jump_to(slab->to_write(host->leave_dispatch()));
  });
  EXPECT_EQ(state.pc, 20u);
  EXPECT_EQ(state.r[0], 0xdeadbeefcafeu);
  EXPECT_EQ(state.r[3], 0x2000u);
  EXPECT_EQ(state.r[4], 0x1004u);
  EXPECT_EQ(state.scratch[0], site);
}

TEST_F(Thunks, SlowPathThatFaultsLeaves) {
  runtime.store = [](CpuState* s, u64, u64 value, u32, u64) {
    auto& toy = *static_cast<ToyState*>(s);
    toy.r[2] = value;  // as an exception delivery may
    toy.pc = 0x80;
    toy.leave = u32(Leave::dispatch);
  };
  state.runtime = &runtime;
  run([&](Assembler& a) {
    a.mov(qword[rsp + Frame::kArg1], 99);
    a.call(slab->to_write(host->slow_path(SlowPath::store, false)));
    a.ud2();
  });
  EXPECT_EQ(state.pc, 0x80u);
  EXPECT_EQ(state.leave, u32(Leave::dispatch));
  EXPECT_EQ(state.r[2], 99u);
  EXPECT_EQ(state.r[4], 0x1004u);
}

TEST_F(Thunks, HelpersByEffects) {
  static HelperFn function = [](CpuState* s, u64 a, u64 b, u64 c, u64 d) -> u64 {
    static_cast<ToyState*>(s)->r[5] = 77;
    return a + b * 10 + c * 100 + d * 1000;
  };
  for (unsigned effects = 0; effects < 32; ++effects) {
    SetUp();
    run([&](Assembler& a) {
      for (u32 i = 0; i < 4; ++i) a.mov(qword[rsp + Frame::kArg0 + 8 * i], i + 1);
      a.mov(rax, reinterpret_cast<u64>(function));
      a.call(slab->to_write(host->helper(HelperEffects(effects))));
      a.mov(r13, qword[rsp + Frame::kArg0]);
      a.mov(eax, 4);
      a.jump_to(slab->to_write(host->leave_dispatch()));
    });
    EXPECT_EQ(state.r[0], 4321u);
    if (has(HelperEffects(effects), HelperEffects::writes_state)) {
      EXPECT_EQ(state.r[5], 77u);
    }
    state.r[0] = 0x1000, state.r[5] = 0x1005;
    expect_pins();
  }
}

TEST_F(Thunks, HelperThatLeaves) {
  for (unsigned effects = 0; effects < 32; ++effects) {
    if (!has(HelperEffects(effects), HelperEffects::may_leave)) continue;
    SetUp();
    state.guest_mxcsr = 0x1fa0;
    run([&](Assembler& a) {
      HelperFn function = [](CpuState* s, u64, u64, u64, u64) -> u64 {
        static_cast<ToyState*>(s)->r[5] = 77;
        s->pc = 0x55;
        s->leave = u32(Leave::dispatch);
        return 0;
      };
      a.mov(rax, reinterpret_cast<u64>(function));
      a.call(slab->to_write(host->helper(HelperEffects(effects))));
      a.ud2();
    });
    EXPECT_EQ(state.pc, 0x55u);
    EXPECT_EQ(state.r[5], 77u);
    EXPECT_EQ(state.guest_mxcsr, 0x1fa0u);
    EXPECT_EQ(__builtin_ia32_stmxcsr() & 0xffc0, 0x1f80u);
  }
}

TEST_F(Thunks, TrapCallsTheRuntime) {
  runtime.trap = [](CpuState* s, u32 cause, u64 tval) {
    s->scratch[0] = cause;
    s->scratch[1] = tval;
    s->scratch[2] = s->pc;
    s->pc = 0x100;
    s->leave = u32(Leave::dispatch);
  };
  state.runtime = &runtime;
  run([&](Assembler& a) {
    a.mov(eax, 0x44), a.mov(ecx, 2), a.mov(edx, 0x33);
    a.jump_to(slab->to_write(host->leave_trap()));
  });
  EXPECT_EQ(state.scratch[0], 2u);
  EXPECT_EQ(state.scratch[1], 0x33u);
  EXPECT_EQ(state.scratch[2], 0x44u);
  EXPECT_EQ(state.pc, 0x100u);
  expect_pins();
}

TEST_F(Thunks, AssistWorksOnTheGuestMxcsr) {
  state.guest_mxcsr = 0x1f80;
  run([&](Assembler& a) {
    u64 (*f)(CpuState*, u64, u64, u64, u32) = [](CpuState* s, u64 x, u64 y, u64 z, u32 what) -> u64 {
      s->guest_mxcsr |= 1;
      return x + y + z + what;
    };
    for (u32 i = 0; i < 3; ++i) a.mov(qword[rsp + Frame::kArg0 + 8 * i], 10);
    a.mov(dword[rsp + Frame::kExtra], 5);
    a.mov(rcx, 8);
    a.mov(rax, reinterpret_cast<u64>(f));
    a.call(slab->to_write(host->assist()));
    a.mov(r13, qword[rsp + Frame::kArg0]);
    a.mov(rax, rcx);
    a.jump_to(slab->to_write(host->leave_dispatch()));
  });
  EXPECT_EQ(state.r[0], 35u);
  EXPECT_EQ(state.pc, 8u);
  EXPECT_EQ(state.guest_mxcsr & 1, 1u);
}

TEST(Constants, FlagTablesAreInverse) {
  auto slab = std::move(*CodeSlab::create(1 << 20));
  auto host = std::move(*HostRuntime::create(*slab, test::toy_layout()));
  const ConstantTable& t = host->constants();
  for (unsigned f = 0; f < 32; ++f) EXPECT_EQ(t.mxcsr_to_flags[t.flags_to_mxcsr[f]], f);
  EXPECT_EQ(t.mxcsr_to_flags[0x20], 1);   // PE -> NX
  EXPECT_EQ(t.mxcsr_to_flags[0x01], 16);  // IE -> NV
}

TEST(PerfMap, ListsCode) {
  const std::string folder = ::testing::TempDir();
  {
    auto map = PerfMap::create(folder);
    ASSERT_TRUE(map);
    (*map)->code_added(0x1000, 0x20, "baseline 0x80000000");
  }
  std::ifstream file(folder + "/perf-" + std::to_string(getpid()) + ".map");
  std::string line;
  std::getline(file, line);
  EXPECT_EQ(line, "1000 20 baseline 0x80000000");
  EXPECT_FALSE(PerfMap::create("/nonexistent"));
}

TEST(GdbJit, MakesASymbolFile) {
  const std::vector<u8> file = symbol_file(0x7000, 0x40, "block");
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  std::memcpy(sections.data(), &file[header.e_shoff], sections.size() * sizeof(Elf64_Shdr));
  EXPECT_EQ(sections[1].sh_addr, 0x7000u);
  EXPECT_EQ(sections[1].sh_size, 0x40u);
  Elf64_Sym symbol;
  std::memcpy(&symbol, &file[sections[2].sh_offset + sizeof symbol], sizeof symbol);
  EXPECT_EQ(symbol.st_value, 0x7000u);
  EXPECT_STREQ(reinterpret_cast<const char*>(&file[sections[3].sh_offset + symbol.st_name]), "block");
  const char* names = reinterpret_cast<const char*>(&file[sections[header.e_shstrndx].sh_offset]);
  EXPECT_STREQ(names + sections[1].sh_name, ".text");
  EXPECT_STREQ(names + sections[2].sh_name, ".symtab");
  EXPECT_STREQ(names + sections[3].sh_name, ".strtab");
  EXPECT_STREQ(names + sections[4].sh_name, ".shstrtab");
}

TEST(GdbJit, AnnouncesAndTakesBack) {
  GdbJit one;
  {
    GdbJit two;
    one.code_added(0x1000, 16, "a");
    two.code_added(0x2000, 16, "b");
    one.code_added(0x3000, 16, "c");
  }
  one.code_added(0x4000, 16, "d");
}

TEST(Assembler, ReportsAFullWindow) {
  u8 buffer[16];
  Assembler a;
  a.open(buffer, sizeof buffer);
  for (int i = 0; i < 100; ++i) a.add(rax, rcx);
  EXPECT_TRUE(a.failed());
  a.open(buffer, sizeof buffer);
  EXPECT_FALSE(a.failed());
}

TEST(Assembler, KeepsDisplacementsWithinACacheLine) {
  alignas(64) u8 buffer[4096];
  Assembler a;
  for (int lead = 0; lead < 64; ++lead) {
    a.open(buffer, sizeof buffer);
    for (int i = 0; i < lead; ++i) a.nop();
    a.align_displacement(2);
    const Jump j = a.jcc_near(Cond::e);
    EXPECT_LE((j.end - 4) % 64, 60u);
  }
}

TEST(HostFeatures, AreWhatTheCompilerSees) {
  const HostFeatures f = HostFeatures::probe();
  __builtin_cpu_init();
  EXPECT_EQ(f.bmi1, bool(__builtin_cpu_supports("bmi")));
  EXPECT_EQ(f.bmi2, bool(__builtin_cpu_supports("bmi2")));
  EXPECT_EQ(f.lzcnt, bool(__builtin_cpu_supports("lzcnt")));
  EXPECT_EQ(f.popcnt, bool(__builtin_cpu_supports("popcnt")));
  EXPECT_EQ(f.movbe, bool(__builtin_cpu_supports("movbe")));
  EXPECT_EQ(f.pclmul, bool(__builtin_cpu_supports("pclmul")));
  EXPECT_EQ(f.ssse3, bool(__builtin_cpu_supports("ssse3")));
  EXPECT_EQ(f.sse41, bool(__builtin_cpu_supports("sse4.1")));
  EXPECT_EQ(f.sse42, bool(__builtin_cpu_supports("sse4.2")));
  EXPECT_EQ(f.avx, bool(__builtin_cpu_supports("avx")));
  EXPECT_EQ(f.avx2, bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(f.fma, bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(f.f16c, bool(__builtin_cpu_supports("f16c")));
  EXPECT_EQ(f.avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"));
  EXPECT_EQ(f.cx16, bool(__builtin_cpu_supports("cmpxchg16b")));
}

}  // namespace
}  // namespace mimus::emit
