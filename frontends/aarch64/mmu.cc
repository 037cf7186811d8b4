#include "frontends/aarch64/mmu.h"

#include <algorithm>

#include "frontends/aarch64/exception.h"
#include "frontends/aarch64/table_walk.h"

namespace mimus::aarch64 {
namespace {

constexpr u8 kDevice = 0x00, kNormalWriteBack = 0xff;  // MAIR: Device-nGnRnE, Normal write-back

// Stage 1 of one request: which tables, what they allow.
class Stage1 {
 public:
  Stage1(Aarch64State& s, PhysicalMemory& memory, const Request& r) : s_(s), memory_(memory), r_(r) {}
  Mapped run();

 private:
  Mapped flat() const;
  bool choose_tables();
  Mapping leaf(const TableWalk::Leaf& leaf) const;
  bool allowed(const Mapping& m) const {
    return r_.access == Access::read ? m.readable : r_.access == Access::write ? m.writable : m.executable;
  }
  Fault fault(u32 status) const { return abort_fault(r_.va, r_.access, status); }

  Aarch64State& s_;
  PhysicalMemory& memory_;
  const Request& r_;
  TableShape shape_;
  TableControl control_;
  GuestPa table_ = 0;
};

// D8.2.12: with stage 1 off every address is its own translation, as far as the physical addresses reach.
Mapped Stage1::flat() const {
  const bool high = r_.level == 1 && bit(r_.va, 55);
  const bool ignored = bit(s_.tcr[r_.level], r_.level == 1 ? (high ? 38 : 37) : 20);
  const u64 address = ignored ? bits(r_.va, 0, 56) : r_.va;
  if (address >> s_.model->physical_bits) return fault(kFscAddressSize);
  Mapping m;
  m.address = address;
  m.readable = m.writable = m.executable = true;
  const bool cacheable = r_.level == 1 && (effective_hcr(s_) & kHcrDc);
  m.attributes = cacheable ? kNormalWriteBack : r_.access == Access::execute ? 0x44 : kDevice;
  return m;
}

// D8.2.3: TTBR0 or TTBR1, and the shape that TCR_ELx gives its tables. False: no translation.
bool Stage1::choose_tables() {
  const u64 tcr = s_.tcr[r_.level];
  const bool two = r_.level == 1, high = two && bit(r_.va, 55);
  const unsigned tsz = unsigned(bits(tcr, high ? 16 : 0, 6));
  constexpr u8 kGranule0[] = {12, 16, 14, 12}, kGranule1[] = {12, 14, 12, 16};
  shape_.granule = high ? kGranule1[bits(tcr, 30, 2)] : kGranule0[bits(tcr, 14, 2)];
  shape_.input_bits = 64 - std::clamp(tsz, 16u, 39u);
  shape_.start_level = TableShape::start_for(shape_.granule, shape_.input_bits);
  const bool ignore_top = two ? bit(tcr, high ? 38 : 37) : bit(tcr, 20);
  const unsigned va_bits = ignore_top ? 56 : 64;
  const u64 top = bits(r_.va, shape_.input_bits, va_bits - shape_.input_bits);
  if (top != (high ? bits(~u64{0}, 0, va_bits - shape_.input_bits) : 0)) return false;
  if (two && bit(tcr, high ? 23 : 7)) return false;  // EPD
  const u64 ttbr = high ? s_.ttbr1_el1 : s_.ttbr0[r_.level];
  table_ = bits(ttbr, 1, 47) << 1;
  control_.output_bits = std::min(address_bits(bits(tcr, two ? 32 : 16, 3)), s_.model->physical_bits);
  const bool updates = s_.model->has(Feat::HAFDBS) && r_.may_set;
  control_.set_access = updates && bit(tcr, two ? 39 : 21);
  control_.set_dirty = control_.set_access && bit(tcr, two ? 40 : 22);
  control_.hierarchical = !(s_.model->has(Feat::HPDS) && bit(tcr, two ? (high ? 42 : 41) : 24));
  return true;
}

// D8.4: what a page allows.
Mapping Stage1::leaf(const TableWalk::Leaf& l) const {
  Mapping m;
  m.address = l.address;
  m.size = l.size;
  const u64 sctlr = s_.sctlr[r_.level];
  const bool read_only = (l.descriptor & kDescAp2) || (l.hierarchical & kTableReadOnly);
  const bool dirty_managed = control_.set_dirty && (l.descriptor & kDescDbm) && !(l.hierarchical & kTableReadOnly);
  m.clean = dirty_managed && (l.descriptor & kDescAp2);
  const bool writes = !read_only || dirty_managed;
  if (r_.level == 1) {
    const bool el0 = (l.descriptor & kDescAp1) && !(l.hierarchical & kTableNoEl0);
    const bool data = r_.el0 ? el0 : !(r_.pan && el0);
    m.readable = data;
    m.writable = data && writes;
    const u64 never = r_.el0 ? kDescUxn : kDescPxn, never_below = r_.el0 ? kTableUxn : kTablePxn;
    m.executable = !(l.descriptor & never) && !(l.hierarchical & never_below);
    if (!r_.el0 && el0 && writes) m.executable = false;
    if ((sctlr & kSctlrWxn) && writes && (r_.el0 ? el0 : true)) m.executable = false;
    m.global = !(l.descriptor & kDescNotGlobal);
  } else {
    m.readable = true;
    m.writable = writes;
    m.executable = !(l.descriptor & kDescUxn) && !(l.hierarchical & kTableUxn) && !((sctlr & kSctlrWxn) && writes);
  }
  m.guarded = l.descriptor & kDescGuarded;
  m.attributes = u8(s_.mair[r_.level] >> 8 * bits(l.descriptor, 2, 3));
  m.shareability = u8(bits(l.descriptor, 8, 2));
  return m;
}

Mapped Stage1::run() {
  if (!(s_.sctlr[r_.level] & kSctlrM) || (r_.level == 1 && (effective_hcr(s_) & kHcrDc))) return flat();
  if (!choose_tables()) return fault(kFscTranslationLevel0);
  TableWalk tables(s_, memory_, r_, shape_, control_);
  const auto found = tables.run(r_.va, table_);
  if (const Fault* refused = std::get_if<Fault>(&found)) return *refused;
  TableWalk::Leaf page = std::get<TableWalk::Leaf>(found);
  Mapping m = leaf(page);
  if (!allowed(m)) return fault(kFscPermissionLevel0 | page.level);
  if (!tables.mark_used(page, r_.access == Access::write && m.clean)) return run();  // changed meanwhile
  if (r_.access == Access::write) m.clean = false;
  return m;
}

}  // namespace

Mapped translate_address(Aarch64State& s, PhysicalMemory& memory, const Request& r) {
  Mapped first = Stage1(s, memory, r).run();
  if (!r.stage2 || !stage2_enabled(s, r.level) || std::holds_alternative<Fault>(first)) return first;
  Mapping m = std::get<Mapping>(first);
  const Mapped second = translate_stage2(s, memory, r, m.address, false);
  if (std::holds_alternative<Fault>(second)) return second;
  const Mapping& p = std::get<Mapping>(second);
  m.address = p.address;
  m.size = std::min(m.size, p.size);
  m.readable &= p.readable;
  m.writable &= p.writable;
  m.executable &= p.executable;
  m.clean |= p.clean;
  return m;
}

Request request_for(const Aarch64State& s, GuestVa va, Access access, unsigned regime) {
  Request r;
  r.va = va;
  r.access = access;
  r.level = regime_level(s.current_el);
  r.el0 = r.level == 1 && regime == kRegimeEl0;
  r.pan = regime == kRegimeEl1Pan;
  return r;
}

WalkResult walk(Aarch64State& s, PhysicalMemory& memory, GuestVa va, Access access, unsigned regime) {
  const Mapped mapped = translate_address(s, memory, request_for(s, va, access, regime));
  if (const Fault* refused = std::get_if<Fault>(&mapped)) return *refused;
  const Mapping& m = std::get<Mapping>(mapped);
  Translation t;
  t.page = align_down(m.address, kPageSize);
  t.readable = m.readable;
  t.writable = m.writable && !m.clean;
  t.executable = m.executable;
  t.global = m.global;
  t.mapping_size = m.size;
  return t;
}

}  // namespace mimus::aarch64
