// `mimus dump`: decode, IR, optimised IR and host code of a few bytes or of a function, block by block.
#include <fmt/format.h>

#include <algorithm>

#include "core/passes/pass.h"
#include "machines/cli/commands.h"
#include "machines/cli/engines.h"
#include "machines/cli/isa.h"
#include "machines/load/elf.h"
#include "machines/load/file.h"

namespace mimus::cli {
namespace {

constexpr std::string_view kStages[] = {"decode", "ir", "opt", "host"};

struct CodeToShow {
  std::vector<u8> bytes;
  GuestPc address = 0;
};

Expected<std::vector<u8>> parse_hex(const std::string& text) {
  std::string digits;
  for (char c : text)
    if (c != ' ' && c != '_' && c != ',') digits += c;
  std::vector<u8> bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    const std::string pair = digits.substr(i, 2);
    auto value = parse_number("0x" + pair);
    if (pair.size() != 2 || !value)
      return usage_error(fmt::format("--bytes {}: wanted pairs of hex digits, as they lie in memory", text));
    bytes.push_back(u8(*value));
  }
  return bytes;
}

// The function's bytes: to its size if it has one, else to the next symbol or the end of the segment.
u64 length_of(const ElfFile& elf, const ElfSegment& segment, GuestPc start, const ElfSymbol* symbol) {
  const u64 offset = start - segment.virtual_address;
  u64 length = segment.data.size() > offset ? segment.data.size() - offset : 0;
  if (symbol && symbol->size) return std::min(length, symbol->size);
  for (const ElfSymbol& other : elf.symbols)
    if (other.value > start) length = std::min(length, other.value - start);
  return length;
}

Expected<CodeToShow> code_from_elf(const DumpOptions& options, u16 machine) {
  MIMUS_TRY(auto file, read_file(options.elf, "ELF file"));
  auto elf = parse_elf(file);
  if (!elf) return fail(fmt::format("{}: {}", options.elf, elf.error().message));
  if (elf->machine != machine) return fail(fmt::format("{}: not for --isa {}", options.elf, options.isa));
  const ElfSymbol* symbol = nullptr;
  if (!options.symbol.empty() && !(symbol = elf->find(options.symbol))) {
    std::vector<std::string> names;
    for (const ElfSymbol& s : elf->symbols) names.emplace_back(s.name);
    const std::string near = nearest(options.symbol, names);
    return fail(fmt::format("{}: no symbol '{}'{}", options.elf, options.symbol,
                            names.empty()  ? " (it has none: stripped)"
                            : near.empty() ? ""
                                           : "; did you mean " + near + "?"));
  }
  const GuestPc start = symbol ? symbol->value : elf->entry;
  const ElfSegment* segment = elf->segment_at(start);
  if (!segment) return fail(fmt::format("{}: {:#x} lies in no segment", options.elf, start));
  const u64 offset = start - segment->virtual_address;
  const u64 length = length_of(*elf, *segment, start, symbol);
  if (!length) return fail(fmt::format("{}: no code at {:#x}", options.elf, start));
  auto bytes = segment->data.subspan(offset, length);
  return CodeToShow{{bytes.begin(), bytes.end()}, start};
}

Expected<CodeToShow> find_code(const DumpOptions& options, u16 machine) {
  constexpr GuestPc kDefaultAddress = 0x80000000;
  if (options.bytes.empty() == options.elf.empty())
    return usage_error("mimus dump: give either --bytes HEX or --elf FILE");
  CodeToShow code{{}, kDefaultAddress};
  if (!options.elf.empty()) {
    MIMUS_TRY(code, code_from_elf(options, machine));
  } else {
    MIMUS_TRY(code.bytes, parse_hex(options.bytes));
  }
  if (!options.address.empty()) {
    auto address = parse_number(options.address);
    if (!address) return usage_error(fmt::format("--address {}: not a number", options.address));
    code.address = *address;
  }
  return code;
}

class Dumper {
 public:
  Dumper(const DumpOptions& options, const Frontend& frontend, Engine& engine)
      : options_(options), frontend_(frontend), engine_(engine), text_{frontend.layout(), frontend.helpers()} {}

  Expected<void> run(const CodeToShow& code) {
    auto state = frontend_.make_state(0);
    std::span<const u8> rest(code.bytes);
    GuestPc pc = code.address;
    while (!rest.empty()) {
      ir::Block block;
      block.key = {pc, pc, frontend_.mode_key(*state)};
      const u64 in_page = kPageSize - (pc & kPageMask);
      CodeBytes bytes{pc, rest, u32(std::min<u64>(in_page, rest.size())), std::nullopt};
      bytes.bytes = rest.first(std::min<size_t>(rest.size(), in_page + kPageSize));
      frontend_.translate(bytes, {}, block);
      const u64 used = std::clamp<u64>(block.guest_bytes, 1, rest.size());
      MIMUS_CHECK(show(block, rest.first(used)));
      rest = rest.subspan(used);
      pc += used;
    }
    return {};
  }

 private:
  bool shows(std::string_view stage) const { return std::ranges::find(options_.show, stage) != options_.show.end(); }

  Expected<void> show(ir::Block& block, std::span<const u8> bytes) {
    if (shows("decode")) decode(bytes, block.key.pc);
    if (shows("ir")) fmt::print("---- ir\n{}", ir::print(block, text_));
    if (!shows("opt") && !shows("host")) return {};
    passes::convert_hammocks(block, text_);
    passes::run_passes(block, text_);
    if (shows("opt")) fmt::print("---- opt\n{}", ir::print(block, text_));
    if (!shows("host")) return {};
    const ir::Block* blocks[] = {&block};
    MIMUS_TRY(auto code, engine_.prepare({{std::begin(blocks), std::end(blocks)}}, {}));
    const std::string listing = code->dump();
    fmt::print("---- host: {}\n{}{}", engine_.name(), listing, listing.ends_with('\n') ? "" : "\n");
    return {};
  }

  void decode(std::span<const u8> bytes, GuestPc pc) {
    fmt::print("---- decode\n");
    while (!bytes.empty()) {
      unsigned length = 0;
      const std::string text = frontend_.disassemble(bytes, pc, length);
      length = std::clamp<unsigned>(length, 1, unsigned(bytes.size()));
      std::string raw;
      for (u8 byte : bytes.first(length)) raw += fmt::format("{:02x}", byte);
      fmt::print("{:#x}: {:<8}  {}\n", pc, raw, text);
      bytes = bytes.subspan(length);
      pc += length;
    }
  }

  const DumpOptions& options_;
  const Frontend& frontend_;
  Engine& engine_;
  ir::TextContext text_;
};

}  // namespace

Expected<int> dump_command(const DumpOptions& options) {
  for (const std::string& stage : options.show) {
    if (std::ranges::find(kStages, stage) == std::end(kStages))
      return usage_error(fmt::format("--show {}: known stages are decode, ir, opt, host", stage));
  }
  MIMUS_TRY(auto isa, make_isa(options));
  MIMUS_TRY(auto engines, EngineSet::make(*isa.frontend, options.engine, {}));
  MIMUS_TRY(auto code, find_code(options, isa.elf_machine));
  MIMUS_TRY(Engine * engine, engines->to_show());
  MIMUS_CHECK(Dumper(options, *isa.frontend, *engine).run(code));
  return 0;
}

}  // namespace mimus::cli
