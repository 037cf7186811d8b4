// A process on the DBT: exceptions, faults, code that changes, signals, threads. Each case with the interpreter and
// with the compilers.
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "accel/dbt/dbt.h"
#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "backends/llvm/engine.h"
#include "frontends/riscv/riscv.h"
#include "frontends/riscv/state.h"
#include "tests/dbt/process_fixture.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::dbt {
namespace {

constexpr GuestVa kCode = 0x10000, kCode2 = 0x11000, kData = 0x20000, kEnd = 0x30000;
constexpr u32 kUserCall = 8, kIllegal = 2, kStoreMisaligned = 6;
constexpr unsigned zero = 0, t0 = 5, a0 = 10, a1 = 11, a2 = 12, a3 = 13, a4 = 14;

// Encodings (Volume I, chapter 35).
constexpr u32 i_type(u32 opcode, u32 funct3, unsigned rd, unsigned rs1, s32 imm) {
  return opcode | rd << 7 | funct3 << 12 | rs1 << 15 | u32(imm) << 20;
}
constexpr u32 addi(unsigned rd, unsigned rs1, s32 imm) { return i_type(0x13, 0, rd, rs1, imm); }
constexpr u32 add(unsigned rd, unsigned rs1, unsigned rs2) { return 0x33 | rd << 7 | rs1 << 15 | rs2 << 20; }
constexpr u32 ld(unsigned rd, unsigned rs1, s32 imm) { return i_type(0x03, 3, rd, rs1, imm); }
constexpr u32 jalr(unsigned rd, unsigned rs1) { return i_type(0x67, 0, rd, rs1, 0); }
constexpr u32 store(u32 funct3, unsigned rs2, unsigned rs1, s32 imm) {
  return 0x23 | (u32(imm) & 31) << 7 | funct3 << 12 | rs1 << 15 | rs2 << 20 | (u32(imm) >> 5) << 25;
}
constexpr u32 sd(unsigned rs2, unsigned rs1, s32 imm) { return store(3, rs2, rs1, imm); }
constexpr u32 sw(unsigned rs2, unsigned rs1, s32 imm) { return store(2, rs2, rs1, imm); }
constexpr u32 amoadd_d(unsigned rd, unsigned rs2, unsigned rs1) {
  return 0x2f | rd << 7 | 3 << 12 | rs1 << 15 | rs2 << 20;
}
constexpr u32 lr_d(unsigned rd, unsigned rs1) { return amoadd_d(rd, 0, rs1) | 2u << 27; }
constexpr u32 sc_d(unsigned rd, unsigned rs2, unsigned rs1) { return amoadd_d(rd, rs2, rs1) | 3u << 27; }
constexpr u32 bne(unsigned rs1, unsigned rs2, s32 offset) {
  const u32 o = u32(offset);
  return 0x63 | (o >> 11 & 1) << 7 | (o >> 1 & 15) << 8 | 1 << 12 | rs1 << 15 | rs2 << 20 | (o >> 5 & 63) << 25 |
         (o >> 12 & 1) << 31;
}
constexpr u32 kLoop = 0x0000006f, kEcall = 0x00000073, kRet = jalr(zero, 1), kFenceI = 0x0000100f;
constexpr u32 rdtime(unsigned rd) { return i_type(0x73, 2, rd, 0, s32(0xc01)); }
constexpr u32 csrr_satp(unsigned rd) { return i_type(0x73, 2, rd, 0, 0x180); }
constexpr u32 kCboZeroA1 = 0x0045a00f, kCboCleanA1 = 0x0015a00f;

enum class Compiles : u8 { nothing, baseline, llvm };
struct Choice {
  const char* name;
  MemoryModel memory;
  Compiles compiler;
};

class UserTest : public testing::TestWithParam<Choice> {
 protected:
  void SetUp() override {
    frontend = make_riscv_frontend({});
    layout = std::make_unique<RuntimeLayout>(frontend->layout(), frontend->helpers(), GetParam().memory);
    interp = make_interp_engine(*layout);
    UserDbtConfig config(*frontend, memory);
    config.tiers.fallback = config.tiers.cold = interp.get();
    config.verify_ir = true;
    if (GetParam().compiler != Compiles::nothing) {
      slab = std::move(*emit::CodeSlab::create(u64{4} << 20, emit::CodeSlab::Kind::process));
      host = std::move(*emit::HostRuntime::create(*slab, layout->state));
      compiler = make_compiler();
      config.tiers.cold = compiler.get();
      config.code_start = slab->exec_start();
      config.code_bytes = slab->capacity();
      config.code_space_left = [this] { return size_t(slab->capacity() - slab->used()); };
      config.reset_code_memory = [this](const CodeWriteToken& token) { slab->reset(token); };
    }
    accelerator = make_user_dbt(std::move(config));
    cpu = make(thread);
  }
  std::unique_ptr<Engine> make_compiler() {
    if (GetParam().compiler == Compiles::baseline) return make_baseline_engine(*layout, *slab, *host);
    const LlvmEngineConfig config{*layout, slab.get(), host.get(), false};
    Error error;
    return std::unique_ptr<Engine>(mimus_make_llvm_engine(&config, &error));
  }
  std::unique_ptr<UserCpu> make(TestThread& for_thread) {
    auto made = accelerator->make_cpu(for_thread);
    for_thread.cpu = made.get();
    made->state().pc = kCode;
    return made;
  }
  void put(GuestVa va, std::initializer_list<u32> code) {
    accelerator->page_written(va);
    std::memcpy(memory.at(va), code.begin(), code.size() * 4);
  }
  u64& x(unsigned n) { return riscv::hart(cpu->state()).x[n]; }
  // Runs until something happens that `go_on` (default: nothing) does not answer with true.
  void run(std::function<bool(const Event&)> go_on = {}) {
    thread.on_event = [&, go_on](const Event& event) {
      if (!go_on || !go_on(event)) cpu->leave();
    };
    FaultScope faults(*cpu);
    cpu->run();
  }

