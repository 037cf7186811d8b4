#include "hw/char/pl011.h"

#include "tests/dev/fixture.h"

namespace mimus {
namespace {

enum : u64 {
  kDr = 0,
  kRsr = 4,
  kFr = 0x18,
  kLcr = 0x2c,
  kCr = 0x30,
  kIfls = 0x34,
  kImsc = 0x38,
  kRis = 0x3c,
  kIcr = 0x44
};
enum : u32 { kRxfe = 0x10, kTxff = 0x20, kTxfe = 0x80, kRx = 0x10, kTx = 0x20, kRt = 0x40, kOe = 0x400 };
constexpr u64 kTimeoutNs = 1'000'000;  // longer than 32 bits at the fastest rate

struct Bench : TestBench {
  RecordingSink sink;
  TestConsole console;
  Pl011 uart{clock, events, {&sink, 1}, &console};
  Bench() { set(kCr, 0x301); }
  u32 get(u64 reg) { return u32(uart.read(0, reg, 4)); }
  void set(u64 reg, u32 value) { uart.write(0, reg, 4, value); }
  void print(std::string_view text) {
    for (char c : text) set(kDr, u8(c));
  }
  std::string read_all() {
    std::string text;
    while (!(get(kFr) & kRxfe)) {
      text += char(get(kDr));
      console.deliver();
    }
    return text;
  }
  // As a driver with interrupts does.
  void listen(u32 interrupts = kRx | kRt) {
    set(kImsc, interrupts);
    advance(kTimeoutNs);
    console.deliver();
  }
  bool irq() { return sink.level(1); }
};

TEST(Pl011, IdentifiesItself) {
  Bench b;
  const u32 ids[] = {0x11, 0x10, 0x34, 0, 0x0d, 0xf0, 0x05, 0xb1};
  for (unsigned i = 0; i < 8; i++) EXPECT_EQ(b.get(0xfe0 + 4 * i), ids[i]);
}

TEST(Pl011, PrintsAndReadsWithAndWithoutFifos) {
  Bench b;
  for (u32 lcr : {0x60, 0x70}) {
    b.console.output.clear();
    b.set(kLcr, lcr);
    b.print("hello\n");
    EXPECT_EQ(b.console.output, "hello\n");
    EXPECT_EQ(b.get(kFr) & 0xf8, kRxfe | kTxfe);
    b.listen();
    b.console.type("input that is longer than the receive FIFO");
    EXPECT_TRUE(b.irq());
    EXPECT_EQ(b.read_all(), "input that is longer than the receive FIFO");
    EXPECT_FALSE(b.irq());
    b.set(kImsc, 0);
  }
}

TEST(Pl011, PrintsBeforeItIsEnabled) {
  Bench b;
  b.set(kCr, 0);
  b.print("early");
  EXPECT_EQ(b.console.output, "early");
}

TEST(Pl011, InputWaitsForAListener) {
  Bench b;
  b.set(kLcr, 0x70);
  b.console.type("early");
  EXPECT_TRUE(b.get(kFr) & kRxfe);
  b.set(kImsc, kRx);
  b.set(kImsc, 0);
  b.advance(kTimeoutNs);
  b.console.deliver();
  EXPECT_TRUE(b.get(kFr) & kRxfe) << "the driver only probed";
  for (unsigned i = 0; i < 16; i++) b.get(kFr);
  b.console.deliver();
  EXPECT_EQ(b.read_all(), "early");
}

TEST(Pl011, NothingIsReceivedWhileTheReceiverIsOff) {
  Bench b;
  b.set(kCr, 0x101);
  b.listen();
  b.console.type("x");
  EXPECT_TRUE(b.get(kFr) & kRxfe);
  b.set(kCr, 0x301);
  b.console.deliver();
  EXPECT_EQ(b.read_all(), "x");
}

TEST(Pl011, TriggerLevelAndTimeout) {
  Bench b;
  b.set(kLcr, 0x70);
  b.set(kIfls, 1 << 3);  // a quarter: 8
  b.listen();
  b.console.type("1234567");
  EXPECT_FALSE(b.irq());
  b.advance(kTimeoutNs);
  EXPECT_EQ(b.get(kRis) & (kRx | kRt), kRt);
  EXPECT_TRUE(b.irq());
  b.console.type("8");
  EXPECT_EQ(b.get(kRis) & (kRx | kRt), kRx | kRt);
  EXPECT_EQ(b.get(kDr), u32{'1'});
  EXPECT_EQ(b.get(kRis) & (kRx | kRt), kRt) << "below the level; the timeout stays until the FIFO is empty";
  EXPECT_EQ(b.read_all(), "2345678");
  EXPECT_FALSE(b.irq());
}

TEST(Pl011, TransmitInterruptComesWithThePassingOfTheLevel) {
  Bench b;
  b.set(kLcr, 0x70);
  b.set(kImsc, kTx);
  EXPECT_FALSE(b.irq()) << "nothing was ever sent";
  b.print("x");
  EXPECT_TRUE(b.irq());
  b.set(kIcr, kTx);
  EXPECT_FALSE(b.irq());
}

TEST(Pl011, BackPressureKeepsOrderAndLosesNothing) {
  Bench b;
  b.set(kLcr, 0x70);
  b.set(kImsc, kTx);
  b.console.accepts = 3;
  std::string text = "0123456789abcdefghijklmnopqrstuvwxy";  // 3 go through, 32 fill the FIFO
  b.print(text);
  EXPECT_EQ(b.console.output, "012");
  EXPECT_EQ(b.get(kFr) & (kTxff | kTxfe | 8), kTxff | 8);
  EXPECT_FALSE(b.irq());
  b.console.accepts = 20;
  b.console.handlers.on_writable();
  EXPECT_EQ(b.get(kFr) & (kTxff | kTxfe), 0u);
  EXPECT_TRUE(b.irq()) << "12 are left: below half";
  b.console.accepts = ~size_t{0};
  b.console.handlers.on_writable();
  EXPECT_EQ(b.console.output, text);
}

TEST(Pl011, LoopbackOverrunAndModemLines) {
  Bench b;
  b.set(kIcr, 0x7ff);
  b.set(kCr, 0x381 | 0x800);  // RTS only
  EXPECT_EQ(b.get(kFr) & 0x107, 1u);
  EXPECT_EQ(b.get(kRis) & 0xf, 0xcu) << "DSR and DCD fell";
  b.print("ab");
  EXPECT_EQ(b.console.output, "");
  EXPECT_EQ(b.get(kRsr), 8u);
  EXPECT_TRUE(b.get(kRis) & kOe);
  EXPECT_EQ(b.get(kDr), 0x800u | 'a');
  b.set(kRsr, 0);
  EXPECT_EQ(b.get(kRsr), 0u);
}

TEST(Pl011, BadAccesses) {
  Bench b;
  EXPECT_EQ(b.uart.read(0, 0x19, 1), 0u);
  EXPECT_EQ(b.get(0x80), 0u);
  b.set(0x4c, ~0u);
  b.uart.write(0, 0x31, 2, 0);
  EXPECT_EQ(b.get(kCr), 0x301u);
}

TEST(Pl011, StateInMidOperation) {
  Bench a, b;
  a.set(kLcr, 0x70);
  a.listen();
  a.console.type("abc");
  a.console.accepts = 1;
  a.print("xyz");
  transplant(a.uart, b.uart);
  EXPECT_EQ(b.console.output, "yz") << "what waited in the transmitter";
  EXPECT_FALSE(b.irq());
  b.advance(kTimeoutNs);
  EXPECT_TRUE(b.irq()) << "the receive timeout";
  b.console.type("d");
  EXPECT_EQ(b.read_all(), "abcd");
  EXPECT_EQ(load_with(a.uart, b.uart, "count", 33), "saved state: uart.receiver.count: index out of range");
  EXPECT_EQ(load_with(a.uart, b.uart, "lcr_h", 0), "saved state: uart.count: more than fits");
}

}  // namespace
}  // namespace mimus
