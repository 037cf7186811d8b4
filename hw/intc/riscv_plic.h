// PLIC: the platform-level interrupt controller of RISC-V.
//
// Specification: RISC-V Platform-Level Interrupt Controller Specification 1.0.0. Registers are 32 bits wide and take
// aligned 4-byte accesses:
//   0x000000 + 4 * source           priority, 0 (never) .. 7
//   0x001000 + 4 * (source / 32)    pending bits, read-only
//   0x002000 + 0x80 * context + ..  enable bits
//   0x200000 + 0x1000 * context     priority threshold
//   0x200004 + 0x1000 * context     claim (read) / complete (write)
// Contexts 2h and 2h + 1 are M-mode and S-mode of hart h.
//
// Gateways are level-triggered: a line that is high makes one request, which stays pending until it is claimed, even
// when the line falls before that; the next request is made when the claimed one has been completed.
//
// Wiring: inputs 1..95 through set_irq(); outputs 11 (MEI) and 9 (SEI) of each hart's sink.
#pragma once

#include <array>
#include <mutex>
#include <span>
#include <vector>

#include "core/device/device.h"
#include "core/device/irq.h"

namespace mimus {

class RiscvPlic final : public Device, public IrqSink {
 public:
  static constexpr unsigned kSources = 96;  // number 0 does not exist
  static constexpr u32 kMaxPriority = 7;
  static constexpr unsigned kMei = 11;  // bits of mip
  static constexpr unsigned kSei = 9;

  // harts[i] receives the interrupts of hart i.
  explicit RiscvPlic(std::span<IrqSink* const> harts);

  std::string_view name() const override { return "plic"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }
  void set_irq(unsigned source, bool level) override;

 private:
  static constexpr unsigned kWords = kSources / 32;
  using Bits = std::array<u32, kWords>;
  struct Context {
    IrqLine output;
    Bits enabled{};
    u32 threshold = 0;
    bool raised = false;  // what `output` was last set to
  };

  static bool test(const Bits& set, unsigned source) { return bit(set[source / 32], source % 32); }
  static void assign(Bits& set, unsigned source, bool value);
  unsigned best(const Context& context) const;
  void forward(unsigned source);
  void update(Context& context);
  void update_all();
  u32 claim(Context& context);
  void complete(Context& context, u32 source);
  u32 read_context(u64 offset);
  void write_context(u64 offset, u32 value);

  std::mutex lock_;  // leaf but for the sinks
  std::vector<Context> contexts_;
  std::array<u32, kSources> priority_{};
  Bits level_{};    // input lines
  Bits pending_{};  // requests not claimed yet
  Bits claimed_{};  // requests claimed and not completed yet: the gateway is closed
};

}  // namespace mimus