  TestMemory memory{kEnd - TestMemory::kBase, GetParam().memory == MemoryModel::flat_zero};
  std::unique_ptr<Frontend> frontend;
  std::unique_ptr<RuntimeLayout> layout;
  std::unique_ptr<emit::CodeSlab> slab;
  std::unique_ptr<emit::HostRuntime> host;
  std::unique_ptr<Engine> interp, compiler;
  std::unique_ptr<UserAccelerator> accelerator;
  TestThread thread;
  std::unique_ptr<UserCpu> cpu;
};

TEST_P(UserTest, SystemCallIsReportedWhereItStands) {
  put(kCode, {addi(a0, zero, 42), kEcall, addi(a0, a0, 1), kEcall});
  run([&](const Event&) {
    cpu->state().pc += 4;
    return thread.events.size() < 2;
  });
  ASSERT_EQ(thread.events.size(), 2u);
  EXPECT_EQ(thread.events[0].kind, Event::Kind::trap);
  EXPECT_EQ(thread.events[0].number, kUserCall);
  EXPECT_EQ(thread.events[0].pc, kCode + 4);
  EXPECT_EQ(thread.events[1].pc, kCode + 12);
  EXPECT_EQ(x(a0), 43u);
}

TEST_P(UserTest, RunGoesOnAfterLeave) {
  put(kCode, {kEcall, addi(a0, zero, 7), kEcall});
  run();
  cpu->state().pc += 4;
  run();
  EXPECT_EQ(thread.events.back().pc, kCode + 8);
  EXPECT_EQ(x(a0), 7u);
}

TEST_P(UserTest, LoadsAndStoresReachMemory) {
  put(kCode, {ld(a1, a0, 8), sd(a1, a0, 16), sw(a1, a0, 25), amoadd_d(a2, a1, a0), lr_d(t0, a0), addi(t0, t0, 1),
              sc_d(t0, t0, a0), kEcall});
  x(a0) = kData;
  *reinterpret_cast<u64*>(memory.at(kData)) = 5;
  *reinterpret_cast<u64*>(memory.at(kData + 8)) = 0x1122334455667788;
  run();
  EXPECT_EQ(memory.word(kData + 16), 0x1122334455667788u);
  EXPECT_EQ(memory.word(kData + 25), 0x55667788u);
  EXPECT_EQ(x(a2), 5u);
  EXPECT_EQ(x(t0), 0u);
  EXPECT_EQ(memory.word(kData), 0x1122334455667788u + 6);
}

TEST_P(UserTest, UnmappedLoadFaultsWithItsRegistersIntact) {
  put(kCode, {addi(a1, zero, 3), ld(a1, a0, 8), kEcall});
  memory.protect(kData, -1);
  x(a0) = kData;
  run();
  ASSERT_EQ(thread.events.size(), 1u);
  const Event event = thread.events[0];
  EXPECT_EQ(event.kind, Event::Kind::access);
  EXPECT_EQ(event.pc, kCode + 4);
  EXPECT_EQ(event.number, kData + 8);
  EXPECT_EQ(event.access, Access::read);
  EXPECT_EQ(event.detail & 0xff, unsigned(SIGSEGV));
  EXPECT_EQ(x(a1), 3u);
  memory.protect(kData, PROT_READ | PROT_WRITE);  // the handler has mapped it: the load is done again
  run();
  EXPECT_EQ(thread.events[1].number, kUserCall);
  EXPECT_EQ(x(a1), 0u);
}

TEST_P(UserTest, StoreToReadOnlyMemoryFaults) {
  put(kCode, {sd(a0, a0, 0), kEcall});
  memory.protect(kData, PROT_READ);
  x(a0) = kData;
  run();
  EXPECT_EQ(thread.events[0].kind, Event::Kind::access);
  EXPECT_EQ(thread.events[0].access, Access::write);
  EXPECT_EQ(thread.events[0].detail >> 8, u64{SEGV_ACCERR});
}

TEST_P(UserTest, AccessAcrossPagesNamesTheMissingPage) {
  put(kCode, {ld(a1, a0, 0), kEcall});
  memory.protect(kData + kPageSize, -1);
  x(a0) = kData + kPageSize - 3;
  run();
  EXPECT_EQ(thread.events[0].number, kData + kPageSize);
}

TEST_P(UserTest, AddressesBeyondTheLimitFault) {
  for (u64 address : {u64(kEnd), u64{1} << 62, ~u64{0} - 7, u64{0x8000'0000'0000}}) {
    put(kCode, {sd(a1, a0, 0), kEcall});
    cpu->state().pc = kCode;
    x(a0) = address;
    thread.events.clear();
    run();
    ASSERT_EQ(thread.events.size(), 1u);
    EXPECT_EQ(thread.events[0].kind, Event::Kind::access) << std::hex << address;
    EXPECT_EQ(thread.events[0].number, address);
    EXPECT_EQ(thread.events[0].detail, u64(SIGSEGV) | u64(SEGV_MAPERR) << 8);
  }
}

TEST_P(UserTest, MisalignedAtomicsTrap) {
  put(kCode, {amoadd_d(a1, a1, a0), kEcall});
  x(a0) = kData + 4;
  run();
  EXPECT_EQ(thread.events[0].kind, Event::Kind::trap);
  EXPECT_EQ(thread.events[0].number, kStoreMisaligned);
  EXPECT_EQ(thread.events[0].detail, kData + 4);
}

TEST_P(UserTest, JumpToWhereNothingMayRunFaults) {
  memory.protect(kData, PROT_READ | PROT_WRITE);
  memory.protect(kData + kPageSize, -1);
  for (GuestVa target : {kData, kData + kPageSize, kEnd + 0x1000}) {
    put(kCode, {jalr(1, a0)});
    cpu->state().pc = kCode;
    x(a0) = target;
    thread.events.clear();
    run();
    ASSERT_EQ(thread.events.size(), 1u);
    EXPECT_EQ(thread.events[0].kind, Event::Kind::access);
    EXPECT_EQ(thread.events[0].access, Access::execute);
    EXPECT_EQ(thread.events[0].number, target);
    EXPECT_EQ(thread.events[0].pc, target);
    EXPECT_EQ(thread.events[0].detail >> 8, u64(target == kData ? SEGV_ACCERR : SEGV_MAPERR));
    EXPECT_EQ(x(1), kCode + 4);
  }
}

TEST_P(UserTest, InstructionAcrossAMissingPageFaultsUntilThePageIsThere) {
  const u32 insn = addi(a0, zero, 99);
  std::memcpy(memory.at(kCode2 - 2), &insn, 4);
  put(kCode2 + 2, {kEcall, kEcall});
  std::memcpy(memory.at(kCode2 + 2), &kEcall, 4);
  memory.protect(kCode2, PROT_READ | PROT_WRITE);
  cpu->state().pc = kCode2 - 2;
  run();
  EXPECT_EQ(thread.events[0].kind, Event::Kind::access);
  EXPECT_EQ(thread.events[0].number, kCode2);
  EXPECT_EQ(thread.events[0].pc, kCode2 - 2);
  memory.protect(kCode2, PROT_READ | PROT_EXEC);
  run();
  EXPECT_EQ(thread.events[1].number, kUserCall);
  EXPECT_EQ(x(a0), 99u);
}

TEST_P(UserTest, UserModeSeesCountersAndNoPrivilegedRegisters) {
  put(kCode, {rdtime(a0), kCboZeroA1, kCboCleanA1, csrr_satp(a2)});
  x(a1) = kData;
  *reinterpret_cast<u64*>(memory.at(kData)) = 5;
  run();
  EXPECT_EQ(thread.events[0].kind, Event::Kind::trap);
  EXPECT_EQ(thread.events[0].number, kIllegal);
  EXPECT_EQ(thread.events[0].pc, kCode + 12);
  EXPECT_NE(x(a0), 0u);
  EXPECT_EQ(memory.word(kData), 0u);
}

// The program patches the function it calls, and calls it again.
TEST_P(UserTest, CodeThatIsRewrittenRunsAsItIsNow) {
  put(kCode, {jalr(1, a0), addi(t0, a2, 0), sw(a1, a0, 0), kFenceI, jalr(1, a0), kEcall});
  put(kCode2, {addi(a2, zero, 1), kRet});
  x(a0) = kCode2;
  x(a1) = addi(a2, zero, 2);
  run();
  ASSERT_EQ(thread.events.size(), 1u);
  EXPECT_EQ(thread.events[0].number, kUserCall);
  EXPECT_EQ(x(t0), 1u);
  EXPECT_EQ(x(a2), 2u);
}

u64 counter_of(const std::string& stats, std::string_view name) {
  const size_t at = stats.find(name);
  return at == stats.npos ? ~u64{0} : std::strtoull(stats.c_str() + at + name.size(), nullptr, 10);
}

// As a JIT compiler does: writes a function, fences, calls it, many times.
TEST_P(UserTest, PagesThatAreRewrittenOftenAreCheckedAtFences) {
  put(kCode, {sw(a1, a0, 0), kFenceI, jalr(1, a0), add(t0, t0, a2), add(a1, a1, a4), addi(a3, a3, -1),
              bne(a3, zero, -24), kEcall});
  put(kCode2, {addi(a2, zero, 1), kRet});
  x(a0) = kCode2;
  x(a1) = addi(a2, zero, 1);
  x(a3) = 100;
  x(a4) = 1 << 20;  // to the immediate
  run();
  EXPECT_EQ(thread.events[0].number, kUserCall);
  EXPECT_EQ(x(t0), 100u * 101 / 2);
  EXPECT_LT(counter_of(accelerator->stats(), "code-pages.watched"), 10u);
  EXPECT_EQ(counter_of(accelerator->stats(), "code-pages.checked"), 1u);
}

// Data that lies on the page of the code that writes it.
TEST_P(UserTest, CodeThatWritesToItsOwnPageGetsOn) {
  put(kCode, {ld(a1, a0, 0), addi(a1, a1, 1), sd(a1, a0, 0), addi(a3, a3, -1), bne(a3, zero, -16), kEcall});
  x(a0) = kCode + 0x800;
  x(a3) = 5000;
  run();
  EXPECT_EQ(thread.events[0].number, kUserCall);
  EXPECT_EQ(memory.word(kCode + 0x800), 5000u);
  EXPECT_LT(counter_of(accelerator->stats(), "code-pages.watched"), 10u);
}

TEST_P(UserTest, SystemCallsThatWriteToCodeSaySo) {
  put(kCode, {jalr(1, a0), kEcall, jalr(1, a0), kEcall});
  put(kCode2, {addi(a2, zero, 1), kRet});
  x(a0) = kCode2;
  run();
  EXPECT_EQ(x(a2), 1u);
  EXPECT_TRUE(memory.watched(kCode2));
  EXPECT_TRUE(accelerator->page_written(kCode2));
  EXPECT_FALSE(memory.watched(kCode2));
  EXPECT_FALSE(accelerator->page_written(kCode2));
  put(kCode2, {addi(a2, zero, 2), kRet});
  cpu->state().pc += 4;
  run();
  EXPECT_EQ(x(a2), 2u);
}

TEST_P(UserTest, ForgottenCodeIsNotRun) {
  put(kCode, {jalr(1, a0), kEcall, jalr(1, a0), kEcall});
  put(kCode2, {addi(a2, zero, 1), kRet});
  x(a0) = kCode2;
  run();
  memory.protect(kCode2, PROT_READ | PROT_WRITE);
  accelerator->forget(kCode2, kPageSize);
  EXPECT_FALSE(memory.watched(kCode2));
  cpu->state().pc += 4;
  run();
  EXPECT_EQ(thread.events[1].kind, Event::Kind::access);
  EXPECT_EQ(thread.events[1].number, kCode2);
}

TEST_P(UserTest, KickEndsALoop) {
  put(kCode, {kLoop});
  std::thread kicker([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    cpu->kick();
  });
  run();
  kicker.join();
  EXPECT_EQ(thread.events[0].kind, Event::Kind::poll);
  EXPECT_EQ(thread.events[0].pc, kCode);
}

TEST_P(UserTest, FloatingPointIsOnAndKeepsItsFlags) {
  // fcvt.d.l fa0, a0; fdiv.d fa0, fa0, fa1 (fa1 = 0); csrr a1, fflags
  put(kCode, {0xd2257553, 0x1ab57553, i_type(0x73, 2, a1, 0, 1), kEcall});
  x(a0) = 1;
  run();
  EXPECT_EQ(thread.events[0].number, kUserCall);
  EXPECT_EQ(x(a1), 8u);  // DZ
}

// Threads come, count and go, while their code is dropped again and again.
TEST_P(UserTest, ThreadsRunTheSameCodeWhileItIsForgotten) {
  constexpr u32 kThreads = 4, kRounds = 3000;
  put(kCode, {addi(t0, zero, 1), lr_d(a2, a0), addi(a2, a2, 1), sc_d(a2, a2, a0), bne(a2, zero, -12),
              amoadd_d(zero, t0, a1), addi(a3, a3, -1), bne(a3, zero, -24), kEcall});
  std::atomic<u32> done{0};
  std::vector<std::thread> threads;
  for (u32 i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      TestThread mine;
      auto my_cpu = make(mine);
      mine.on_event = [&](const Event&) { my_cpu->leave(); };
      auto& registers = riscv::hart(my_cpu->state()).x;
      registers[a0] = kData, registers[a1] = kData + 64, registers[a3] = kRounds;
      FaultScope faults(*my_cpu);
      my_cpu->run();
      EXPECT_EQ(mine.events.size(), 1u);
      EXPECT_EQ(mine.events[0].number, kUserCall);
      ++done;
    });
  }
  while (done < kThreads) {
    accelerator->forget(kCode, kPageSize);
    std::this_thread::sleep_for(std::chrono::microseconds(300));
  }
  for (auto& each : threads) each.join();
  EXPECT_EQ(memory.word(kData), u64{kThreads} * kRounds);
  EXPECT_EQ(memory.word(kData + 64), u64{kThreads} * kRounds);
}

TEST_P(UserTest, ForkedChildRunsOn) {
  put(kCode, {addi(a0, a0, 1), kEcall, addi(a0, a0, 2), kEcall});
  int status = -1;
  pid_t child = -1;
  run([&](const Event&) {
    cpu->state().pc += 4;
    if (thread.events.size() == 2) return false;
    accelerator->before_fork();
    child = fork();
    if (child == 0) {
      accelerator->after_fork_in_child(*cpu);
    } else {
      accelerator->after_fork_in_parent();
      waitpid(child, &status, 0);
    }
    return true;
  });
  if (child == 0) _exit(int(x(a0)));
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(x(a0), 3u);
}

INSTANTIATE_TEST_SUITE_P(Engines, UserTest,
                         testing::Values(Choice{"interp", MemoryModel::flat, Compiles::nothing},
                                         Choice{"baseline", MemoryModel::flat, Compiles::baseline},
                                         Choice{"baseline_at_zero", MemoryModel::flat_zero, Compiles::baseline},
                                         Choice{"llvm", MemoryModel::flat, Compiles::llvm},
                                         Choice{"llvm_at_zero", MemoryModel::flat_zero, Compiles::llvm}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mimus::dbt
