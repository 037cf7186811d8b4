#include "hw/intc/gicv3_lpis.h"

#include <algorithm>

namespace mimus::gic {
namespace {

constexpr u64 kPropertyFields = 0x070f'ffff'ffff'ff9f;  // IDbits, cacheability, shareability, address
constexpr u64 kPendingFields = 0x070f'ffff'ffff'0f80;
constexpr u64 kPropertyAddress = 0x000f'ffff'ffff'f000;
constexpr u64 kPendingAddress = 0x000f'ffff'ffff'0000;
constexpr u64 kPendingTableZero = u64{1} << 62;  // PTZ, reads 0
constexpr u32 kFirstByte = Lpis::kFirst / 8, kBytes = Lpis::kEnd / 8;
constexpr u8 kConfigEnabled = 1;

}  // namespace

u32 Lpis::end() const { return bits(property_base_, 0, 5) + 1 < kIdBits ? u32{2} << bits(property_base_, 0, 5) : kEnd; }

template <class Visit>
void Lpis::each_pending(Visit visit) const {
  for (u32 byte = kFirstByte; byte < pending_.size(); byte++)
    for (u32 left = pending_[byte]; left; left &= left - 1) visit(byte * 8 + u32(std::countr_zero(left)));
}

void Lpis::set_property_base(u64 value) {
  if (!enabled_) property_base_ = value & kPropertyFields;
}

void Lpis::set_pending_base(u64 value) {
  if (!enabled_) pending_base_ = value & (kPendingFields | kPendingTableZero);
}

void Lpis::set_enabled(bool enabled) {
  if (enabled == enabled_) return;
  if (!enabled) store_pending_table();
  enabled_ = enabled;
  ready_.clear();
  pending_.assign(enabled ? kBytes : 0, 0);
  priority_.assign(enabled ? kEnd - kFirst : 0, 0);
  if (enabled) load_pending_table();
}

// Without PTZ, the table says what is pending. A table outside of memory counts as empty.
void Lpis::load_pending_table() {
  if (!(pending_base_ & kPendingTableZero) && end() > kFirst) {
    const std::span table(pending_.data() + kFirstByte, (end() - kFirst) / 8);
    if (!memory_.read((pending_base_ & kPendingAddress) + kFirstByte, table)) std::ranges::fill(table, u8{0});
  }
  pending_base_ &= ~kPendingTableZero;
  each_pending([this](u32 intid) { admit(intid); });
}

void Lpis::store_pending_table() {
  if (end() <= kFirst) return;
  memory_.write((pending_base_ & kPendingAddress) + kFirstByte,
                std::span(pending_).subspan(kFirstByte, (end() - kFirst) / 8));
}

void Lpis::admit(u32 intid) {
  u8 config = 0;
  if (!memory_.read((property_base_ & kPropertyAddress) + (intid - kFirst), {&config, 1})) return;
  priority_[intid - kFirst] = config & kPriorityMask;
  if (config & kConfigEnabled) ready_.insert(key(intid));
}

void Lpis::dismiss(u32 intid) { ready_.erase(key(intid)); }

bool Lpis::pending(u32 intid) const {
  return enabled_ && intid >= kFirst && intid < end() && bit(pending_[intid / 8], intid % 8);
}

void Lpis::set_pending(u32 intid, bool pending) {
  if (!enabled_ || intid < kFirst || intid >= end() || pending == this->pending(intid)) return;
  pending_[intid / 8] ^= u8(1 << intid % 8);
  if (pending) {
    admit(intid);
  } else {
    dismiss(intid);
  }
}

void Lpis::invalidate(u32 intid) {
  if (!pending(intid)) return;
  dismiss(intid);
  admit(intid);
}

void Lpis::invalidate_all() {
  ready_.clear();
  each_pending([this](u32 intid) { admit(intid); });
}

void Lpis::move_all_to(Lpis& other) {
  if (!enabled_ || !other.enabled_ || this == &other) return;
  each_pending([&](u32 intid) { other.set_pending(intid, true); });
  std::ranges::fill(pending_, u8{0});
  ready_.clear();
}

void Lpis::reset() {
  enabled_ = false;
  property_base_ = pending_base_ = 0;
  pending_.clear();
  priority_.clear();
  ready_.clear();
}

// Left out: the configuration, which is read from memory again.
void Lpis::visit_state(StateVisitor& visitor) {
  visitor.begin("lpis", 1);
  visitor.field("enabled", enabled_);
  visitor.field("property_base", property_base_);
  visitor.field("pending_base", pending_base_);
  visitor.blob("pending", pending_, kBytes);
  if (visitor.loading()) {
    if (pending_.size() != (enabled_ ? kBytes : 0)) visitor.reject("pending", "a table of another size");
    pending_.resize(enabled_ ? kBytes : 0);
    for (u32 i = end() / 8; i < pending_.size(); i++) pending_[i] = 0;
    std::fill_n(pending_.begin(), std::min<size_t>(pending_.size(), kFirstByte), u8{0});
    priority_.assign(enabled_ ? kEnd - kFirst : 0, 0);
    ready_.clear();
  }
  visitor.end();
}

void Lpis::after_load() {
  if (enabled_) invalidate_all();
}

}  // namespace mimus::gic
