// Registers and tables of the ITS.
//
// Entries, 8 bytes each:
//   device      bit 0 valid, 5:1 number of EventID bits - 1, 49:6 address of the interrupt table (bits 51:8)
//   interrupt   bit 0 valid, 16:1 INTID, 32:17 collection
//   collection  bit 0 valid, 16:1 processor number
#include "hw/intc/gicv3_its.h"

namespace mimus {
namespace {

constexpr u64 kEntryBytes = 8;
constexpr u64 kValid = u64{1} << 63;
constexpr u64 kIndirect = u64{1} << 62;
constexpr unsigned kIdBits = 16;  // of DeviceIDs, EventIDs, collections

enum Register : u64 {
  kCtlr = 0x00,
  kIidr = 0x04,
  kTyper = 0x08,
  kCbaser = 0x80,
  kCwriter = 0x88,
  kCreadr = 0x90,
  kBaser = 0x100,
  kIdentification = 0xffd0,
};
constexpr u64 kEnabled = 1, kQuiescent = u64{1} << 31;
constexpr u64 kOffsetMask = 0xfffe0;  // of CWRITER and CREADR: multiples of 32

// GITS_TYPER: Physical, ITT_entry_size - 1, ID_bits - 1, Devbits - 1, CIDbits - 1 with CIL.
constexpr u64 kType =
    1 | (kEntryBytes - 1) << 4 | (kIdBits - 1) << 8 | (kIdBits - 1) << 13 | u64{kIdBits - 1} << 32 | u64{1} << 36;

// GITS_BASER<n>: Entry_Size - 1 and Type are fixed.
constexpr u64 kBaserWritable = 0xb8e0'ffff'ffff'ffff;
constexpr u64 kBaserFixed[] = {(kEntryBytes - 1) << 48 | u64{1} << 56, (kEntryBytes - 1) << 48 | u64{4} << 56};
constexpr u64 kCbaserWritable = 0xb8ef'ffff'ffff'fcff;

u64 page_bytes(u64 base) {
  static constexpr u64 kSizes[] = {0x1000, 0x4000, 0x10000, 0x10000};
  return kSizes[bits(base, 8, 2)];
}
// With 64 KiB pages, bits 15:12 are bits 51:48 of the address.
GuestPa table_address(u64 base) {
  if (bits(base, 8, 2) < 2) return base & 0xffff'ffff'f000;
  return (base & 0xffff'ffff'0000) | bits(base, 12, 4) << 48;
}

}  // namespace

GicIts::GicIts(Gicv3& gic, PhysicalMemory& memory, Clock& clock, EventQueue& events, GuestErrorSink* errors)
    : gic_(gic), memory_(memory), clock_(clock), events_(events), errors_(errors), timer_(events.create_timer([this] {
        run_commands();
      })) {
  reset(ResetKind::cold);
}

// -- tables --

bool GicIts::load(GuestPa address, u64& value) const {
  return memory_.read(address, {reinterpret_cast<u8*>(&value), sizeof value});
}

bool GicIts::store(GuestPa address, u64 value) {
  return memory_.write(address, {reinterpret_cast<const u8*>(&value), sizeof value});
}

bool GicIts::entry_address(Table table, u32 index, GuestPa& address) const {
  const u64 base = bases_[table];
  if (!(base & kValid) || index >> kIdBits) return false;
  const u64 page = page_bytes(base), size = (bits(base, 0, 8) + 1) * page;
  address = table_address(base);
  u64 offset = index * kEntryBytes;
  if (base & kIndirect) {
    const u64 slot = offset / page * 8;
    u64 level1 = 0;
    if (slot >= size || !load(address + slot, level1) || !(level1 & kValid)) return false;
    address = level1 & 0xf'ffff'ffff'f000 & ~(page - 1);
    offset %= page;
  } else if (offset >= size) {
    return false;
  }
  address += offset;
  return true;
}

bool GicIts::find_device(u32 device, DeviceEntry& found) const {
  GuestPa address;
  u64 entry = 0;
  if (!entry_address(kDevices, device, address) || !load(address, entry) || !bit(entry, 0)) return false;
  found = {bits(entry, 6, 44) << 8, u32(std::min<u64>(u64{2} << bits(entry, 1, 5), u64{1} << kIdBits))};
  return true;
}

bool GicIts::find_interrupt(u32 device, u32 event, Interrupt& found) const {
  DeviceEntry mapped;
  u64 entry = 0;
  if (!find_device(device, mapped) || event >= mapped.events) return false;
  const GuestPa address = mapped.table + event * kEntryBytes;
  if (!load(address, entry) || !bit(entry, 0)) return false;
  found = {u32(bits(entry, 1, 16)), u16(bits(entry, 17, 16)), address};
  return true;
}

bool GicIts::find_collection(u32 collection, u32& cpu) const {
  GuestPa address;
  u64 entry = 0;
  if (!entry_address(kCollections, collection, address) || !load(address, entry) || !bit(entry, 0)) return false;
  cpu = u32(bits(entry, 1, 16));
  return cpu < gic_.cpus();  // what is in guest memory may be anything
}

bool GicIts::find_target(u32 device, u32 event, Target& found) const {
  return find_interrupt(device, event, found.interrupt) && find_collection(found.interrupt.collection, found.cpu);
}

// A message that no table knows leads nowhere.
void GicIts::message(RegionId region, u64 offset, u32 data, u32 requester) {
  if (region != kTranslation || offset != kTranslater || !enabled_) return;
  Target target;
  if (find_target(requester, data, target)) gic_.set_lpi(target.cpu, target.interrupt.intid, true);
}

// -- registers --

u64 GicIts::read_register(u64 offset) const {
  switch (offset) {
    case kCtlr: return (enabled_ ? kEnabled : 0) | (read_ == write_ || !enabled_ ? kQuiescent : 0) | u64{0x43b} << 32;
    case kTyper: return kType;
    case kCbaser: return command_base_;
    case kCwriter: return write_;
    case kCreadr: return read_;
    default: break;
  }
  const u64 table = (offset - kBaser) / 8;
  return offset >= kBaser && table < kTables ? bases_[table] : 0;
}

u64 GicIts::read(RegionId region, u64 offset, unsigned width) {
  if (region != kControl || width < 4 || offset % width) return 0;
  if (offset >= kIdentification) {
    static constexpr u8 kIds[12] = {0x44, 0, 0, 0, 0x94, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1};
    return kIds[(offset - kIdentification) / 4];
  }
  const u64 value = read_register(align_down(offset, 8));
  return width == 8 ? value : u32(value >> (offset % 8) * 8);
}

// The address and sizes may change only while the ITS is off (12.19.1, 12.19.2).
void GicIts::write_wide(u64 offset, unsigned width, u64 value) {
  const u64 start = align_down(offset, 8);
  if (width == 4) {
    const unsigned shift = unsigned(offset % 8) * 8;
    value = (read_register(start) & ~(u64{0xffff'ffff} << shift)) | u64{u32(value)} << shift;
  }
  if (start == kCwriter) {
    write_ = value & kOffsetMask;
    return run_commands();
  }
  if (enabled_) return;
  if (start == kCbaser) {
    command_base_ = value & kCbaserWritable;
    read_ = 0;
  }
  const u64 table = (start - kBaser) / 8;
  if (start < kBaser || table >= kTables) return;
  bases_[table] = (value & kBaserWritable) | kBaserFixed[table];
  if (table == kDevices) bases_[table] |= value & kIndirect;
}

void GicIts::write(RegionId region, u64 offset, unsigned width, u64 value) {
  if (region != kControl || width < 4 || offset % width) return;
  if (offset != kCtlr) return write_wide(offset, width, value);
  enabled_ = value & kEnabled;
  run_commands();
}

void GicIts::reset(ResetKind) {
  enabled_ = false;
  command_base_ = write_ = read_ = 0;
  for (unsigned table = 0; table < kTables; table++) bases_[table] = kBaserFixed[table];
  events_.disarm(timer_);
}

void GicIts::visit_state(StateVisitor& visitor) {
  visitor.begin("its", 1);
  visitor.field("enabled", enabled_);
  visitor.field("command_base", command_base_);
  visitor.field("write", write_);
  visitor.field("read", read_);
  visitor.field("bases", bases_);
  if (visitor.loading()) {
    command_base_ &= kCbaserWritable;
    write_ &= kOffsetMask;
    read_ &= kOffsetMask;
    for (unsigned table = 0; table < kTables; table++)
      bases_[table] = (bases_[table] & (kBaserWritable | (table == kDevices ? kIndirect : 0))) | kBaserFixed[table];
  }
  visitor.end();
}

void GicIts::after_load() { run_commands(); }

}  // namespace mimus
