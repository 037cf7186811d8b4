#include "machines/user/isa.h"

namespace mimus::user {
namespace {

struct Row {
  const IsaFacts& (*facts)();
  std::unique_ptr<UserIsa> (*make)(std::vector<std::string> extensions);
};
constexpr Row kIsas[] = {{riscv64_facts, make_riscv64}, {aarch64_facts, make_aarch64}};

}  // namespace

const IsaFacts* facts_of(u16 elf_machine) {
  for (const Row& row : kIsas)
    if (row.facts().elf_machine == elf_machine) return &row.facts();
  return nullptr;
}

std::string known_isas() {
  std::string names;
  for (const Row& row : kIsas) names += (names.empty() ? "" : ", ") + std::string(row.facts().name);
  return names;
}

std::unique_ptr<UserIsa> make_user_isa(const IsaFacts& facts, std::vector<std::string> extensions) {
  for (const Row& row : kIsas)
    if (&row.facts() == &facts) return row.make(std::move(extensions));
  return nullptr;
}

}  // namespace mimus::user
