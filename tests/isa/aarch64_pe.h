// A processing element with RAM, without engine and run loop: for tests of translation tables, system registers and
// exceptions.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/frontend.h"
#include "core/memory/physical.h"
#include "frontends/aarch64/aarch64.h"
#include "frontends/aarch64/state.h"

namespace mimus::test {

class Aarch64Pe : public CpuPort {
 public:
  static constexpr GuestPa kRam = 0x4000'0000;
  static constexpr u64 kRamSize = 8 << 20;

  explicit Aarch64Pe(std::string_view model = "max");

  aarch64::Aarch64State& state() { return *state_; }
  Frontend& frontend() { return *frontend_; }
  void store(GuestPa pa, u64 value);
  u64 load(GuestPa pa) const;
  // By its name; a test failure if there is none, or if it cannot be written.
  u64 read(std::string_view sysreg);
  void write(std::string_view sysreg, u64 value);

  // -- what the port has been asked --
  u64 now = 1000;
  u64 deadlines[4] = {~u64{0}, ~u64{0}, ~u64{0}, ~u64{0}};
  std::vector<TlbFlush> flushes;
  unsigned broadcasts = 0, waits = 0, context_changes = 0, mode_changes = 0;

  // -- CpuPort --
  PhysicalMemory& memory() override { return memory_; }
  u64 timebase() override { return now; }
  void set_timer(unsigned timer, u64 deadline) override { deadlines[timer] = deadline; }
  void flush_tlb(const TlbFlush& flush) override { flushes.push_back(flush); }
  void flush_tlb_everywhere(const TlbFlush& flush) override { ++broadcasts, flushes.push_back(flush); }
  void fence_code() override {}
  void context_changed() override { ++context_changes; }
  void regime_changed() override {}
  void mode_changed() override { ++mode_changes; }
  void interrupts_changed() override {}
  void wait_for_interrupt() override { ++waits; }
  u64 random() override { return 4; }

 private:
  std::unique_ptr<Frontend> frontend_;
  PhysicalMemory memory_;
  std::unique_ptr<CpuState, void (*)(CpuState*)> owner_;
  aarch64::Aarch64State* state_;
};

}  // namespace mimus::test
