// CLINT: software interrupts and the timer of RISC-V harts.
//
// Specification: RISC-V Advanced Core Local Interruptor Specification 1.0-rc4, MTIMER and MSWI devices, laid out as one
// SiFive CLINT (SiFive FU540-C000 Manual v1p4, chapter 9):
//   0x0000 + 4 * hart   MSIP      bit 0: machine software interrupt
//   0x4000 + 8 * hart   MTIMECMP  64 bits
//   0xbff8              MTIME     64 bits, ticks of the timebase
// All registers take naturally aligned accesses of 4 and 8 bytes.
//
// Wiring: outputs 3 (MSI) and 7 (MTI) of each hart's sink; the timebase; one timer of the event queue per hart.
#pragma once

#include <mutex>
#include <span>
#include <vector>

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/irq.h"
#include "core/device/timebase.h"

namespace mimus {

class RiscvClint final : public Device {
 public:
  static constexpr u64 kSize = 0x10000;
  static constexpr unsigned kMaxHarts = 4095;
  static constexpr unsigned kMsi = 3;  // bits of mip
  static constexpr unsigned kMti = 7;

  // harts[i] receives the interrupts of hart i.
  RiscvClint(Timebase& timebase, EventQueue& events, std::span<IrqSink* const> harts);

  std::string_view name() const override { return "clint"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }

 private:
  struct Hart {
    IrqSink* sink;
    EventQueue::TimerId timer;
    bool msip = false;
    u64 mtimecmp = ~u64{0};
  };
  u64 read_register(u64 offset) const;
  void write_register(u64 offset, u64 value, u64 mask);
  void update(Hart& hart);

  Timebase& timebase_;
  EventQueue& events_;
  std::mutex lock_;  // leaf but for the sinks
  std::vector<Hart> harts_;
};

}  // namespace mimus
