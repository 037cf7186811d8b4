#include "frontends/riscv/csr.h"

#include <vector>

#include "core/engine/port.h"
#include "frontends/riscv/csr_access.h"
#include "frontends/riscv/trap.h"

namespace mimus::riscv {
namespace {

struct CsrTable {
  std::vector<CsrDesc> rows;
  std::array<s16, 4096> index;

  void add(u32 number, CsrDesc row) {
    index[number] = s16(rows.size());
    rows.push_back(std::move(row));
  }

  void add_range(u32 first, u32 count, std::string_view name, u32 number, const CsrDesc& row) {
    for (u32 i = 0; i < count; ++i) {
      CsrDesc copy = row;
      copy.name = std::string(name) + std::to_string(number + i);
      add(first + i, std::move(copy));
    }
  }

  CsrTable() {
    index.fill(-1);
    using Kind = CsrDesc::Kind;
#define CSR(number, name, ext, read, write, allowed) \
  add(number, {#name, Ext::ext, number < 4 ? Kind::fp : Kind::helper, 0, 0, csr::read, csr::write, csr::allowed});
#define CSR_SLOT(number, member, ext, writable)                                                                    \
  add(number,                                                                                                      \
      {#member, Ext::ext, Kind::slot, kSlot_##member, writable, [](const RiscvState& s, u32) { return s.member; }, \
       [](RiscvState& s, u64 value, u32) { s.member = value & (writable); }, nullptr});
#define CSR_RANGE(first, count, name, start, ext, read, write, allowed) \
  add_range(first, count, #name, start, {"", Ext::ext, Kind::helper, 0, 0, csr::read, csr::write, csr::allowed});
#include "frontends/riscv/csr.def"
#undef CSR
#undef CSR_SLOT
#undef CSR_RANGE
  }
};

constexpr u32 kCsrMip = 0x344, kCsrSip = 0x144;

bool counts_instructions(u32 number) {
  return number == 0xC00 || number == 0xC02 || number == 0xB00 || number == 0xB02;
}

}  // namespace

const CsrDesc* find_csr(u32 number) {
  static const CsrTable table;
  s16 row = table.index[number & 0xfff];
  return row < 0 ? nullptr : &table.rows[size_t(row)];
}

u64 peek_csr(const RiscvState& state, u32 number) {
  const CsrDesc* row = find_csr(number);
  return row ? row->read(state, number) : 0;
}

bool poke_csr(RiscvState& state, u32 number, u64 value) {
  const CsrDesc* row = find_csr(number);
  if (!row || CsrDesc::read_only(number)) return false;
  csr_assign(state, *row, number, value);
  return true;
}

bool csr_accessible(const RiscvState& state, const CsrDesc& row, u32 number) {
  return !row.allowed || row.allowed(state, number);
}

u64 csr_shown(const RiscvState& state, u32 number, u64 value, u64 retired) {
  // The count in the state is exact at block boundaries; it stands still when nothing is counted (see csr_user.cc).
  return counts_instructions(number) && state.insn_count != 0 ? value + retired : value;
}

void csr_assign(RiscvState& state, const CsrDesc& row, u32 number, u64 value) {
  if (!row.write) return;
  Watch before(state);
  row.write(state, value, number);
  before.tell_changes(state);
}

}  // namespace mimus::riscv
