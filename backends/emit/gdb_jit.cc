#include "backends/emit/gdb_jit.h"

#include <elf.h>

#include <cstring>

// The interface prescribes these names, types and the global list.
extern "C" {

struct jit_code_entry {
  jit_code_entry* next_entry;
  jit_code_entry* prev_entry;
  const char* symfile_addr;
  std::uint64_t symfile_size;
};

struct jit_descriptor {
  std::uint32_t version;
  std::uint32_t action_flag;  // 0 none, 1 register, 2 unregister
  jit_code_entry* relevant_entry;
  jit_code_entry* first_entry;
};

// GDB breaks here.
[[gnu::noinline, gnu::used, gnu::visibility("default")]] void __jit_debug_register_code() { __asm__ volatile(""); }
[[gnu::used, gnu::visibility("default")]] jit_descriptor __jit_debug_descriptor = {1, 0, nullptr, nullptr};
}

namespace mimus::emit {

namespace {

enum Action : u32 { kRegister = 1, kUnregister = 2 };

std::mutex& list_mutex() {  // of the process-wide list above
  static std::mutex mutex;
  return mutex;
}

// What the file consists of, in this order.
struct Layout {
  Elf64_Ehdr header;
  Elf64_Shdr sections[5];  // none, .text, .symtab, .strtab, .shstrtab
  Elf64_Sym symbols[2];    // none, the function
};
constexpr char kSectionNames[] = "\0.text\0.symtab\0.strtab\0.shstrtab";
constexpr u32 kNameText = 1, kNameSymtab = 7, kNameStrtab = 15, kNameShstrtab = 23;

}  // namespace

std::vector<u8> symbol_file(u64 exec, u32 size, std::string_view name) {
  Layout file{};
  const u64 strings = sizeof file, string_bytes = name.size() + 2;
  Elf64_Ehdr& h = file.header;
  std::memcpy(h.e_ident, ELFMAG, SELFMAG);
  h.e_ident[EI_CLASS] = ELFCLASS64;
  h.e_ident[EI_DATA] = ELFDATA2LSB;
  h.e_ident[EI_VERSION] = EV_CURRENT;
  h.e_type = ET_EXEC;
  h.e_machine = EM_X86_64;
  h.e_version = EV_CURRENT;
  h.e_shoff = offsetof(Layout, sections);
  h.e_ehsize = sizeof(Elf64_Ehdr);
  h.e_shentsize = sizeof(Elf64_Shdr);
  h.e_shnum = 5;
  h.e_shstrndx = 4;
  file.sections[1] = {kNameText, SHT_NOBITS, SHF_ALLOC | SHF_EXECINSTR, exec, 0, size, 0, 0, 16, 0};
  file.sections[2] = {kNameSymtab,         SHT_SYMTAB, 0, 0, offsetof(Layout, symbols),
                      sizeof file.symbols, 3,          1, 8, sizeof(Elf64_Sym)};
  file.sections[3] = {kNameStrtab, SHT_STRTAB, 0, 0, strings, string_bytes, 0, 0, 1, 0};
  file.sections[4] = {kNameShstrtab, SHT_STRTAB, 0, 0, strings + string_bytes, sizeof kSectionNames, 0, 0, 1, 0};
  file.symbols[1] = {1, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), STV_DEFAULT, 1, 0, size};
  file.symbols[1].st_value = exec;

  std::vector<u8> bytes(strings + string_bytes + sizeof kSectionNames);
  std::memcpy(bytes.data(), &file, sizeof file);
  std::memcpy(bytes.data() + strings + 1, name.data(), name.size());
  std::memcpy(bytes.data() + strings + string_bytes, kSectionNames, sizeof kSectionNames);
  return bytes;
}

struct GdbJit::Entry {
  jit_code_entry link{};
  std::vector<u8> file;
};

void GdbJit::code_added(u64 exec, u32 size, std::string_view name) {
  auto entry = std::make_unique<Entry>();
  entry->file = symbol_file(exec, size, name);
  std::lock_guard lock(list_mutex());
  jit_code_entry& link = entry->link;
  link.symfile_addr = reinterpret_cast<const char*>(entry->file.data());
  link.symfile_size = entry->file.size();
  link.next_entry = __jit_debug_descriptor.first_entry;
  if (link.next_entry) link.next_entry->prev_entry = &link;
  __jit_debug_descriptor.first_entry = __jit_debug_descriptor.relevant_entry = &link;
  __jit_debug_descriptor.action_flag = kRegister;
  __jit_debug_register_code();
  entries_.push_back(std::move(entry));
}

GdbJit::GdbJit() = default;

GdbJit::~GdbJit() {
  std::lock_guard lock(list_mutex());
  for (const auto& entry : entries_) {
    jit_code_entry& link = entry->link;
    if (link.prev_entry)
      link.prev_entry->next_entry = link.next_entry;
    else
      __jit_debug_descriptor.first_entry = link.next_entry;
    if (link.next_entry) link.next_entry->prev_entry = link.prev_entry;
    __jit_debug_descriptor.relevant_entry = &link;
    __jit_debug_descriptor.action_flag = kUnregister;
    __jit_debug_register_code();
  }
}

}  // namespace mimus::emit
