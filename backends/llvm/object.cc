#include "backends/llvm/object.h"

#include <elf.h>

#include <algorithm>
#include <set>

#include "backends/llvm/symbols.h"

namespace mimus::jit {
namespace {

class Reader {
 public:
  explicit Reader(std::span<const u8> object) : object_(object) {}
  Expected<Blob> read();

 private:
  template <class T>
  std::span<const T> table(const Elf64_Shdr& s) const {
    return {reinterpret_cast<const T*>(object_.data() + s.sh_offset), size_t(s.sh_size / sizeof(T))};
  }
  std::string_view name(u32 offset) const { return reinterpret_cast<const char*>(object_.data() + names_ + offset); }
  Expected<void> find_tables(u32 names_section);
  void place(bool code);
  Expected<void> relocate(const Elf64_Shdr& relocations);

  std::span<const u8> object_;
  std::span<const Elf64_Shdr> sections_;
  std::span<const Elf64_Sym> symbols_;
  u64 names_ = 0;
  std::set<size_t> tables_;   // sections that are read here
  std::vector<u32> offsets_;  // of each section in the blob
  Blob blob_;
};

constexpr u32 kNotPlaced = ~u32{0};

// The language-specific data area of a function without types to catch (as GCC's C++ personality has it; Linux Standard
// Base, "Exception frames", gives the encodings): a header of three encodings, then the call sites.
Expected<std::vector<Blob::CallSite>> read_call_sites(std::span<const u8> bytes) {
  constexpr u8 kOmitted = 0xff, kUleb = 0x01;
  size_t at = 0;
  const auto byte = [&] { return at < bytes.size() ? bytes[at++] : (++at, u8{0}); };
  const auto number = [&] {
    u64 value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const u8 b = byte();
      if (shift < 64) value |= u64(b & 0x7f) << shift;
      if (!(b & 0x80)) return value;
    }
  };
  if (byte() != kOmitted) return fail("LLVM's exception table does not begin at the function");
  if (byte() != kOmitted) number();  // where its types are
  if (byte() != kUleb) return fail("LLVM's exception table has an unknown encoding");
  const u64 length = number(), end = at + length;
  std::vector<Blob::CallSite> sites;
  while (at < end && at < bytes.size()) {
    const u64 start = number(), size = number(), landing = number();
    number();  // action
    if (landing) sites.push_back({u32(start), u32(size), u32(landing)});
  }
  if (at != end || end > bytes.size()) return fail("LLVM's exception table is cut short");
  std::ranges::sort(sites, {}, &Blob::CallSite::start);
  return sites;
}

// Appends the sections that hold code (first, so that they are together) or the ones that hold constants.
void Reader::place(bool code) {
  for (size_t i = 0; i < sections_.size(); ++i) {
    const Elf64_Shdr& s = sections_[i];
    if (tables_.contains(i) || !(s.sh_flags & SHF_ALLOC) || s.sh_type != SHT_PROGBITS || s.sh_size == 0) continue;
    if (s.sh_flags & SHF_WRITE) continue;  // the address of the personality function
    if (bool(s.sh_flags & SHF_EXECINSTR) != code) continue;
    blob_.alignment = std::max(blob_.alignment, u32(s.sh_addralign));
    blob_.bytes.resize(align_up(blob_.bytes.size(), std::max<u64>(s.sh_addralign, 1)), code ? 0xcc : 0);
    offsets_[i] = u32(blob_.bytes.size());
    blob_.bytes.insert(blob_.bytes.end(), object_.begin() + s.sh_offset, object_.begin() + s.sh_offset + s.sh_size);
  }
}

Expected<void> Reader::relocate(const Elf64_Shdr& relocations) {
  const u32 base = offsets_[relocations.sh_info];
  if (base == kNotPlaced) return {};
  for (const Elf64_Rela& r : table<Elf64_Rela>(relocations)) {
    const Elf64_Sym& symbol = symbols_[ELF64_R_SYM(r.r_info)];
    const auto type = ELF64_R_TYPE(r.r_info);
    if (type != R_X86_64_PC32 && type != R_X86_64_PLT32)
      return fail("LLVM made a relocation of type " + std::to_string(type) + ", which a blob cannot hold");
    const u32 field = base + u32(r.r_offset);
    if (symbol.st_shndx == SHN_UNDEF) {
      blob_.references.push_back({field, s32(r.r_addend), std::string(name(symbol.st_name))});
      continue;
    }
    const u32 target = symbol.st_shndx < offsets_.size() ? offsets_[symbol.st_shndx] : kNotPlaced;
    if (target == kNotPlaced) return fail("LLVM refers to a section that is not part of the blob");
    const s32 value = s32(target + s64(symbol.st_value) + r.r_addend - field);
    std::memcpy(&blob_.bytes[field], &value, sizeof value);
  }
  return {};
}

Expected<void> Reader::find_tables(u32 names_section) {
  const char* names = reinterpret_cast<const char*>(object_.data() + sections_[names_section].sh_offset);
  for (size_t i = 0; i < sections_.size(); ++i) {
    const std::string_view name(names + sections_[i].sh_name);
    const auto content = [&] { return object_.subspan(sections_[i].sh_offset, sections_[i].sh_size); };
    if (name == ".llvm_stackmaps") {
      tables_.insert(i);
      MIMUS_TRY(blob_.stack_map, read_stack_map(content()));
    } else if (name == ".gcc_except_table" && sections_[i].sh_type == SHT_PROGBITS) {
      tables_.insert(i);
      MIMUS_TRY(blob_.call_sites, read_call_sites(content()));
    }
  }
  return {};
}

Expected<Blob> Reader::read() {
  const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(object_.data());
  sections_ = {reinterpret_cast<const Elf64_Shdr*>(object_.data() + header.e_shoff), header.e_shnum};
  offsets_.assign(sections_.size(), kNotPlaced);
  for (const Elf64_Shdr& s : sections_) {
    if (s.sh_type != SHT_SYMTAB) continue;
    symbols_ = table<Elf64_Sym>(s);
    names_ = sections_[s.sh_link].sh_offset;
  }
  MIMUS_CHECK(find_tables(header.e_shstrndx));
  place(true);
  blob_.code_bytes = u32(blob_.bytes.size());
  place(false);
  for (const Elf64_Shdr& s : sections_)
    if (s.sh_type == SHT_RELA) MIMUS_CHECK(relocate(s));
  for (const Elf64_Sym& symbol : symbols_) {
    if (name(symbol.st_name) != kEntryName) continue;
    blob_.entry = offsets_[symbol.st_shndx] + u32(symbol.st_value);
    return std::move(blob_);
  }
  return fail("LLVM made an object without a function");
}

}  // namespace

Expected<Blob> read_object(std::span<const u8> object) { return Reader(object).read(); }

}  // namespace mimus::jit
