// The 4096 bytes of one function's configuration space: values, and which bits software may write.
#pragma once

#include <array>

#include "core/state/visitor.h"
#include "hw/pci/spec.h"

namespace mimus::pci {

class ConfigSpace {
 public:
  // width is 1, 2 or 4 (8: two registers); offset + width <= kConfigBytes. Little-endian.
  u64 read(u32 offset, unsigned width) const;
  // What software writes: read-only bits keep their value, write-1-to-clear bits are cleared by ones.
  void write(u32 offset, unsigned width, u64 value);

  // What the hardware sets, whatever software may write.
  void set(u32 offset, unsigned width, u64 value);
  void change(u32 offset, unsigned width, u64 mask, bool on);
  void allow_write(u32 offset, unsigned width, u64 mask);
  void write_one_clears(u32 offset, unsigned width, u64 mask);

  // Appends a capability (7.5.3) of `bytes` bytes, header included, to the list; its offset.
  u32 add_capability(u8 id, u32 bytes);

  // The contents at the end of construction are those after each reset.
  void seal() { initial_ = bytes_; }
  void reset() { bytes_ = initial_; }
  void visit_state(StateVisitor& visitor);

 private:
  using Bytes = std::array<u8, kConfigBytes>;
  Bytes bytes_{};
  Bytes initial_{};
  Bytes writable_{};
  Bytes clearable_{};
  u32 last_link_ = kCapabilitiesPointer;
  u32 next_capability_ = kFirstCapability;
};

}  // namespace mimus::pci
