// CpuPort: what a frontend's helpers may ask of the machinery that runs the CPU (accel/dbt, later others).
#pragma once

#include <optional>

#include "core/base/types.h"

namespace mimus {

class PhysicalMemory;

struct TlbFlush {
  std::optional<GuestVa> address;  // one page; none: all
  std::optional<u64> context;      // one address space (Frontend::context); none: all, global mappings included
  bool global_too = false;         // with a context: also the global mappings (Translation::global) of the others
};

class CpuPort {
 public:
  virtual ~CpuPort() = default;
  virtual PhysicalMemory& memory() = 0;  // never called for a CPU that Frontend::reset_user has made
  virtual u64 timebase() = 0;            // ticks of the board's timer (RISC-V mtime, Arm CNTVCT base)
  virtual void set_timer(unsigned timer,
                         u64 deadline_ticks) = 0;     // CPU-local comparator: calls timer_fired on the frontend
  virtual void flush_tlb(const TlbFlush& flush) = 0;  // this CPU only
  // All CPUs. It asks for a look of the run loop (CpuState::exit_request): who leaves generated code for that comes
  // back when all have done it.
  virtual void flush_tlb_everywhere(const TlbFlush& flush) { flush_tlb(flush); }
  virtual void fence_code() = 0;          // code written so far must be seen: leaves generated code
  virtual void context_changed() = 0;     // Frontend::context may have changed (satp, ASID)
  virtual void regime_changed() = 0;      // CpuState::regime has changed
  virtual void mode_changed() = 0;        // Frontend::mode_key may have changed: sets leave = dispatch
  virtual void interrupts_changed() = 0;  // enables or pending bits changed: the run loop looks before going on
  virtual void power_off() {}             // off when generated code has been left, until CpuPower::start
  virtual void wait_for_interrupt() = 0;  // sleeps when generated code has been left, until frontend.wakes()
  virtual u64 random() = 0;               // entropy for seed / RNDR
  // A CPU that Frontend::reset_user has made reports its exceptions here, state.pc being the instruction's address. The
  // caller sets state.leave and delivers nothing itself.
  virtual void user_exception(u32 /*cause*/, u64 /*tval*/) {}
};

}  // namespace mimus
