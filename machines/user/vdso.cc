#include "machines/user/vdso.h"

#include <elf.h>

#include "core/base/embedded.h"

// MIMUS_VDSO_<ISA> is the path of roms/vdso/mimus-vdso-<isa>.so.
MIMUS_EMBED(riscv64, "4096", MIMUS_VDSO_RISCV64)
MIMUS_EMBED(aarch64, "4096", MIMUS_VDSO_AARCH64)

namespace mimus::user {

std::span<const u8> riscv64_vdso() { return riscv64(); }
std::span<const u8> aarch64_vdso() { return aarch64(); }

// The image is our own: its tables are where its section headers say.
u64 vdso_symbol(std::span<const u8> image, std::string_view name) {
  auto at = [&]<class T>(u64 offset, T*) { return reinterpret_cast<const T*>(image.data() + offset); };
  const auto* header = at(0, static_cast<Elf64_Ehdr*>(nullptr));
  const auto* sections = at(header->e_shoff, static_cast<Elf64_Shdr*>(nullptr));
  for (unsigned i = 0; i < header->e_shnum; i++) {
    if (sections[i].sh_type != SHT_DYNSYM) continue;
    const auto* symbols = at(sections[i].sh_offset, static_cast<Elf64_Sym*>(nullptr));
    const auto* strings = at(sections[sections[i].sh_link].sh_offset, static_cast<char*>(nullptr));
    for (u64 s = 0; s < sections[i].sh_size / sizeof *symbols; s++)
      if (name == strings + symbols[s].st_name) return symbols[s].st_value;
  }
  return 0;
}

}  // namespace mimus::user
