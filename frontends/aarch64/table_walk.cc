#include "frontends/aarch64/table_walk.h"

#include "frontends/aarch64/exception.h"

namespace mimus::aarch64 {

Fault TableWalk::fault(u32 status) const {
  if (control_.stage2) status |= kIssStage2 | (control_.for_walk ? kIssS1ptw : 0);
  return abort_fault(r_.va, r_.access, status);
}

// Where a descriptor of stage 1 really is.
std::optional<Fault> TableWalk::locate(GuestPa& entry, Access access) const {
  if (control_.stage2 || !stage2_enabled(s_, r_.level)) return {};
  Request request = r_;
  request.access = access;
  const Mapped mapped = translate_stage2(s_, memory_, request, entry, true);
  if (const Fault* refused = std::get_if<Fault>(&mapped)) {
    // The syndrome tells about the access itself.
    return Fault{abort_fault(r_.va, r_.access, refused->cause & ~kIssWnr & 0x1ff'ffff).cause, r_.va};
  }
  entry = std::get<Mapping>(mapped).address;
  return {};
}

// D8.2: from the first table to the descriptor of a block or page.
std::variant<TableWalk::Leaf, Fault> TableWalk::run(u64 address, GuestPa table) {
  if (out_of_range(table)) return fault(kFscAddressSize);
  table = align_down(table, shape_.first_table_bytes());
  u64 hierarchical = 0;
  for (unsigned level = shape_.start_level;; ++level) {
    GuestPa entry = table + kEntryBytes * shape_.index(address, level);
    if (auto refused = locate(entry, Access::read)) return *refused;
    u64 d = 0;
    if (!memory_.load_entry(entry, kEntryBytes, d)) return fault(kFscExternalOnWalk | level);
    const bool table_bit = d & kDescTable;
    if (!(d & kDescValid)) return fault(kFscTranslationLevel0 | level);
    if (level == kLastLevel ? !table_bit : !table_bit && !shape_.block_allowed(level))
      return fault(kFscTranslationLevel0 | level);
    if (level == kLastLevel || !table_bit) return finish(address, {0, 0, level, d, hierarchical, entry});
    if (control_.hierarchical) hierarchical |= d;
    table = shape_.next_table(d);
    if (out_of_range(table)) return fault(kFscAddressSize | level);
  }
}

std::variant<TableWalk::Leaf, Fault> TableWalk::finish(u64 address, Leaf leaf) const {
  const unsigned shift = shape_.shift(leaf.level);
  const u64 mask = (u64{1} << shift) - 1;
  leaf.address = shape_.output(leaf.descriptor, leaf.level) | (address & mask);
  leaf.size = u64{1} << (leaf.descriptor & kDescContiguous ? shape_.contiguous_shift(leaf.level) : shift);
  if (out_of_range(leaf.address)) return fault(kFscAddressSize | leaf.level);
  if (!(leaf.descriptor & kDescAf) && !control_.set_access) return fault(kFscAccessFlag | leaf.level);
  return leaf;
}

// D8.4.6: hardware management of the access flag and the dirty state.
bool TableWalk::mark_used(Leaf& leaf, bool dirty) {
  u64 wanted = leaf.descriptor | kDescAf;
  if (dirty) wanted = control_.stage2 ? wanted | kDescS2Write : wanted & ~kDescAp2;
  if (wanted == leaf.descriptor || !r_.may_set) return true;
  u64 expected = leaf.descriptor;
  bool swapped = false;
  // What is not RAM cannot be updated: then the flag stays as it is.
  if (!memory_.update_entry(leaf.entry, kEntryBytes, expected, wanted, swapped)) return true;
  leaf.descriptor = wanted;
  return swapped;
}

// -- stage 2 --

bool stage2_enabled(const Aarch64State& s, unsigned level) {
  return level == 1 && (effective_hcr(s) & (kHcrVm | kHcrDc));
}

namespace {

// D8.5: S2AP and XN; a leaf of stage 2.
Mapping stage2_leaf(const Request& r, const TableWalk::Leaf& l, const TableControl& control) {
  Mapping m;
  m.address = l.address;
  m.size = l.size;
  m.readable = l.descriptor & kDescS2Read;
  const bool dirty_managed = control.set_dirty && (l.descriptor & kDescDbm);
  m.clean = dirty_managed && !(l.descriptor & kDescS2Write);
  m.writable = (l.descriptor & kDescS2Write) || dirty_managed;
  const u64 xn =
      bits(l.descriptor, 53, 2);  // FEAT_XNX: 00 none, 01 not at EL1, 10 never, 11 not at EL0... of EL1 and EL0
  m.executable = xn == 0 || (xn == 1 && r.el0) || (xn == 3 && !r.el0);
  m.executable &= m.readable;
  return m;
}

// VTCR_EL2: shape and control of the tables. False: no such shape.
bool stage2_shape(const Aarch64State& s, TableShape& shape, TableControl& control) {
  const u64 vtcr = s.vtcr_el2;
  constexpr u8 kGranule[] = {12, 16, 14, 12};
  shape.granule = kGranule[bits(vtcr, 14, 2)];
  const unsigned tsz = unsigned(bits(vtcr, 0, 6)), sl0 = unsigned(bits(vtcr, 6, 2));
  shape.input_bits = 64 - std::min(std::max(tsz, 16u), 39u);
  if (sl0 == 3) return false;
  shape.start_level = shape.granule == 12 ? 2 - sl0 : 3 - sl0;
  if (shape.input_bits <= shape.shift(shape.start_level)) return false;
  if (shape.index_bits(shape.start_level) > shape.stride() + 4) return false;  // at most 16 tables in a row
  control.output_bits = std::min(address_bits(bits(vtcr, 16, 3)), s.model->physical_bits);
  control.stage2 = true;
  const bool updates = s.model->has(Feat::HAFDBS);
  control.set_access = updates && bit(vtcr, 21);
  control.set_dirty = control.set_access && bit(vtcr, 22);
  return true;
}

}  // namespace

Mapped translate_stage2(Aarch64State& s, PhysicalMemory& memory, const Request& r, GuestPa ipa, bool for_walk) {
  Mapping flat;
  flat.address = ipa;
  flat.readable = flat.writable = flat.executable = true;
  if (!(effective_hcr(s) & kHcrVm)) return flat;  // HCR_EL2.DC without VM
  s.fault_ipa = ipa;
  TableShape shape;
  TableControl control;
  auto fault = [&](u32 status) {
    return abort_fault(r.va, r.access, status | kIssStage2 | (for_walk ? kIssS1ptw : 0));
  };
  if (!stage2_shape(s, shape, control) || ipa >> shape.input_bits) return fault(kFscTranslationLevel0);
  control.for_walk = for_walk;
  control.set_access &= r.may_set;
  control.set_dirty &= r.may_set;
  TableWalk tables(s, memory, r, shape, control);
  auto found = tables.run(ipa, bits(s.vttbr_el2, 1, 47) << 1);
  if (const Fault* refused = std::get_if<Fault>(&found)) return *refused;
  auto& leaf = std::get<TableWalk::Leaf>(found);
  Mapping m = stage2_leaf(r, leaf, control);
  const bool device = bits(leaf.descriptor, 4, 2) == 0;
  const bool allowed = r.access == Access::read    ? m.readable
                       : r.access == Access::write ? m.writable
                       : for_walk                  ? m.readable
                                                   : m.executable;
  if (!allowed || (for_walk && device && (s.hcr_el2 & kHcrPtw))) return fault(kFscPermissionLevel0 | leaf.level);
  if (!tables.mark_used(leaf, r.access == Access::write && m.clean))
    return translate_stage2(s, memory, r, ipa, for_walk);
  if (r.access == Access::write) m.clean = false;
  return m;
}

}  // namespace mimus::aarch64
