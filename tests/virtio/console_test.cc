// virtio-console: output with a slow endpoint, input with few buffers.
#include "hw/virtio/console.h"

#include "tests/virtio/guest_driver.h"

namespace mimus::virtio {
namespace {

struct FakePort : CharEndpoint {
  size_t write(std::span<const u8> data) override {
    const size_t taken = std::min(data.size(), budget);
    budget -= taken;
    output.append(reinterpret_cast<const char*>(data.data()), taken);
    return taken;
  }
  void attach(Handlers given) override { handlers = std::move(given); }
  void resume() override { pump(); }
  void type(std::string text) {
    waiting += text;
    pump();
  }
  void pump() {
    while (!waiting.empty()) {
      const size_t count = std::min(handlers.room(), waiting.size());
      if (count == 0) return;
      const std::string now = waiting.substr(0, count);
      waiting.erase(0, count);
      handlers.on_input({reinterpret_cast<const u8*>(now.data()), count});
    }
  }
  Handlers handlers;
  std::string output, waiting;
  size_t budget = 1000;
};

constexpr GuestPa kText = kRam + 0x40000;

struct ConsoleTest : ::testing::Test {
  Board board;
  FakePort port;
  Mmio mmio{
      "virtio3", {&board.irq, 1}, std::make_unique<Console>("console", port, Console::Size{80, 25}, board.wiring())};
  MmioDriver driver{mmio};
  RingDriver rx{board, kRam + 0x10000, 16}, tx{board, kRam + 0x18000, 16};

  void start(u64 features = 0) {
    driver.negotiate(kFeatureVersion1 | features);
    driver.set_queue(0, rx);
    driver.set_queue(1, tx);
    driver.start();
  }
  void print(std::string text) {
    board.memory.write(kText, {reinterpret_cast<const u8*>(text.data()), text.size()});
    tx.add({{kText, 5}, {kText + 5, u32(text.size() - 5)}});
    driver.notify(1);
  }
};

TEST_F(ConsoleTest, Output) {
  start();
  print("hello, world");
  EXPECT_EQ(port.output, "hello, world");
  EXPECT_TRUE(tx.next_used());
}

TEST_F(ConsoleTest, OutputWaitsForASlowEndpoint) {
  start();
  port.budget = 7;
  print("hello, world");
  EXPECT_EQ(port.output, "hello, ");
  EXPECT_FALSE(tx.next_used());
  port.budget = 100;
  port.handlers.on_writable();
  EXPECT_EQ(port.output, "hello, world");
  EXPECT_TRUE(tx.next_used());
}

TEST_F(ConsoleTest, InputWaitsForBuffers) {
  start(kFeatureEventIdx);
  port.type("abcdef");
  EXPECT_EQ(port.waiting, "abcdef");
  rx.add({{kText, 4, true}});
  driver.notify(0);
  EXPECT_EQ(rx.next_used()->length, 4u);
  EXPECT_EQ(board.text(kText, 4), "abcd");
  EXPECT_EQ(board.get<u16>(rx.avail_event()), 1);  // it wants to hear of the next buffer
  rx.add({{kText, 4, true}});
  driver.notify(0);
  EXPECT_EQ(rx.next_used()->length, 2u);
  EXPECT_EQ(board.text(kText, 2), "ef");
}

TEST_F(ConsoleTest, SizeAndEmergencyWrite) {
  EXPECT_EQ(mmio.read(0, 0x100, 4), u64{25 << 16 | 80});
  mmio.write(0, 0x108, 4, '!');
  EXPECT_EQ(port.output, "!");
  start(1);
  static_cast<Console*>(mmio.device())->set_size({100, 30});
  EXPECT_EQ(driver.acknowledge(), 2u);
  EXPECT_EQ(driver.get(0xfc), 1u);
}

TEST_F(ConsoleTest, StateRoundTripInTheMiddleOfALine) {
  start();
  port.budget = 7;
  print("hello, world");
  const auto saved = save_state([&](StateVisitor& v) { mmio.visit_state(v); });
  Board board2;
  copy_ram(board, board2);
  FakePort port2;
  Mmio mmio2("virtio3", {&board2.irq, 1},
             std::make_unique<Console>("console", port2, Console::Size{80, 25}, board2.wiring()));
  ASSERT_TRUE(load_state(saved, [&](StateVisitor& v) { mmio2.visit_state(v); }));
  mmio2.after_load();
  EXPECT_EQ(port2.output, "world");
  EXPECT_EQ(board2.get<u16>(tx.used() + 2), 1);
}

}  // namespace
}  // namespace mimus::virtio
