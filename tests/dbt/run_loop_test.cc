// Four harts, one program, real threads: atomics, LR/SC, FENCE.I and SFENCE.VMA storms, while another thread stops the
// world and a third rewrites the page that the code is on.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "accel/dbt/dbt.h"
#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "frontends/riscv/riscv.h"

namespace mimus::dbt {
namespace {

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

class RunLoopTest : public testing::TestWithParam<bool> {  // with the baseline engine
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
    if (GetParam()) {
      slab = std::move(*emit::CodeSlab::create(u64{16} << 20));
      host = std::move(*emit::HostRuntime::create(*slab, layout->state));
      baseline = make_baseline_engine(*layout, *slab, *host);
      config.tiers.cold = baseline.get();
      config.code_space_left = [this] { return size_t(slab->capacity() - slab->used()); };
      config.reset_code_memory = [this](const CodeWriteToken& token) { slab->reset(token); };
    }
    return make_dbt(std::move(config));
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
  std::unique_ptr<Engine> interp, baseline;
};

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
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(120);  // only a hang gets there
  while (counter(128) < kHarts && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
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
    while (counter(128) < u64(round) * kHarts) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    dbt->stop();
    dbt->pause();
    dbt->reset();
    dbt->resume();
  }
  EXPECT_EQ(counter(0), u64{3} * kHarts * kRounds);
}

INSTANTIATE_TEST_SUITE_P(Engines, RunLoopTest, testing::Bool(),
                         [](const auto& info) { return info.param ? "baseline" : "interp"; });

}  // namespace
}  // namespace mimus::dbt
