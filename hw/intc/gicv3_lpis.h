// The locality-specific peripheral interrupts (LPIs) of one GICv3 redistributor: messages, edge-triggered, group 1,
// never active. The guest keeps a byte of configuration for each in a table in memory.
//
// Specification: IHI 0069H, 5.1 (LPIs, configuration and pending tables), 12.11 (GICR_PROPBASER, GICR_PENDBASER).
//
// Configuration is read when an LPI becomes pending, and again when the guest invalidates it; pending bits are kept
// here and written to the pending table when LPIs are turned off.
#pragma once

#include <set>
#include <vector>

#include "core/memory/physical.h"
#include "hw/intc/gic_bank.h"

namespace mimus::gic {

class Lpis {
 public:
  static constexpr unsigned kIdBits = 16;
  static constexpr u32 kFirst = 8192;
  static constexpr u32 kEnd = u32{1} << kIdBits;
  static constexpr bool is_lpi(u32 intid) { return intid >= kFirst && intid < kEnd; }

  explicit Lpis(PhysicalMemory& memory) : memory_(memory) {}

  bool enabled() const { return enabled_; }
  void set_enabled(bool enabled);  // GICR_CTLR.EnableLPIs: reads or writes the pending table
  u64 property_base() const { return property_base_; }
  u64 pending_base() const { return pending_base_; }
  void set_property_base(u64 value);  // ignored while enabled
  void set_pending_base(u64 value);

  // `intid` may be anything; what is out of range is ignored.
  void set_pending(u32 intid, bool pending);
  bool pending(u32 intid) const;
  void invalidate(u32 intid);
  void invalidate_all();
  void move_all_to(Lpis& other);

  void best(Candidate& best) const {
    if (ready_.empty()) return;
    best.consider({*ready_.begin() & 0xffff, u8(*ready_.begin() >> 16), 1});
  }

  void reset();
  void visit_state(StateVisitor& visitor);
  void after_load();  // the RAM has been loaded as well

 private:
  u32 end() const;  // LPIs from here on do not exist
  u32 key(u32 intid) const { return u32{priority_[intid - kFirst]} << 16 | intid; }
  void admit(u32 intid);  // a pending LPI: reads its configuration
  void dismiss(u32 intid);
  void load_pending_table();
  void store_pending_table();
  template <class Visit>
  void each_pending(Visit visit) const;

  PhysicalMemory& memory_;
  bool enabled_ = false;
  u64 property_base_ = 0;
  u64 pending_base_ = 0;
  // Empty until LPIs are enabled for the first time.
  std::vector<u8> pending_;   // bit (intid % 8) of byte intid / 8, as in the pending table
  std::vector<u8> priority_;  // of those in ready_
  std::set<u32> ready_;       // key() of those that are pending and enabled
};

}  // namespace mimus::gic
