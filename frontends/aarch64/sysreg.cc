#include "frontends/aarch64/sysreg.h"

#include <algorithm>
#include <vector>

#include "core/engine/port.h"

namespace mimus::aarch64 {
namespace {

inline constexpr std::nullptr_t none = nullptr;
constexpr u64 kCounterFrequency = 62'500'000;  // Hz

// One field of an ID register: set where the model has the feature.
struct IdField {
  u8 lsb;
  Feat feature;
  u8 value;
};
u64 id_register(const Aarch64State& s, std::initializer_list<IdField> fields) {
  u64 value = 0;
  for (const IdField& f : fields) {
    if (!s.model->has(f.feature)) continue;
    const u64 mask = u64{15} << f.lsb;
    value = (value & ~mask) | std::max(value & mask, u64{f.value} << f.lsb);
  }
  return value;
}

u64 read_zero(Aarch64State&) { return 0; }
u64 read_tpidrro(Aarch64State& s) { return s.tpidrro_el0; }
// D24.2.34: lines of 64 bytes, PIPT; DIC and IDC clear, so that programs clean and invalidate after writing code.
u64 read_ctr(Aarch64State&) {
  constexpr u64 words = std::countr_zero(kCacheLine / 4);
  return u64{1} << 31 | words << 24 | words << 20 | words << 16 | u64{3} << 14 | words;
}
u64 read_dczid(Aarch64State&) { return std::countr_zero(kZeroBlock / 4); }
u64 read_nzcv_register(Aarch64State& s) { return read_nzcv(s); }
void write_nzcv_register(Aarch64State& s, u64 value) { write_nzcv(s, value); }
u64 read_dit(Aarch64State& s) { return s.pstate_dit ? kPstateDit : 0; }
void write_dit(Aarch64State& s, u64 value) { s.pstate_dit = (value & kPstateDit) != 0; }
u64 read_ssbs(Aarch64State& s) { return s.pstate_ssbs ? kPstateSsbs : 0; }
void write_ssbs(Aarch64State& s, u64 value) { s.pstate_ssbs = (value & kPstateSsbs) != 0; }
u64 read_fpcr(Aarch64State& s) { return s.fpcr; }
void write_fpcr_register(Aarch64State& s, u64 value) { write_fpcr(s, value); }
u64 read_fpsr_register(Aarch64State& s) { return read_fpsr(s); }
void write_fpsr_register(Aarch64State& s, u64 value) { write_fpsr(s, value); }
u64 read_cntfrq(Aarch64State&) { return kCounterFrequency; }
u64 read_cntvct(Aarch64State& s) { return s.port ? s.port->timebase() : 0; }
// Translated code takes the helper `random` instead, and sets the flags.
u64 read_random(Aarch64State& s) { return s.port ? s.port->random() : 0; }

u64 read_midr(Aarch64State& s) { return s.model->midr_el1; }
u64 read_mpidr(Aarch64State& s) { return u64{1} << 31 | s.cpu_index; }
u64 read_id_aa64pfr0(Aarch64State& s) {
  const u64 el = u64{1} << 4 | 1;  // EL1 and EL0 in AArch64 only
  const u64 half = s.model->has(Feat::AdvSIMDFP16) ? 1 : 0;
  return el | half << 20 | half << 16;
}
u64 read_id_aa64pfr1(Aarch64State& s) { return id_register(s, {{0, Feat::BTI, 1}, {4, Feat::SSBS, 2}}); }
u64 read_id_aa64isar0(Aarch64State& s) {
  return id_register(s, {{4, Feat::AES, 1},
                         {4, Feat::PMULL, 2},
                         {8, Feat::SHA1, 1},
                         {12, Feat::SHA256, 1},
                         {12, Feat::SHA512, 2},
                         {16, Feat::CRC32, 1},
                         {20, Feat::LSE, 2},
                         {28, Feat::RDM, 1},
                         {32, Feat::SHA3, 1},
                         {44, Feat::DotProd, 1},
                         {48, Feat::FHM, 1},
                         {52, Feat::FlagM, 1},
                         {52, Feat::FlagM2, 2},
                         {60, Feat::RNG, 1}});
}
u64 read_id_aa64isar1(Aarch64State& s) {
  return id_register(s, {{0, Feat::DPB, 1},
                         {0, Feat::DPB2, 2},
                         {8, Feat::PAuth, 1},
                         {12, Feat::JSCVT, 1},
                         {16, Feat::FCMA, 1},
                         {20, Feat::LRCPC, 1},
                         {20, Feat::LRCPC2, 2},
                         {28, Feat::PAuth, 1},
                         {32, Feat::FRINTTS, 1},
                         {36, Feat::SB, 1},
                         {44, Feat::BF16, 1},
                         {52, Feat::I8MM, 1}});
}
u64 read_id_aa64isar2(Aarch64State& s) { return id_register(s, {{16, Feat::MOPS, 1}}); }
u64 read_id_aa64mmfr2(Aarch64State& s) { return id_register(s, {{32, Feat::LSE2, 1}}); }

u64 read_spsr_el1(Aarch64State& s) { return s.spsr_el1; }
void write_spsr_el1(Aarch64State& s, u64 value) { s.spsr_el1 = value; }
u64 read_elr_el1(Aarch64State& s) { return s.elr_el1; }
void write_elr_el1(Aarch64State& s, u64 value) { s.elr_el1 = value; }
u64 read_sp_el0(Aarch64State& s) { return s.sp_el[0]; }
void write_sp_el0(Aarch64State& s, u64 value) { s.sp_el[0] = value; }
u64 read_current_el(Aarch64State& s) { return s.current_el << 2; }
u64 read_esr_el1(Aarch64State& s) { return s.esr_el1; }
void write_esr_el1(Aarch64State& s, u64 value) { s.esr_el1 = value; }
u64 read_far_el1(Aarch64State& s) { return s.far_el1; }
void write_far_el1(Aarch64State& s, u64 value) { s.far_el1 = value; }
u64 read_vbar_el1(Aarch64State& s) { return s.vbar_el1; }
void write_vbar_el1(Aarch64State& s, u64 value) { s.vbar_el1 = value & ~u64{0x7ff}; }

constexpr SysregDesc kSysregs[] = {
#define SYSREG(op0, op1, crn, crm, op2, name, feature, el, read, write) \
  {#name, sysreg_number(op0, op1, crn, crm, op2), Feat::feature, el, false, 0, read, write},
#define SYSREG_SLOT(op0, op1, crn, crm, op2, name, feature, slot) \
  {#name,                                                         \
   sysreg_number(op0, op1, crn, crm, op2),                        \
   Feat::feature,                                                 \
   0,                                                             \
   true,                                                          \
   kSlot_##slot,                                                  \
   [](Aarch64State& s) { return s.slot; },                        \
   [](Aarch64State& s, u64 value) { s.slot = value; }},
#include "frontends/aarch64/sysreg.def"
#undef SYSREG
#undef SYSREG_SLOT
};

}  // namespace

std::span<const SysregDesc> sysreg_table() { return kSysregs; }

const SysregDesc* find_sysreg(u32 number) {
  const auto* row = std::ranges::find(kSysregs, number, &SysregDesc::number);
  return row == std::end(kSysregs) ? nullptr : row;
}

}  // namespace mimus::aarch64
