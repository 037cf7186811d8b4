#include <algorithm>

#include "frontends/riscv/riscv.h"

namespace mimus::riscv {
namespace {

struct ExtInfo {
  std::string_view name;
  bool optional;
};
constexpr ExtInfo kExtensions[] = {
#define EXT(id, name, optional) {name, optional},
#include "frontends/riscv/extensions.def"
#undef EXT
};

constexpr u64 mandatory_extensions() {
  u64 set = 0;
  for (unsigned i = 0; i < kExtCount; ++i) set |= u64(!kExtensions[i].optional) << i;
  return set;
}

constexpr u64 set_of(std::initializer_list<Ext> list) {
  u64 set = 0;
  for (Ext ext : list) set |= u64{1} << unsigned(ext);
  return set;
}

// RISC-V Profiles 1.0, RVA22S64, mandatory extensions.
constexpr u64 kRva22 = set_of({Ext::Zicbom, Ext::Zicbop, Ext::Zicboz, Ext::Zicntr, Ext::Zihintpause, Ext::Zihpm,
                               Ext::Zfhmin, Ext::Zba, Ext::Zbb, Ext::Zbs, Ext::Svade, Ext::Svinval, Ext::Svpbmt});

// "max" leaves out what makes software choose something else that is not better here: Sv57 costs a step in each page
// walk, Svade an exception for each page, and AIA belongs to boards that have its controllers.
constexpr u64 kMax = kAllExtensions & ~set_of({Ext::Sv57, Ext::Svade, Ext::Smaia, Ext::Ssaia});

struct ModelRow {
  std::string_view name;
  u64 optional;  // extensions beside the mandatory ones
};
constexpr ModelRow kModels[] = {{"max", kMax}, {"rv64", 0}, {"rv64gc", 0}, {"rva22", kRva22}};

std::unexpected<Error> unknown_model(std::string_view name) {
  std::string known;
  for (const ModelRow& row : kModels) known += (known.empty() ? "" : ", ") + std::string(row.name);
  return usage_error("riscv64 has no CPU model named '" + std::string(name) + "' (known: " + known + ")");
}

// What an extension cannot do without: switched on with it, and it is switched off with what it needs.
constexpr std::pair<Ext, Ext> kNeeds[] = {
    {Ext::Zfh, Ext::Zfhmin}, {Ext::Zbkb, Ext::Zbb},    {Ext::Zbkc, Ext::Zbc},
    {Ext::Zcb, Ext::Zbb},    {Ext::Zcb, Ext::Zba},     {Ext::Zcmop, Ext::Zimop},
    {Ext::Zknd, Ext::Zkne},  {Ext::Smaia, Ext::Ssaia}, {Ext::Sscofpmf, Ext::Zihpm},
};
// Two answers to the same question: who sets A and D bits in page tables.
constexpr std::pair<Ext, Ext> kExcludes[] = {{Ext::Svade, Ext::Svadu}, {Ext::Svadu, Ext::Svade}};

void switch_off(CpuModel& model, Ext ext) {
  model.extensions &= ~set_of({ext});
  for (auto [user, needed] : kNeeds)
    if (needed == ext) switch_off(model, user);
}
void switch_on(CpuModel& model, Ext ext) {
  model.extensions |= set_of({ext});
  for (auto [user, needed] : kNeeds)
    if (user == ext) switch_on(model, needed);
  for (auto [one, other] : kExcludes)
    if (one == ext) switch_off(model, other);
}

Expected<void> switch_extension(CpuModel& model, std::string_view word) {
  std::string name(word.substr(1));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return char(c | 0x20); });
  const auto* row = std::ranges::find(kExtensions, std::string_view(name), &ExtInfo::name);
  if (row == std::end(kExtensions)) return usage_error("riscv64 has no CPU extension named '" + name + "'");
  if (!row->optional && word[0] == '-') return usage_error("the CPU extension '" + name + "' cannot be switched off");
  const Ext ext = Ext(row - kExtensions);
  word[0] == '+' ? switch_on(model, ext) : switch_off(model, ext);
  return {};
}

}  // namespace

Expected<CpuModel> parse_cpu_model(std::string_view text) {
  const std::string_view name = text.substr(0, text.find(','));
  const auto* row = std::ranges::find(kModels, name, &ModelRow::name);
  if (row == std::end(kModels)) return unknown_model(name);
  CpuModel model;
  model.name = name;
  model.extensions = mandatory_extensions() | row->optional;
  for (text.remove_prefix(name.size()); !text.empty();) {
    text.remove_prefix(1);  // the comma
    const std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(word.size());
    if (word.size() < 2 || (word[0] != '+' && word[0] != '-'))
      return usage_error("'" + std::string(word) + "' in --cpu is not +extension or -extension");
    MIMUS_CHECK(switch_extension(model, word));
  }
  return model;
}

std::vector<std::string> isa_extensions(const CpuModel& model) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < kExtCount; ++i) {
    if (model.has(Ext(i)) && !(set_of({Ext::S, Ext::Sv57}) >> i & 1)) names.emplace_back(kExtensions[i].name);
  }
  return names;
}

std::string isa_string(const CpuModel& model) {
  std::string text = "rv64";
  for (const std::string& name : isa_extensions(model)) text += (name.size() > 1 ? "_" : "") + name;
  return text;
}

}  // namespace mimus::riscv
