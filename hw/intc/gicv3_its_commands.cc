// The command queue of the ITS (IHI 0069H, 5.3).
#include <string>

#include "hw/intc/gicv3_its.h"

namespace mimus {
namespace {

constexpr u64 kCommandBytes = 32;
constexpr u64 kValid = u64{1} << 63;
// Commands that are run in one go; longer queues are continued by the timer, so that others get the machine lock.
constexpr unsigned kBurst = 256;

// Fields of commands, by the names of the specification.
u32 device_id(const std::array<u64, 4>& command) { return u32(command[0] >> 32); }
u32 event_id(const std::array<u64, 4>& command) { return u32(command[1]); }
u32 physical_intid(const std::array<u64, 4>& command) { return u32(command[1] >> 32); }
u32 icid(const std::array<u64, 4>& command) { return u32(command[2] & 0xffff); }
u64 rdbase(u64 word) { return bits(word, 16, 35); }

}  // namespace

struct GicIts::CommandRow {
  u8 number;
  const char* name;
  bool (GicIts::*run)(const Command&);
};

const GicIts::CommandRow GicIts::kCommands[] = {
    {0x01, "MOVI", &GicIts::move},
    {0x03, "INT", &GicIts::raise},
    {0x04, "CLEAR", &GicIts::clear},
    {0x05, "SYNC", &GicIts::synchronize},
    {0x08, "MAPD", &GicIts::map_device},
    {0x09, "MAPC", &GicIts::map_collection},
    {0x0a, "MAPTI", &GicIts::map_translation},
    {0x0b, "MAPI", &GicIts::map_identity},
    {0x0c, "INV", &GicIts::invalidate},
    {0x0d, "INVALL", &GicIts::invalidate_all},
    {0x0e, "MOVALL", &GicIts::move_all},
    {0x0f, "DISCARD", &GicIts::discard},
};

bool GicIts::run(const Command& command) {
  const u8 number = u8(command[0]);
  for (const CommandRow& row : kCommands) {
    if (row.number != number) continue;
    const bool done = (this->*row.run)(command);
    if (!done && errors_) errors_->guest_error(name(), std::string("command ") + row.name + " is in error");
    return done;
  }
  if (errors_) errors_->guest_error(name(), "unknown command " + std::to_string(number));
  return false;
}

void GicIts::run_commands() {
  const u64 bytes = (bits(command_base_, 0, 8) + 1) * 0x1000;
  const GuestPa queue = command_base_ & 0xf'ffff'ffff'f000;
  if (!(command_base_ & kValid) || read_ >= bytes || write_ >= bytes) return;
  for (unsigned n = 0; enabled_ && read_ != write_; n++) {
    if (n == kBurst) return events_.arm(timer_, clock_.now_ns());
    Command command;
    if (!memory_.read(queue + read_, {reinterpret_cast<u8*>(command.data()), kCommandBytes})) {
      if (errors_) errors_->guest_error(name(), "the command queue is not in memory");
      read_ = write_;
      return;
    }
    run(command);
    read_ = (read_ + kCommandBytes) % bytes;
  }
}

// -- mapping --

bool GicIts::map_device(const Command& command) {
  GuestPa address;
  const u64 size = bits(command[1], 0, 5);
  if (!entry_address(kDevices, device_id(command), address)) return false;
  if (!(command[2] & kValid)) return store(address, 0);
  if (size >= 16) return false;
  return store(address, 1 | size << 1 | bits(command[2], 8, 44) << 6);
}

bool GicIts::map_collection(const Command& command) {
  GuestPa address;
  if (!entry_address(kCollections, icid(command), address)) return false;
  if (!(command[2] & kValid)) return store(address, 0);
  const u64 cpu = rdbase(command[2]);
  return cpu < gic_.cpus() && store(address, 1 | cpu << 1);
}

bool GicIts::map_interrupt(u32 device, u32 event, u32 intid, u32 collection) {
  DeviceEntry mapped;
  if (!find_device(device, mapped) || event >= mapped.events || !gic::Lpis::is_lpi(intid)) return false;
  return store(mapped.table + u64{event} * 8, 1 | u64{intid} << 1 | u64{collection} << 17);
}

bool GicIts::map_translation(const Command& command) {
  return map_interrupt(device_id(command), event_id(command), physical_intid(command), icid(command));
}

bool GicIts::map_identity(const Command& command) {
  return map_interrupt(device_id(command), event_id(command), event_id(command), icid(command));
}

// -- moving --

bool GicIts::move(const Command& command) {
  Target from;
  u32 to = 0;
  if (!find_target(device_id(command), event_id(command), from) || !find_collection(icid(command), to)) return false;
  if (!store(from.interrupt.entry, 1 | u64{from.interrupt.intid} << 1 | u64{icid(command)} << 17)) return false;
  gic_.move_lpi(from.cpu, to, from.interrupt.intid);
  return true;
}

bool GicIts::move_all(const Command& command) {
  const u64 from = rdbase(command[2]), to = rdbase(command[3]);
  if (from >= gic_.cpus() || to >= gic_.cpus()) return false;
  gic_.move_all_lpis(unsigned(from), unsigned(to));
  return true;
}

// -- single interrupts --

bool GicIts::raise(const Command& command) {
  Target target;
  if (!find_target(device_id(command), event_id(command), target)) return false;
  gic_.set_lpi(target.cpu, target.interrupt.intid, true);
  return true;
}

bool GicIts::clear(const Command& command) {
  Target target;
  if (!find_target(device_id(command), event_id(command), target)) return false;
  gic_.set_lpi(target.cpu, target.interrupt.intid, false);
  return true;
}

bool GicIts::discard(const Command& command) {
  Target target;
  if (!find_target(device_id(command), event_id(command), target)) return false;
  gic_.set_lpi(target.cpu, target.interrupt.intid, false);
  return store(target.interrupt.entry, 0);
}

bool GicIts::invalidate(const Command& command) {
  Target target;
  if (!find_target(device_id(command), event_id(command), target)) return false;
  gic_.invalidate_lpi(target.cpu, target.interrupt.intid);
  return true;
}

bool GicIts::invalidate_all(const Command& command) {
  u32 cpu = 0;
  if (!find_collection(icid(command), cpu)) return false;
  gic_.invalidate_lpis(cpu);
  return true;
}

// Commands have their effects at once.
bool GicIts::synchronize(const Command& command) { return rdbase(command[2]) < gic_.cpus(); }

}  // namespace mimus
