// Four harts, one program, real threads: atomics, LR/SC, FENCE.I and SFENCE.VMA storms, while another thread stops the
// world and a third rewrites the page that the code is on.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "accel/dbt/dbt.h"
#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "backends/llvm/engine.h"
#include "core/device/firmware_port.h"
#include "frontends/riscv/riscv.h"
#include "tests/isa/assembler.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus::dbt {
namespace {

enum class Uses : u8 { interp, baseline, tiers };  // tiers: baseline, and at once LLVM for what has run twice

constexpr GuestPa kRam = 0x80000000, kCounters = 0x80002000;
constexpr u32 kHarts = 4, kRounds = 2000;

// Counters: +0 by LR/SC, +64 by AMOADD, +128 harts that are done.
constexpr u32 kProgram[] = {
    0xf1402573,  // csrr a0, mhartid
    0x000402b7,  // li t0, 0x80002000
    0x0012829b,  //
    0x00d29293,  //
    0x7d000313,  // li t1, 2000
    0x00100e93,  // li t4, 1
    0x1002b3af,  // 1: lr.d t2, (t0)
    0x00138393,  // addi t2, t2, 1
    0x1872be2f,  // sc.d t3, t2, (t0)
    0xfe0e1ae3,  // bnez t3, 1b
    0x04028f13,  // addi t5, t0, 64
    0x01df302f,  // amoadd.d zero, t4, (t5)
    0x0000100f,  // fence.i
    0x12000073,  // sfence.vma
    0xfff30313,  // addi t1, t1, -1
    0xfc031ee3,  // bnez t1, 1b
    0x08028f13,  // addi t5, t0, 128
    0x01df302f,  // amoadd.d zero, t4, (t5)
    0x10500073,  // 2: wfi
    0xffdff06f,  // j 2b
};

class RunLoopTest : public testing::TestWithParam<Uses> {
 protected:
  void SetUp() override {
    riscv::CpuModel model;
    model.reset_pc = kRam;
    frontend = make_riscv_frontend(model);
    layout = std::make_unique<RuntimeLayout>(frontend->layout(), frontend->helpers());
    interp = make_interp_engine(*layout);
    ASSERT_TRUE(memory.add_ram("ram", kRam, 64 * kPageSize));
    ASSERT_TRUE(memory.write(kRam, {reinterpret_cast<const u8*>(kProgram), sizeof kProgram}));
    event_thread = std::thread([this] { events.run(); });
  }
  void TearDown() override {
    events.stop();
    event_thread.join();
  }
  std::unique_ptr<Accelerator> make() {
    DbtConfig config{*frontend, memory, events, timebase};
    config.cpus = kHarts;
    config.tiers.fallback = config.tiers.cold = interp.get();
    if (GetParam() != Uses::interp) {
      slab = std::move(*emit::CodeSlab::create(u64{16} << 20));
      host = std::move(*emit::HostRuntime::create(*slab, layout->state));
      baseline = make_baseline_engine(*layout, *slab, *host);
      config.tiers.cold = baseline.get();
      config.code_space_left = [this] { return size_t(slab->capacity() - slab->used()); };
      config.reset_code_memory = [this](const CodeWriteToken& token) { slab->reset(token); };
    }
    if (GetParam() == Uses::tiers) {
      config.tiers.warm_after = 2;
      config.tiers.load_warm = [this](RegionStore*) { return load_llvm(); };
    }
    return make_dbt(std::move(config));
  }
  Expected<Engine*> load_llvm() {
    Error error;
    const LlvmEngineConfig config{*layout, slab.get(), host.get()};
    llvm.reset(mimus_make_llvm_engine(&config, &error));
    if (!llvm) return std::unexpected(error);
    return llvm.get();
  }
  void load(std::string_view source) {
    auto program = test::assemble(source, kRam);
    ASSERT_TRUE(program) << program.error().message;
    ASSERT_TRUE(memory.write(kRam, program->bytes));
  }
  void wait_for(u64 offset, u64 at_least) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(120);  // only a hang gets there
    while (counter(offset) < at_least && std::chrono::steady_clock::now() < give_up) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  u64 counter(u64 offset) {
    u64 value = 0;
    memory.load_entry(kCounters + offset, 8, value);
    return value;
  }

