#include "hw/char/ns16550a.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

enum : u64 { kData, kIer, kIir, kLcr, kMcr, kLsr, kMsr, kScr };  // registers; FCR is IIR's address
constexpr u64 kTimeoutNs = 1'000'000;                            // longer than four characters at 115200 baud

struct Bench : TestBench {
  RecordingSink sink;
  TestConsole console;
  Ns16550a uart{clock, events, {&sink, 10}, &console};
  u8 get(u64 reg) { return u8(uart.read(0, reg, 1)); }
  void set(u64 reg, u8 value) { uart.write(0, reg, 1, value); }
  void print(std::string_view text) {
    for (char c : text) set(kData, u8(c));
  }
  std::string read_all() {
    std::string text;
    while (get(kLsr) & 1) {
      text += char(get(kData));
      console.deliver();
    }
    return text;
  }
  // As a driver with interrupts does.
  void listen(u8 also = 0) {
    set(kIer, u8(1 | also));
    advance(kTimeoutNs);
    console.deliver();
  }
  // As a driver without interrupts waits for input.
  void poll() {
    for (unsigned i = 0; i < 16; ++i) get(kLsr);
    console.deliver();
  }
  bool irq() { return sink.level(10); }
};

TEST(Uart, PrintsAndReads) {
  Bench b;
  b.print("hello\n");
  EXPECT_EQ(b.console.output, "hello\n");
  EXPECT_EQ(b.get(kLsr), 0x60);
  b.poll();
  b.console.type("input longer than any FIFO");
  EXPECT_EQ(b.get(kLsr), 0x61);
  EXPECT_EQ(b.read_all(), "input longer than any FIFO");
  b.set(kIir, 1);
  b.poll();
  b.console.type("input longer than any FIFO");
  EXPECT_EQ(b.read_all(), "input longer than any FIFO");
}

TEST(Uart, DivisorLatchAndScratch) {
  Bench b;
  b.set(kLcr, 0x83);
  b.set(0, 0x34);
  b.set(1, 0x12);
  EXPECT_EQ(b.get(0), 0x34);
  EXPECT_EQ(b.get(1), 0x12);
  b.set(kLcr, 3);
  EXPECT_EQ(b.get(1), 0);
  EXPECT_EQ(b.console.output, "");
  b.set(kScr, 0xa5);
  EXPECT_EQ(b.get(kScr), 0xa5);
  EXPECT_EQ(b.get(8), 0);
}

TEST(Uart, TransmitterInterrupt) {
  Bench b;
  EXPECT_EQ(b.get(kIir), 1);
  b.set(kIer, 2);
  EXPECT_TRUE(b.irq()) << "enabling it while the transmitter is empty raises it";
  EXPECT_EQ(b.get(kIir), 2);
  EXPECT_FALSE(b.irq()) << "reading IIR withdraws it";
  EXPECT_EQ(b.get(kIir), 1);
  b.set(kData, 'x');
  EXPECT_TRUE(b.irq()) << "empty again";
  b.set(kIer, 0);
  EXPECT_FALSE(b.irq());
  b.get(kIir);
  b.set(kIer, 2);
  EXPECT_TRUE(b.irq()) << "the test that drivers make at start-up";
}

TEST(Uart, BackPressureKeepsOrderAndLosesNothing) {
  Bench b;
  b.set(kIir, 1);
  b.set(kIer, 2);
  b.console.accepts = 3;
  std::string text = "0123456789abcdefghi";
  b.print(text);  // 3 go through, 16 fill the FIFO
  EXPECT_EQ(b.console.output, "012");
  EXPECT_EQ(b.get(kLsr) & 0x60, 0);
  EXPECT_FALSE(b.irq());
  b.console.accepts = 5;
  b.console.handlers.on_writable();
  EXPECT_EQ(b.console.output, "01234567");
  EXPECT_EQ(b.get(kLsr) & 0x60, 0);
  b.console.accepts = ~size_t{0};
  b.console.handlers.on_writable();
  EXPECT_EQ(b.console.output, text);
  EXPECT_EQ(b.get(kLsr) & 0x60, 0x60);
  EXPECT_TRUE(b.irq());
}

TEST(Uart, TriggerLevelAndTimeout) {
  Bench b;
  b.set(kIir, 0x81);  // trigger at 8
  b.listen();
  b.console.type("1234567");
  EXPECT_FALSE(b.irq());
  b.advance(kTimeoutNs);
  EXPECT_EQ(b.get(kIir), 0xcc);
  EXPECT_EQ(b.get(kData), '1');
  EXPECT_FALSE(b.irq()) << "a read ends the timeout";
  b.console.type("89");
  EXPECT_EQ(b.get(kIir), 0xc4);
  b.get(kData);
  EXPECT_FALSE(b.irq()) << "below the trigger";
  b.advance(kTimeoutNs);
  EXPECT_TRUE(b.irq());
  EXPECT_EQ(b.read_all(), "3456789");
  b.advance(kTimeoutNs);
  EXPECT_FALSE(b.irq());
}

