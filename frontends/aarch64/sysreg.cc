#include "frontends/aarch64/sysreg.h"

#include <algorithm>
#include <vector>

#include "frontends/aarch64/sysreg_access.h"

namespace mimus::aarch64 {
namespace {

using namespace sysreg;

// The member of each slot.
#define SLOT(id, member, ...) \
  [[maybe_unused]] auto& slot_member_##id(Aarch64State& s) { return s.member; }
#include "frontends/aarch64/slots.def"
#undef SLOT

constexpr SysregDesc kSysregs[] = {
#define SYSREG(op0, op1, crn, crm, op2, name, feature, el, trap, read, write) \
  {#name, sysreg_number(op0, op1, crn, crm, op2), Feat::feature, el, Trap::trap, false, false, 0, read, write},
#define SYSREG_SLOT(op0, op1, crn, crm, op2, name, feature, el, trap, slot) \
  {#name,                                                                   \
   sysreg_number(op0, op1, crn, crm, op2),                                  \
   Feat::feature,                                                           \
   el,                                                                      \
   Trap::trap,                                                              \
   true,                                                                    \
   true,                                                                    \
   kSlot_##slot,                                                            \
   [](Aarch64State& s) { return slot_member_##slot(s); },                   \
   [](Aarch64State& s, u64 value) { slot_member_##slot(s) = value; }},
#define SYSREG_PLAIN(op0, op1, crn, crm, op2, name, feature, el, trap, member, writable) \
  {#name,                                                                                \
   sysreg_number(op0, op1, crn, crm, op2),                                               \
   Feat::feature,                                                                        \
   el,                                                                                   \
   Trap::trap,                                                                           \
   false,                                                                                \
   true,                                                                                 \
   0,                                                                                    \
   [](Aarch64State& s) { return s.member; },                                             \
   [](Aarch64State& s, u64 value) { s.member = (s.member & ~u64{writable}) | (value & (writable)); }},
#define SYSREG_CONST(op0, op1, crn, crm, op2, name, feature, el, trap, value)                   \
  {#name, sysreg_number(op0, op1, crn, crm, op2),   Feat::feature, el, Trap::trap, false, true, \
   0,     [](Aarch64State&) { return u64{value}; }, nullptr},
#define SYSREG_GIC(op0, op1, crn, crm, op2, name, el)                                   \
  {#name,                                                                               \
   sysreg_number(op0, op1, crn, crm, op2),                                              \
   Feat::Base,                                                                          \
   el,                                                                                  \
   Trap::gic,                                                                           \
   false,                                                                               \
   true,                                                                                \
   0,                                                                                   \
   [](Aarch64State& s) { return read_gic(s, sysreg_number(op0, op1, crn, crm, op2)); }, \
   [](Aarch64State& s, u64 value) { return write_gic(s, sysreg_number(op0, op1, crn, crm, op2), value); }},
#include "frontends/aarch64/sysreg.def"
#undef SYSREG
#undef SYSREG_SLOT
#undef SYSREG_PLAIN
#undef SYSREG_CONST
#undef SYSREG_GIC
};

// Row numbers in the order of the registers' numbers.
std::vector<u16> sorted_rows() {
  std::vector<u16> rows(std::size(kSysregs));
  for (u16 i = 0; i < rows.size(); ++i) rows[i] = i;
  std::ranges::sort(rows, {}, [](u16 row) { return kSysregs[row].number; });
  return rows;
}

}  // namespace

std::span<const SysregDesc> sysreg_table() { return kSysregs; }

const SysregDesc* find_sysreg(u32 number) {
  static const std::vector<u16> rows = sorted_rows();
  const auto at = std::ranges::lower_bound(rows, number, {}, [](u16 row) { return kSysregs[row].number; });
  return at == rows.end() || kSysregs[*at].number != number ? nullptr : &kSysregs[*at];
}

}  // namespace mimus::aarch64