  PhysicalMemory memory;
  HostClock clock;
  Timebase timebase{clock, 10'000'000};
  EventQueue events{clock, memory.machine_lock()};
  std::thread event_thread;
  std::unique_ptr<Frontend> frontend;
  std::unique_ptr<RuntimeLayout> layout;
  std::unique_ptr<emit::CodeSlab> slab;
  std::unique_ptr<emit::HostRuntime> host;
  std::unique_ptr<Engine> interp, baseline, llvm;
};

// Firmware that starts hart 0 alone.
struct OneHart final : FirmwarePort {
  Answer call(u32, u64, u64, u64, u64) override { return {}; }
  bool is_on(u32 cpu) override { return cpu == 0; }
};

TEST_P(RunLoopTest, CpusAreStartedAndStoppedByFirmware) {
  load(R"(csrrs a0, mhartid, zero
          slli a0, a0, 3
          li t0, 0x80002000
          add t0, t0, a0
          li t1, 1
          amoadd.d zero, t1, (t0)
    again: wfi
          j again)");
  OneHart firmware;
  auto dbt = make();
  for (u32 i = 0; i < kHarts; i++) dbt->cpu(i).firmware_port = &firmware;
  ASSERT_TRUE(dbt->start());
  wait_for(0, 1);
  dbt->irq_sink(2).set_irq(7, true);  // wakes nobody
  dbt->cpu_power()->start(2, kRam, 0);
  wait_for(16, 1);
  dbt->pause();
  dbt->cpu(2).port->power_off();
  dbt->resume();
  dbt->cpu_power()->start(2, kRam, 0);
  wait_for(16, 2);
  dbt->stop();
  EXPECT_EQ(counter(0), 1u);
  EXPECT_EQ(counter(8), 0u);
  EXPECT_EQ(counter(16), 2u);
  EXPECT_EQ(counter(24), 0u);
}

TEST_P(RunLoopTest, HartsStormWhileTheWorldStopsAndCodeIsRewritten) {
  auto dbt = make();
  ASSERT_TRUE(dbt->start());
  std::atomic<bool> done{false};
  std::thread stopper([&] {
    while (!done) {
      dbt->pause();
      dbt->resume();
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  std::thread writer([&] {
    while (!done) {
      memory.note_written(*memory.find(kRam), kRam, sizeof kProgram);  // as if the same bytes had come by DMA
      std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
  });
  wait_for(128, kHarts);
  done = true;
  stopper.join();
  writer.join();
  dbt->stop();
  EXPECT_EQ(counter(128), kHarts);
  EXPECT_EQ(counter(0), u64{kHarts} * kRounds);
  EXPECT_EQ(counter(64), u64{kHarts} * kRounds);
}

TEST_P(RunLoopTest, ResetStartsAgainFromMemory) {
  auto dbt = make();
  for (int round = 1; round <= 3; ++round) {
    ASSERT_TRUE(dbt->start());
    wait_for(128, u64(round) * kHarts);
    dbt->stop();
    dbt->pause();
    dbt->reset();
    dbt->resume();
  }
  EXPECT_EQ(counter(0), u64{3} * kHarts * kRounds);
}

// Hart 0 waits for stimecmp = 2^40, days away; then the board's counter is moved there.
TEST_P(RunLoopTest, TimerFollowsTheTimebaseWhenItIsMoved) {
  load(R"(csrrs a0, mhartid, zero
    bne a0, zero, end
    li t1, 0x8000000000000000
    csrrw zero, menvcfg, t1
    li t1, 0x10000000000
    csrrw zero, stimecmp, t1
    li t1, 32
    csrrw zero, mie, t1
    wfi
    csrrs t2, mip, zero
    li t0, 0x80002000
    sd t2, 0(t0)
    end: wfi
    j end)");
  auto dbt = make();
  ASSERT_TRUE(dbt->start());
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(counter(0), 0u);
  timebase.set_ticks(u64{1} << 40);
  wait_for(0, 1);
  dbt->stop();
  EXPECT_EQ(counter(0), 32u) << "mip.STIP";
}

// A locked PMP entry without permissions covers the last half of a doubleword; the rest of memory may be used.
TEST_P(RunLoopTest, PmpJudgesAllBytesOfAnAccess) {
  load(R"(csrrs a0, mhartid, zero
    bne a0, zero, end
    la t1, handler
    csrrw zero, mtvec, t1
    li t0, 0x80002000
    li t1, 0x20000805  # pmpaddr0: the word at 0x80002014
    csrrw zero, pmpaddr0, t1
    li t1, -1
    csrrw zero, pmpaddr1, t1
    li t1, 0x1f90  # NAPOT with all permissions, below it NA4, locked, with none
    csrrw zero, pmpcfg0, t1
    lw a1, 16(t0)
    ld a1, 16(t0)
    sd t0, 64(t0)
    j end
    handler: csrrs t1, mcause, zero
    csrrs t2, mtval, zero
    sd t2, 0(t0)
    sd t1, 64(t0)
    end: wfi
    j end)");
  auto dbt = make();
  ASSERT_TRUE(dbt->start());
  wait_for(64, 1);
  dbt->stop();
  EXPECT_EQ(counter(64), 5u) << "load access fault";
  EXPECT_EQ(counter(0), 0x80002010u);
}

std::string name_of(const testing::TestParamInfo<Uses>& info) {
  static constexpr const char* kNames[] = {"interp", "baseline", "tiers"};
  return kNames[unsigned(info.param)];
}
INSTANTIATE_TEST_SUITE_P(Engines, RunLoopTest, testing::Values(Uses::interp, Uses::baseline, Uses::tiers), name_of);

}  // namespace
}  // namespace mimus::dbt
