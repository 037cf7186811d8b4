// ITS: the interrupt translation service of a GICv3. It turns messages of devices (DeviceID, EventID) into LPIs of a
// CPU, by tables which the guest changes through a queue of commands.
//
// Specification: Arm Generic Interrupt Controller Architecture Specification, GICv3 and GICv4, IHI 0069H: 5.2 (tables),
// 5.3 (commands), 12.19 (GITS registers). Physical LPIs only; 16 bits of DeviceID, EventID and collection number;
// RDbase is a processor number (GITS_TYPER.PTA is 0); device tables of one or two levels. A command that is in error is
// ignored and reported as a guest error.
//
// Entries of the tables in guest memory are 8 bytes, in a format of our own (gicv3_its.cc). Nothing is cached, so that
// the state is in the registers and in memory.
//
// Wiring: region kControl, and region kTranslation with GITS_TRANSLATER, which takes messages (Device::message; the
// requester is the DeviceID); the redistributors of `gic`; guest memory; one timer, by which long command queues are
// worked off in pieces.
#pragma once

#include <array>

#include "core/device/device.h"
#include "core/device/event_queue.h"
#include "core/device/guest_error.h"
#include "core/memory/physical.h"
#include "hw/intc/gicv3.h"

namespace mimus {

class GicIts final : public Device {
 public:
  enum Region : RegionId { kControl, kTranslation };
  static constexpr u64 kFrameSize = 0x10000;  // of each region; the second follows the first
  static constexpr u64 kTranslater = 0x40;    // GITS_TRANSLATER, in kTranslation

  GicIts(Gicv3& gic, PhysicalMemory& memory, Clock& clock, EventQueue& events, GuestErrorSink* errors = nullptr);

  std::string_view name() const override { return "its"; }
  u64 read(RegionId region, u64 offset, unsigned width) override;
  void write(RegionId region, u64 offset, unsigned width, u64 value) override;
  void message(RegionId region, u64 offset, u32 data, u32 requester) override;
  void reset(ResetKind kind) override;
  void visit_state(StateVisitor& visitor) override;
  void after_load() override;

 private:
  using Command = std::array<u64, 4>;
  struct CommandRow;
  static const CommandRow kCommands[];

  enum Table : unsigned { kDevices, kCollections, kTables };
  struct DeviceEntry {
    GuestPa table;  // of its interrupts
    u32 events;
  };
  struct Interrupt {
    u32 intid;
    u16 collection;
    GuestPa entry;  // where that is written
  };
  // An interrupt, and the CPU that its collection is mapped to.
  struct Target {
    Interrupt interrupt;
    u32 cpu;
  };

  // -- registers --
  u64 read_register(u64 offset) const;
  void write_wide(u64 offset, unsigned width, u64 value);

  // -- tables: false or nothing if there is no such entry, or no memory where it should be --
  bool entry_address(Table table, u32 index, GuestPa& address) const;
  bool load(GuestPa address, u64& value) const;
  bool store(GuestPa address, u64 value);
  bool find_device(u32 device, DeviceEntry& found) const;
  bool find_interrupt(u32 device, u32 event, Interrupt& found) const;
  bool find_collection(u32 collection, u32& cpu) const;
  bool find_target(u32 device, u32 event, Target& found) const;

  // -- commands: false if the command is in error --
  void run_commands();
  bool run(const Command& command);
  bool map_interrupt(u32 device, u32 event, u32 intid, u32 collection);
  bool map_device(const Command& command);
  bool map_collection(const Command& command);
  bool map_translation(const Command& command);
  bool map_identity(const Command& command);
  bool move(const Command& command);
  bool move_all(const Command& command);
  bool raise(const Command& command);
  bool clear(const Command& command);
  bool discard(const Command& command);
  bool invalidate(const Command& command);
  bool invalidate_all(const Command& command);
  bool synchronize(const Command& command);

  Gicv3& gic_;
  PhysicalMemory& memory_;
  Clock& clock_;
  EventQueue& events_;
  GuestErrorSink* errors_;
  EventQueue::TimerId timer_;

  bool enabled_ = false;  // GITS_CTLR.Enabled
  u64 command_base_ = 0;  // GITS_CBASER
  u64 write_ = 0;         // GITS_CWRITER: offset of the first free command
  u64 read_ = 0;          // GITS_CREADR: offset of the next command to run
  u64 bases_[kTables];    // GITS_BASER<n>
};

}  // namespace mimus