TEST(Uart, FifoReset) {
  Bench b;
  b.set(kIir, 1);
  b.poll();
  b.console.type("abc");
  EXPECT_EQ(b.get(kLsr), 0x61);
  b.set(kIir, 3);
  EXPECT_EQ(b.get(kLsr), 0x60);
  b.poll();
  b.console.type("abc");
  b.set(kIir, 0);
  EXPECT_EQ(b.get(kLsr), 0x60) << "switching the FIFOs off clears them";
  EXPECT_EQ(b.get(kIir), 1);
}

TEST(Uart, InputWaitsUntilSomebodyListens) {
  Bench b;
  b.console.type("piped in");
  EXPECT_EQ(b.get(kLsr), 0x60);
  b.print("a message, ");  // reads of LSR for output do not count
  for (unsigned i = 0; i < 40; ++i) {
    EXPECT_EQ(b.get(kLsr), 0x60);
    b.set(kData, '.');
  }
  b.console.deliver();
  b.set(kIir, 7);  // what drivers do at start: clear everything, read everything, then turn the interrupt on
  b.set(kIer, 0x0f);
  b.console.deliver();
  b.set(kIer, 0);
  b.get(kLsr), b.get(kData), b.get(kIir), b.get(kMsr);
  b.listen();
  EXPECT_EQ(b.read_all(), "piped in");
  b.set(kIer, 0);
  b.console.type("for the next driver");
  EXPECT_EQ(b.get(kLsr), 0x60);
  b.poll();
  b.set(kData, 'x');  // an echo does not end it
  EXPECT_EQ(b.read_all(), "for the next driver");
}

TEST(Uart, Loopback) {
  Bench b;
  b.set(kIir, 1);
  b.get(kMsr);
  b.set(kMcr, 0x1a);  // LOOP, OUT2, RTS
  EXPECT_EQ(b.get(kMsr), 0x92);
  EXPECT_EQ(b.get(kMsr), 0x90) << "deltas go when read";
  b.print("abc");
  b.console.type("not now");
  EXPECT_EQ(b.console.output, "");
  EXPECT_EQ(b.read_all(), "abc");
  b.set(kIer, 4);
  b.print("0123456789abcdefX");
  EXPECT_EQ(b.get(kIir), 0xc6) << "overrun";
  EXPECT_EQ(b.get(kLsr) & 2, 2);
  EXPECT_FALSE(b.irq());
  EXPECT_EQ(b.read_all(), "0123456789abcdef");
  b.set(kMcr, 0);
  b.poll();
  EXPECT_EQ(b.read_all(), "not now");
}

TEST(Uart, RingIndicatorTellsOnlyTheTrailingEdge) {
  Bench b;
  b.set(kMcr, 0x14);
  EXPECT_EQ(b.get(kMsr) & 0x44, 0x40);
  b.set(kIer, 8);
  EXPECT_FALSE(b.irq());
  b.set(kMcr, 0x10);
  EXPECT_TRUE(b.irq());
  EXPECT_EQ(b.get(kIir), 0);
  EXPECT_EQ(b.get(kMsr) & 0x44, 0x04);
  EXPECT_FALSE(b.irq());
}

TEST(Uart, StateInMidOperation) {
  Bench a, b;
  a.set(kLcr, 0x1b);
  a.set(kIir, 0xc1);
  a.listen(2);
  a.console.type("in");
  a.console.accepts = 1;
  a.print("out");
  transplant(a.uart, b.uart);
  EXPECT_EQ(b.console.output, "ut") << "what waited goes to the new console";
  EXPECT_EQ(b.get(kIir), 0xc2);
  b.advance(kTimeoutNs);
  EXPECT_EQ(b.get(kIir), 0xcc);
  EXPECT_EQ(b.read_all(), "in");
  EXPECT_EQ(b.get(kLcr), 0x1b);
  EXPECT_EQ(load_with(a.uart, b.uart, "count", 17), "saved state: uart.receiver.count: index out of range");
  EXPECT_EQ(load_with(a.uart, b.uart, "fcr", 0), "saved state: count: more than fits");
  EXPECT_EQ(load_with(a.uart, b.uart, "mcr", 0x20), "saved state: uart.mcr: index out of range");
}

TEST(Uart, WithoutAnEndpoint) {
  TestBench bench;
  Ns16550a uart(bench.clock, bench.events, {}, nullptr);
  for (unsigned i = 0; i < 100; i++) uart.write(0, 0, 1, 'x');
  EXPECT_EQ(uart.read(0, 5, 1), 0x60u);
}

}  // namespace
}  // namespace mimus
