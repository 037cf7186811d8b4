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

Expected<void> switch_extension(CpuModel& model, std::string_view word) {
  std::string name(word.substr(1));
  std::ranges::transform(name, name.begin(), [](unsigned char c) { return char(c | 0x20); });
  const auto* row = std::ranges::find(kExtensions, std::string_view(name), &ExtInfo::name);
  if (row == std::end(kExtensions)) return usage_error("riscv64 has no CPU extension named '" + name + "'");
  if (!row->optional && word[0] == '-') return usage_error("the CPU extension '" + name + "' cannot be switched off");
  u64 mask = u64{1} << (row - kExtensions);
  model.extensions = word[0] == '+' ? model.extensions | mask : model.extensions & ~mask;
  return {};
}

}  // namespace

Expected<CpuModel> parse_cpu_model(std::string_view text) {
  CpuModel model;
  bool first = true;
  while (first || !text.empty()) {
    std::string_view word = text.substr(0, text.find(','));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (first && word == "rv64") {
      model.name = word;
      model.extensions = mandatory_extensions();
    } else if (first && word != "max") {
      return usage_error("riscv64 has no CPU model named '" + std::string(word) + "' (known: max, rv64)");
    } else if (!first && word.size() > 1 && (word[0] == '+' || word[0] == '-')) {
      MIMUS_CHECK(switch_extension(model, word));
    } else if (!first) {
      return usage_error("'" + std::string(word) + "' in --cpu is not +extension or -extension");
    }
    first = false;
  }
  return model;
}

std::vector<std::string> isa_extensions(const CpuModel& model) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < kExtCount; ++i) {
    if (model.has(Ext(i)) && Ext(i) != Ext::S) names.emplace_back(kExtensions[i].name);
  }
  return names;
}

std::string isa_string(const CpuModel& model) {
  std::string text = "rv64";
  for (const std::string& name : isa_extensions(model)) text += (name.size() > 1 ? "_" : "") + name;
  return text;
}

}  // namespace mimus::riscv
