// The MSI-X table and pending-bit array of a function, in a BAR of their own: the table at offset 0, the pending bits
// at kPendingOffset. Source: PCI Express Base Specification 4.0, 7.7.2 and 6.1.4.
#pragma once

#include <functional>
#include <vector>

#include "core/state/visitor.h"

namespace mimus::pci {

class Msix {
 public:
  static constexpr u64 kPendingOffset = 0x800;
  static constexpr u64 kWindowBytes = 0x1000;
  static constexpr unsigned kMaxVectors = kPendingOffset / 16;

  using Send = std::function<void(u64 address, u32 data)>;
  Msix(unsigned vectors, Send send) : vectors_(vectors), send_(std::move(send)) { reset(); }

  unsigned count() const { return unsigned(vectors_.size()); }
  bool enabled() const { return enabled_; }
  void set_control(bool enabled, bool masked);  // bits 15 and 14 of Message Control
  void signal(unsigned vector);                 // sends the message now, or when it is unmasked; nothing if disabled

  // Aligned accesses of 4 or 8 bytes; others read 0 / are ignored.
  u64 read(u64 offset, unsigned width) const;
  void write(u64 offset, unsigned width, u64 value);
  void reset();
  void visit_state(StateVisitor& visitor);

 private:
  struct Vector {
    u32 words[4];  // message address, upper address, data, vector control (bit 0: masked)
    bool pending;
    bool masked() const { return words[3] & 1; }
  };
  void send_pending();

  std::vector<Vector> vectors_;
  Send send_;
  bool enabled_ = false;
  bool masked_ = false;
};

}  // namespace mimus::pci
