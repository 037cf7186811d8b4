#include "machines/load/elf.h"

#include <elf.h>
#include <fmt/format.h>

#include <algorithm>

namespace mimus {
namespace {

bool inside(std::span<const u8> data, u64 offset, u64 bytes) {
  return offset <= data.size() && bytes <= data.size() - offset;
}

// Copies structure number `index` of a table whose extent has been checked.
template <class T>
T row(std::span<const u8> data, u64 table, u64 row_size, u64 index) {
  T value;
  std::memcpy(&value, data.data() + table + row_size * index, sizeof value);
  return value;
}

Expected<Elf64_Ehdr> parse_header(std::span<const u8> data) {
  if (!is_elf(data)) return fail("not an ELF file");
  if (data.size() < sizeof(Elf64_Ehdr)) return fail("ELF header cut short");
  auto header = row<Elf64_Ehdr>(data, 0, 0, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64) return fail("a 32-bit ELF file; only 64-bit ones can run here");
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return fail("a big-endian ELF file");
  if (header.e_type == ET_REL) return fail("an object file (.o); link it first");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) return fail("not an executable ELF file");
  return header;
}

Expected<void> parse_segments(std::span<const u8> data, const Elf64_Ehdr& header, ElfFile& file) {
  if (!header.e_phnum) return fail("no program headers");
  if (header.e_phentsize < sizeof(Elf64_Phdr)) return fail("program headers of a wrong size");
  if (!inside(data, header.e_phoff, u64{header.e_phnum} * header.e_phentsize))
    return fail("program headers outside of the file (cut short?)");
  for (unsigned i = 0; i < header.e_phnum; i++) {
    auto ph = row<Elf64_Phdr>(data, header.e_phoff, header.e_phentsize, i);
    if (ph.p_type != PT_LOAD || !ph.p_memsz) continue;
    if (!inside(data, ph.p_offset, ph.p_filesz)) return fail(fmt::format("segment {} ends outside of the file", i));
    if (ph.p_filesz > ph.p_memsz) return fail(fmt::format("segment {} is larger in the file than in memory", i));
    if (ph.p_vaddr + ph.p_memsz < ph.p_vaddr || ph.p_paddr + ph.p_memsz < ph.p_paddr)
      return fail(fmt::format("segment {} wraps around the address space", i));
    file.segments.push_back(
        {ph.p_vaddr, ph.p_paddr, data.subspan(ph.p_offset, ph.p_filesz), ph.p_memsz, (ph.p_flags & PF_X) != 0});
  }
  if (file.segments.empty()) return fail("nothing to load in it");
  return {};
}

// Appends the symbols of one SHT_SYMTAB section; `strings` is its string table.
void parse_symbols(std::span<const u8> data, const Elf64_Shdr& table, std::span<const u8> strings, ElfFile& file) {
  if (table.sh_entsize < sizeof(Elf64_Sym)) return;
  for (u64 i = 1; i < table.sh_size / table.sh_entsize; i++) {
    auto symbol = row<Elf64_Sym>(data, table.sh_offset, table.sh_entsize, i);
    if (symbol.st_name == 0 || symbol.st_name >= strings.size() || symbol.st_shndx == SHN_UNDEF) continue;
    auto name = strings.subspan(symbol.st_name);
    auto end = std::ranges::find(name, u8{0});
    if (end == name.end()) continue;
    file.symbols.push_back({{reinterpret_cast<const char*>(name.data()), size_t(end - name.begin())},
                            symbol.st_value,
                            symbol.st_size,
                            ELF64_ST_TYPE(symbol.st_info) == STT_FUNC});
  }
}

// Symbols are a convenience: a damaged section table gives none, not an error.
void parse_sections(std::span<const u8> data, const Elf64_Ehdr& header, ElfFile& file) {
  if (header.e_shentsize < sizeof(Elf64_Shdr)) return;
  if (!inside(data, header.e_shoff, u64{header.e_shnum} * header.e_shentsize)) return;
  for (unsigned i = 0; i < header.e_shnum; i++) {
    auto section = row<Elf64_Shdr>(data, header.e_shoff, header.e_shentsize, i);
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= header.e_shnum) continue;
    auto strings = row<Elf64_Shdr>(data, header.e_shoff, header.e_shentsize, section.sh_link);
    if (!inside(data, section.sh_offset, section.sh_size) || !inside(data, strings.sh_offset, strings.sh_size))
      continue;
    parse_symbols(data, section, data.subspan(strings.sh_offset, strings.sh_size), file);
  }
}

}  // namespace

const ElfSymbol* ElfFile::find(std::string_view symbol) const {
  auto it = std::ranges::find(symbols, symbol, &ElfSymbol::name);
  return it == symbols.end() ? nullptr : &*it;
}

const ElfSegment* ElfFile::segment_at(u64 address, u64 bytes) const {
  for (const ElfSegment& s : segments) {
    const u64 offset = address - s.virtual_address;
    if (offset < s.memory_size && bytes <= s.memory_size - offset) return &s;
  }
  return nullptr;
}

bool is_elf(std::span<const u8> data) {
  return data.size() >= SELFMAG && std::memcmp(data.data(), ELFMAG, SELFMAG) == 0;
}

Expected<ElfFile> parse_elf(std::span<const u8> data) {
  MIMUS_TRY(auto header, parse_header(data));
  ElfFile file{header.e_machine, header.e_entry, {}, {}};
  MIMUS_CHECK(parse_segments(data, header, file));
  parse_sections(data, header, file);
  return file;
}

}  // namespace mimus
