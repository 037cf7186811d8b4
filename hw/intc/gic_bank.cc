#include "hw/intc/gic_bank.h"

namespace mimus::gic {
namespace {

constexpr u64 kBits = 0x80;  // registers of one bit per interrupt, 0x80 bytes for each kind
constexpr u64 kPriority = 0x400;
constexpr u64 kTargets = 0x800;  // not ours
constexpr u64 kConfig = 0xc00;
enum Kind : unsigned { kGroup, kSetEnable, kClearEnable, kSetPending, kClearPending, kSetActive, kClearActive };

// The high (edge) bits of two-bit fields: to and from one bit per interrupt.
u32 spread(u32 half) {
  u32 fields = 0;
  for (unsigned i = 0; i < 16; i++) fields |= u32{bit(half, i)} << (2 * i + 1);
  return fields;
}
u32 gather(u32 fields) {
  u32 half = 0;
  for (unsigned i = 0; i < 16; i++) half |= u32{bit(fields, 2 * i + 1)} << i;
  return half;
}

}  // namespace

Bank::Bank(u32 first, u32 count) : first_(first), words_(count / 32), priority_(count) { reset(); }

void Bank::set_line(u32 intid, bool level) {
  Word& w = word(intid);
  const u32 mask = u32{1} << intid % 32;
  if (level && !(w.line & mask) && (w.edge & mask)) w.latched |= mask;
  w.line = level ? w.line | mask : w.line & ~mask;
}

void Bank::set_pending(u32 intid, bool pending) {
  Word& w = word(intid);
  const u32 mask = u32{1} << intid % 32;
  w.latched = pending ? w.latched | mask : w.latched & ~mask;
}

void Bank::activate(u32 intid) {
  set_pending(intid, false);
  word(intid).active |= u32{1} << intid % 32;
}

void Bank::deactivate(u32 intid) { word(intid).active &= ~(u32{1} << intid % 32); }

u32 Bank::read_bits(unsigned kind, const Word& w) const {
  switch (kind) {
    case kGroup: return w.group;
    case kSetEnable:
    case kClearEnable: return w.enabled;
    case kSetPending:
    case kClearPending: return w.pending();
    default: return w.active;
  }
}

u32 Bank::read_config(u64 offset) const {
  const u64 intid = (offset - kConfig) * 4;
  return contains(u32(intid)) ? spread(word(u32(intid)).edge >> intid % 32) : 0;
}

void Bank::write_config(u64 offset, u32 value) {
  const u64 intid = (offset - kConfig) * 4;
  if (!contains(u32(intid))) return;
  Word& w = word(u32(intid));
  const unsigned shift = intid % 32;
  w.edge = (w.edge & ~(u32{0xffff} << shift)) | gather(value) << shift | fixed_edges(u32(intid - first_) / 32);
}

u32 Bank::read(u64 offset, unsigned width) const {
  if (offset >= kPriority && offset < kTargets) {
    u32 value = 0;
    if (offset % width || width > 4) return 0;
    for (unsigned i = 0; i < width; i++) {
      const u32 intid = u32(offset - kPriority) + i;
      if (contains(intid)) value |= u32{priority_[intid - first_]} << (8 * i);
    }
    return value;
  }
  if (width != 4 || offset % 4) return 0;
  if (offset >= kConfig) return read_config(offset);
  const u32 intid = u32(offset % 0x80) * 8;
  return contains(intid) ? read_bits(unsigned((offset - kBits) / 0x80), word(intid)) : 0;
}

void Bank::write(u64 offset, unsigned width, u32 value) {
  if (offset >= kPriority && offset < kTargets) {
    if (offset % width || width > 4) return;
    for (unsigned i = 0; i < width; i++) {
      const u32 intid = u32(offset - kPriority) + i;
      if (contains(intid)) priority_[intid - first_] = u8(value >> (8 * i)) & kPriorityMask;
    }
    return;
  }
  if (width != 4 || offset % 4) return;
  if (offset >= kConfig) return write_config(offset, value);
  const u32 intid = u32(offset % 0x80) * 8;
  if (!contains(intid)) return;
  Word& w = word(intid);
  switch ((offset - kBits) / 0x80) {
    case kGroup: w.group = value; break;
    case kSetEnable: w.enabled |= value; break;
    case kClearEnable: w.enabled &= ~value; break;
    case kSetPending: w.latched |= value; break;
    case kClearPending: w.latched &= ~value; break;
    case kSetActive: w.active |= value; break;
    default: w.active &= ~value; break;
  }
}

void Bank::reset() {
  for (u32 i = 0; i < words_.size(); i++) words_[i] = {0, 0, 0, 0, words_[i].line, fixed_edges(i)};
  priority_.assign(priority_.size(), 0);
}

void Bank::visit_state(StateVisitor& visitor) {
  visitor.begin("interrupts", 1);
  for (u32 i = 0; i < words_.size(); i++) {
    Word& w = words_[i];
    visitor.field("group", w.group);
    visitor.field("enabled", w.enabled);
    visitor.field("latched", w.latched);
    visitor.field("active", w.active);
    visitor.field("line", w.line);
    visitor.field("edge", w.edge);
    if (visitor.loading() && (w.edge & fixed_edges(i)) != fixed_edges(i))
      visitor.reject("edge", "software-generated interrupts have no level");
  }
  visitor.raw("priority", priority_.data(), priority_.size());
  if (visitor.loading())
    for (u8& priority : priority_) priority &= kPriorityMask;
  visitor.end();
}

}  // namespace mimus::gic
