// Identification registers: what the CPU model has (DDI 0487, D24.2.57 and on).
#include <algorithm>

#include "core/device/cpu_interrupt_port.h"
#include "frontends/aarch64/mmu.h"
#include "frontends/aarch64/sysreg_access.h"

namespace mimus::aarch64::sysreg {
namespace {

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

}  // namespace

// D24.2.34: lines of 64 bytes, PIPT; DIC and IDC clear, so that programs clean and invalidate after writing code.
u64 read_ctr(Aarch64State&) {
  constexpr u64 words = std::countr_zero(kCacheLine / 4);
  return u64{1} << 31 | words << 24 | words << 20 | words << 16 | u64{3} << 14 | words;
}
// Below EL2 what EL2 shows in its place.
u64 read_midr(Aarch64State& s) { return s.current_el == 1 && el2_enabled(s) ? s.vpidr_el2 : s.model->midr_el1; }
u64 read_mpidr(Aarch64State& s) { return s.current_el == 1 && el2_enabled(s) ? s.vmpidr_el2 : mpidr_of(s); }

// The selected cache: sets, ways and lines as in the Cortex-A72's.
u64 read_ccsidr(Aarch64State& s) {
  constexpr u64 kLine = std::countr_zero(kCacheLine) - 4;
  auto cache = [](u64 sets, u64 ways) { return (sets - 1) << 13 | (ways - 1) << 3 | kLine; };
  switch (s.csselr_el1) {
    case 0: return cache(256, 2);    // 32 KiB of data
    case 1: return cache(256, 3);    // 48 KiB of instructions
    case 2: return cache(1024, 16);  // 1 MiB of both
    default: return 0;
  }
}

u64 read_id_aa64pfr0(Aarch64State& s) {
  const u64 el = u64{1} << 4 | 1;  // EL1 and EL0 in AArch64 only
  const u64 half = s.model->has(Feat::AdvSIMDFP16) ? 1 : 0;
  const bool gic = s.interrupt_port && s.interrupt_port->has_registers();
  return el | u64{s.model->el2()} << 8 | u64{s.model->el3()} << 12 | half << 20 | half << 16 | u64{gic} << 24;
}
u64 read_id_aa64pfr1(Aarch64State& s) { return id_register(s, {{0, Feat::BTI, 1}, {4, Feat::SSBS, 2}}); }
// Armv8 debug architecture; breakpoints, watchpoints, context-aware breakpoints less one.
u64 read_id_aa64dfr0(Aarch64State&) {
  return u64{6} | u64{kBreakpoints - 1} << 12 | u64{kWatchpoints - 1} << 20 | u64{1} << 28;
}
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
  // APA and GPA for the architected algorithm, API and GPI for the other; FEAT_PAuth2.
  constexpr u64 kArchitected = u64{3} << 4 | u64{1} << 24, kOther = u64{3} << 8 | u64{1} << 28;
  const u64 pauth = !s.model->has(Feat::PAuth) ? 0 : s.model->has(Feat::PAuthQarma5) ? kArchitected : kOther;
  return pauth | id_register(s, {{0, Feat::DPB, 1},
                                 {0, Feat::DPB2, 2},
                                 {12, Feat::JSCVT, 1},
                                 {16, Feat::FCMA, 1},
                                 {20, Feat::LRCPC, 1},
                                 {20, Feat::LRCPC2, 2},
                                 {32, Feat::FRINTTS, 1},
                                 {36, Feat::SB, 1},
                                 {44, Feat::BF16, 1},
                                 {52, Feat::I8MM, 1}});
}
u64 read_id_aa64isar2(Aarch64State& s) { return id_register(s, {{16, Feat::MOPS, 1}}); }
// Granules of 4 and 64 KiB always, 16 KiB by model; 16 bits of ASID; data is little-endian only.
u64 read_id_aa64mmfr0(Aarch64State& s) {
  return encode_address_bits(s.model->physical_bits) | u64{2} << 4 | id_register(s, {{20, Feat::TGran16, 1}});
}
u64 read_id_aa64mmfr1(Aarch64State& s) {
  return id_register(s, {{0, Feat::HAFDBS, 2}, {12, Feat::HPDS, 1}, {20, Feat::PAN, 1}, {20, Feat::PAN2, 2}});
}
u64 read_id_aa64mmfr2(Aarch64State& s) { return id_register(s, {{4, Feat::UAO, 1}, {32, Feat::LSE2, 1}}); }

}  // namespace mimus::aarch64::sysreg
