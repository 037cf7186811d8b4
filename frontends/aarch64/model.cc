#include <algorithm>

#include "frontends/aarch64/aarch64.h"

namespace mimus::aarch64 {
namespace {

struct FeatureInfo {
  std::string_view name;
  bool optional;
  int hwcap, hwcap2;
};
constexpr FeatureInfo kFeatures[] = {
#define FEATURE(id, name, optional, hwcap, hwcap2) {name, optional, hwcap, hwcap2},
#include "frontends/aarch64/features.def"
#undef FEATURE
};

constexpr u64 set_of(std::initializer_list<Feat> list) {
  u64 set = 0;
  for (Feat feature : list) set |= u64{1} << unsigned(feature);
  return set;
}
constexpr u64 mandatory_features() {
  u64 set = 0;
  for (unsigned i = 0; i < kFeatureCount; ++i) set |= u64(!kFeatures[i].optional) << i;
  return set;
}

// Arm Cortex-A72 MPCore Processor TRM (100095): Armv8.0-A with the cryptographic extension.
constexpr u64 kCortexA72 = set_of({Feat::CRC32, Feat::AES, Feat::PMULL, Feat::SHA1, Feat::SHA256});
// Arm Neoverse N1 Core TRM (100616): Armv8.2-A.
constexpr u64 kNeoverseN1 =
    kCortexA72 | set_of({Feat::LSE, Feat::RDM, Feat::FP16, Feat::AdvSIMDFP16, Feat::DotProd, Feat::LRCPC, Feat::DPB,
                         Feat::SSBS, Feat::PAN, Feat::PAN2, Feat::UAO, Feat::HAFDBS, Feat::HPDS, Feat::TGran16});
// What translate functions exist for.
constexpr u64 kImplemented =
    mandatory_features() |
    set_of({Feat::CRC32,   Feat::AES,    Feat::PMULL,  Feat::SHA1,        Feat::SHA256,  Feat::SHA512, Feat::SHA3,
            Feat::LSE,     Feat::RDM,    Feat::FP16,   Feat::AdvSIMDFP16, Feat::DotProd, Feat::FHM,    Feat::FCMA,
            Feat::JSCVT,   Feat::LRCPC,  Feat::LRCPC2, Feat::DPB,         Feat::DPB2,    Feat::FlagM,  Feat::FlagM2,
            Feat::FRINTTS, Feat::SB,     Feat::SSBS,   Feat::DIT,         Feat::BTI,     Feat::RNG,    Feat::I8MM,
            Feat::BF16,    Feat::PAuth,  Feat::MOPS,   Feat::PAN,         Feat::PAN2,    Feat::UAO,    Feat::HAFDBS,
            Feat::HPDS,    Feat::TGran16});

struct ModelRow {
  std::string_view name;
  u64 features;
  u64 midr_el1;
  unsigned physical_bits;
};
constexpr ModelRow kModels[] = {{"max", kImplemented, 0x000f'0510, 48},
                                {"cortex-a72", mandatory_features() | kCortexA72, 0x410f'd083, 44},
                                {"neoverse-n1", mandatory_features() | kNeoverseN1, 0x414f'd0c1, 48}};

std::unexpected<Error> unknown_model(std::string_view name) {
  std::string known;
  for (const ModelRow& row : kModels) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return usage_error("aarch64 has no CPU model named '" + std::string(name) + "' (known: " + known + ")");
}

// What a feature cannot do without: switched on with it, and it is switched off with what it needs.
constexpr std::pair<Feat, Feat> kNeeds[] = {
    {Feat::LSE2, Feat::LSE},          {Feat::PMULL, Feat::AES},        {Feat::SHA512, Feat::SHA256},
    {Feat::SHA3, Feat::SHA512},       {Feat::AdvSIMDFP16, Feat::FP16}, {Feat::FHM, Feat::AdvSIMDFP16},
    {Feat::LRCPC2, Feat::LRCPC},      {Feat::DPB2, Feat::DPB},         {Feat::FlagM2, Feat::FlagM},
    {Feat::PAuthQarma5, Feat::PAuth}, {Feat::PAN2, Feat::PAN},
};
void switch_on(CpuModel& model, Feat feature) {
  model.features |= set_of({feature});
  for (auto [user, needed] : kNeeds)
    if (user == feature) switch_on(model, needed);
}
void switch_off(CpuModel& model, Feat feature) {
  model.features &= ~set_of({feature});
  for (auto [user, needed] : kNeeds)
    if (needed == feature) switch_off(model, user);
}

Expected<void> switch_feature(CpuModel& model, std::string_view word) {
  std::string name(word.substr(1));
  std::ranges::transform(name, name.begin(),
                         [](unsigned char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : char(c); });
  const auto* row = std::ranges::find(kFeatures, std::string_view(name), &FeatureInfo::name);
  if (row == std::end(kFeatures)) return usage_error("aarch64 has no CPU feature named '" + name + "'");
  if (!row->optional && word[0] == '-') return usage_error("the CPU feature '" + name + "' cannot be switched off");
  const Feat feature = Feat(row - kFeatures);
  word[0] == '+' ? switch_on(model, feature) : switch_off(model, feature);
  return {};
}

}  // namespace

Expected<CpuModel> parse_cpu_model(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(','));
  const auto* row = std::ranges::find(kModels, name, &ModelRow::name);
  if (row == std::end(kModels)) return unknown_model(name);
  CpuModel model;
  model.name = name;
  model.features = row->features;
  model.midr_el1 = row->midr_el1;
  model.physical_bits = row->physical_bits;
  for (text.remove_prefix(name.size()); !text.empty();) {
    text.remove_prefix(1);  // the comma
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(word.size());
    if (word.size() < 2 || (word[0] != '+' && word[0] != '-'))
      return usage_error("'" + std::string(word) + "' in --cpu is not +feature or -feature");
    MIMUS_CHECK(switch_feature(model, word));
  }
  return model;
}

std::vector<std::string> feature_names(const CpuModel& model) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < kFeatureCount; ++i)
    if (model.has(Feat(i)) && Feat(i) != Feat::Base) names.emplace_back(kFeatures[i].name);
  return names;
}

HardwareCapabilities hardware_capabilities(const std::vector<std::string>& features) {
  constexpr u64 kCpuid = 1 << 11;  // HWCAP_CPUID: reads of ID registers are emulated
  HardwareCapabilities caps{kCpuid, 0};
  for (const FeatureInfo& row : kFeatures) {
    if (std::ranges::find(features, row.name) == features.end()) continue;
    if (row.hwcap >= 0) caps.hwcap |= u64{1} << row.hwcap;
    if (row.hwcap2 >= 0) caps.hwcap2 |= u64{1} << row.hwcap2;
  }
  constexpr u64 kPaca = u64{1} << 30, kPacg = u64{1} << 31;  // two bits for one feature
  if (caps.hwcap & kPaca) caps.hwcap |= kPacg;
  return caps;
}

}  // namespace mimus::aarch64
