// What every device test needs: a clock that the test moves, an event queue without a thread, and recorders.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"
#include "core/endpoint/char_endpoint.h"
#include "tests/dev/manual_clock.h"

namespace mimus {

// Remembers the level of each input.
struct RecordingSink final : IrqSink {
  u64 levels = 0;
  void set_irq(unsigned input, bool level) override {
    levels = level ? levels | u64{1} << input : levels & ~(u64{1} << input);
  }
  bool level(unsigned input) const { return bit(levels, input); }
};

// A console whose output is a string, whose input is typed by the test, and which can be made full.
struct TestConsole final : CharEndpoint {
  std::string output;
  std::deque<u8> typed;
  size_t accepts = ~size_t{0};  // bytes that write() still takes
  Handlers handlers;

  size_t write(std::span<const u8> data) override {
    size_t taken = std::min(data.size(), accepts);
    output.append(reinterpret_cast<const char*>(data.data()), taken);
    if (accepts != ~size_t{0}) accepts -= taken;
    return taken;
  }
  void attach(Handlers h) override { handlers = std::move(h); }
  void resume() override {}
  void type(std::string_view text) {
    typed.insert(typed.end(), text.begin(), text.end());
    deliver();
  }
  void deliver() {
    for (size_t room = handlers.room(); room && !typed.empty(); room--) {
      u8 byte = typed.front();
      typed.pop_front();
      handlers.on_input({&byte, 1});
    }
  }
};

struct TestBench {
  ManualClock clock;
  std::mutex lock;
  EventQueue events{clock, lock};
  void advance(u64 ns) {
    clock.ns += ns;
    events.run_ready();
  }
};

inline auto visitor_of(Device& device) {
  return [&device](StateVisitor& v) { device.visit_state(v); };
}

// Saves `from` and loads it into `to`.
inline void transplant(Device& from, Device& to) {
  auto data = save_state(visitor_of(from));
  auto result = load_state(data, visitor_of(to));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(compare_state(data, visitor_of(to)).value(), "");
  to.after_load();
}

// Saves `device`, and loads the result into `fresh` with `bytes` in place of the first `name` field: the error.
inline std::string load_with(Device& device, Device& fresh, std::string_view name, u64 value, size_t occurrence = 0) {
  auto data = save_state(visitor_of(device));
  std::string_view text(reinterpret_cast<const char*>(data.data()), data.size());
  size_t at = text.find(name);
  while (occurrence--) at = text.find(name, at + 1);
  EXPECT_NE(at, text.npos);
  const size_t size_at = at + name.size();
  const size_t bytes = data[size_at];
  for (size_t i = 0; i < bytes; i++) data[size_at + 4 + i] = i < 8 ? u8(value >> (8 * i)) : 0;
  auto result = load_state(data, visitor_of(fresh));
  return result ? "" : result.error().message;
}

}  // namespace mimus
