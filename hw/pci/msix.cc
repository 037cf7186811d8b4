#include "hw/pci/msix.h"

namespace mimus::pci {

void Msix::set_control(bool enabled, bool masked) {
  enabled_ = enabled;
  masked_ = masked;
  send_pending();
}

void Msix::signal(unsigned vector) {
  if (!enabled_ || vector >= vectors_.size()) return;
  vectors_[vector].pending = true;
  send_pending();
}

void Msix::send_pending() {
  if (!enabled_ || masked_) return;
  for (Vector& v : vectors_) {
    if (!v.pending || v.masked()) continue;
    v.pending = false;
    send_(u64{v.words[1]} << 32 | v.words[0], v.words[2]);
  }
}

u64 Msix::read(u64 offset, unsigned width) const {
  if (width < 4 || offset % width) return 0;
  if (width == 8) return read(offset, 4) | read(offset + 4, 4) << 32;
  if (offset < kPendingOffset) {
    const u64 vector = offset / 16;
    return vector < vectors_.size() ? vectors_[vector].words[offset / 4 % 4] : 0;
  }
  u32 pending = 0;
  const u64 first = (offset - kPendingOffset) * 8;
  for (unsigned i = 0; i < 32 && first + i < vectors_.size(); ++i) pending |= u32(vectors_[first + i].pending) << i;
  return pending;
}

void Msix::write(u64 offset, unsigned width, u64 value) {
  if (width < 4 || offset % width) return;
  if (width == 8) {
    write(offset, 4, u32(value));
    return write(offset + 4, 4, value >> 32);
  }
  const u64 vector = offset / 16;
  if (offset >= kPendingOffset || vector >= vectors_.size()) return;
  static constexpr u32 kWritable[4] = {~u32{3}, ~u32{0}, ~u32{0}, 1};
  const unsigned word = offset / 4 % 4;
  vectors_[vector].words[word] = u32(value) & kWritable[word];
  send_pending();
}

void Msix::reset() {
  for (Vector& v : vectors_) v = {{0, 0, 0, 1}, false};
  enabled_ = masked_ = false;
}

void Msix::visit_state(StateVisitor& visitor) {
  visitor.begin("msix", 1);
  for (Vector& v : vectors_) {
    visitor.field("words", v.words);
    visitor.field("pending", v.pending);
  }
  visitor.field("enabled", enabled_);
  visitor.field("masked", masked_);
  visitor.end();
}

}  // namespace mimus::pci
