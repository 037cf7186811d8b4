#include "hw/pci/config_space.h"

#include <cassert>

namespace mimus::pci {

u64 ConfigSpace::read(u32 offset, unsigned width) const {
  u64 value = 0;
  for (unsigned i = 0; i < width; ++i) value |= u64{bytes_[offset + i]} << (8 * i);
  return value;
}

void ConfigSpace::write(u32 offset, unsigned width, u64 value) {
  for (unsigned i = 0; i < width; ++i) {
    const u8 byte = u8(value >> (8 * i)), mask = writable_[offset + i];
    u8& at = bytes_[offset + i];
    at = u8((at & ~mask) | (byte & mask));
    at = u8(at & ~(byte & clearable_[offset + i]));
  }
}

void ConfigSpace::set(u32 offset, unsigned width, u64 value) {
  for (unsigned i = 0; i < width; ++i) bytes_[offset + i] = u8(value >> (8 * i));
}

void ConfigSpace::change(u32 offset, unsigned width, u64 mask, bool on) {
  const u64 old = read(offset, width);
  set(offset, width, on ? old | mask : old & ~mask);
}

void ConfigSpace::allow_write(u32 offset, unsigned width, u64 mask) {
  for (unsigned i = 0; i < width; ++i) writable_[offset + i] |= u8(mask >> (8 * i));
}

void ConfigSpace::write_one_clears(u32 offset, unsigned width, u64 mask) {
  for (unsigned i = 0; i < width; ++i) clearable_[offset + i] |= u8(mask >> (8 * i));
}

u32 ConfigSpace::add_capability(u8 id, u32 bytes) {
  const u32 offset = next_capability_;
  assert(offset + bytes <= 256);
  change(kStatus, 2, kStatusCapabilities, true);
  bytes_[last_link_] = u8(offset);
  bytes_[offset] = id;
  last_link_ = offset + 1;
  next_capability_ = (offset + bytes + 3) & ~3u;
  return offset;
}

// Read-only bits come from construction, so that a stored state cannot turn a function into another one.
void ConfigSpace::visit_state(StateVisitor& visitor) {
  Bytes copy = bytes_;
  visitor.field("config", copy);
  if (!visitor.loading()) return;
  for (u32 i = 0; i < kConfigBytes; ++i) {
    const u8 own = u8(~(writable_[i] | clearable_[i]));
    bytes_[i] = u8((bytes_[i] & own) | (copy[i] & ~own));
  }
}

}  // namespace mimus::pci
