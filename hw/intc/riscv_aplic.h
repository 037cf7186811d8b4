// APLIC: the advanced platform-level interrupt controller, with a root domain for M-mode and one child domain for
// S-mode. It delivers to the harts directly or, when built so, as messages to their IMSICs; domaincfg.DM says which.
//
// Specification: The RISC-V Advanced Interrupt Architecture 1.0, chapter 4. Window 0 holds the M-level domain, window 1
// the S-level one (4.5): domaincfg, sourcecfg, *msiaddrcfg, setip, clrip, setie, clrie, setipnum, genmsi, target, and
// from 0x4000 on 32 bytes for each hart (4.8). Registers take aligned 4-byte accesses. Only little-endian (domaincfg.BE
// = 0).
//
// Wiring: inputs 1..95 through set_irq(); direct delivery to outputs 11 (MEI) and 9 (SEI) of each hart's sink; `send`
// takes messages and must not come back here.
#pragma once

#include <array>
#include <functional>
#include <mutex>
#include <span>
#include <vector>

#include "core/device/device.h"
#include "core/device/irq.h"

namespace mimus {

class RiscvAplic final : public Device, public IrqSink {
 public:
  static constexpr unsigned kSources = 96;  // number 0 does not exist
  static constexpr u64 kWindowBytes = 0x8000;
  using Send = std::function<void(GuestPa address, u32 data)>;

  // With `send` everything is delivered as messages, without it directly.
  RiscvAplic(std::span<IrqSink* const> harts, Send send);

  std::string_view name() const override { return "aplic"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;
  bool needs_machine_lock() const override { return false; }
  void set_irq(unsigned source, bool level) override;

 private:
  enum Level : unsigned { kMachineLevel, kSupervisorLevel, kLevels };
  static constexpr unsigned kWords = kSources / 32;
  using Bits = std::array<u32, kWords>;
  // 4.8.1: what one hart sees of a domain with direct delivery.
  struct HartView {
    IrqLine output;
    bool delivery = false, force = false;
    u32 threshold = 0;
    bool raised = false;  // what `output` was last set to
  };
  struct Domain {
    bool on = false;                     // domaincfg.IE
    std::array<u32, kSources> source{};  // sourcecfg
    std::array<u32, kSources> target{};
    Bits pending{}, enabled{};
    u32 generate = 0;  // genmsi
    std::vector<HartView> harts;
  };

  static bool test(const Bits& set, unsigned source) { return bit(set[source / 32], source % 32); }
  static void assign(Bits& set, unsigned source, bool value);
  bool messages() const { return send_ != nullptr; }
  bool active(Level level, unsigned source) const;
  bool rectified(Level level, unsigned source) const;
  void input_changed(Level level, unsigned source, bool before);
  void request(Level level, unsigned source, bool on);
  void set_enabled(Level level, unsigned source, bool on);
  void deliver(Level level, unsigned source);
  void deliver_all(Level level);
  void send(Level level, u32 hart, u32 guest, u32 identity);
  u32 best(const Domain& domain, unsigned hart) const;
  void update(Domain& domain);
  u32 claim(Level level, unsigned hart);

  u32 read_domain(Level level, u64 offset);
  void write_domain(Level level, u64 offset, u32 value);
  u32 read_bits(Level level, u64 offset) const;
  void write_bits(Level level, u64 offset, u32 value);
  void write_number(Level level, u64 offset, u32 value);
  void write_config(Level level, u32 value);
  void write_source(Level level, unsigned source, u32 value);
  void write_target(Level level, unsigned source, u32 value);
  void write_address(Level level, unsigned word, u32 value);
  void generate(Level level, u32 value);
  u32 read_hart(Level level, u64 offset);
  void write_hart(Level level, u64 offset, u32 value);

  std::mutex lock_;  // leaf but for the sinks and `send_`
  Send send_;
  Bits level_{};  // input lines
  std::array<Domain, kLevels> domains_;
  std::array<u32, 4> address_{};  // mmsiaddrcfg, mmsiaddrcfgh, smsiaddrcfg, smsiaddrcfgh
};

}  // namespace mimus
