#include "tests/isa/assembler.h"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <optional>

#include "frontends/riscv/csr.h"
#include "frontends/riscv/immediate.h"
#include "frontends/riscv/random.h"

namespace mimus::test {
namespace {

using riscv::InsnDesc;
using Labels = std::map<std::string, GuestPc, std::less<>>;

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

std::optional<u64> parse_number(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  int base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  u64 value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return {};
  return negative ? 0 - value : value;
}

// An index for which name(index) is `text`.
template <class Name>
std::optional<u32> find_name(std::string_view text, u32 count, Name name) {
  for (u32 i = 0; i < count; ++i) {
    if (name(i) == text) return i;
  }
  return {};
}

struct Operands {
  const InsnDesc& row;
  const Labels& labels;
  GuestPc pc;
  u32 raw;

  bool reg(char letter, std::string_view text, bool is_float) {
    auto number = find_name(text, 32, is_float ? riscv::float_register_name : riscv::register_name);
    if (!number) return false;
    if (row.pattern.field(letter) == 0 && row.pattern.field('x') != 0) letter = 'x';
    specgen::BitRange range = specgen::bit_range(row.pattern, letter);
    if (range.width == 3 && (*number < 8 || *number > 15)) return false;
    if (range.width != 0) raw = riscv::set_field(row, raw, letter, *number & ((1u << range.width) - 1));
    return true;
  }
  bool immediate(u64 value) {
    raw = riscv::insert_immediate(row.format, raw, s64(value));
    return u64(riscv::extract_immediate(row.format, raw)) == value;
  }
  std::optional<u64> value(std::string_view text) const {
    auto label = labels.find(text);
    return label != labels.end() ? std::optional<u64>(label->second) : parse_number(text);
  }

  // Sets the fields of one operand word from its text; false if it does not fit.
  bool set(std::string_view word, std::string_view text) {
    if (word == "rd" || word == "fd") return reg('d', text, word[0] == 'f');
    if (word == "rs1" || word == "fs1") return reg('s', text, word[0] == 'f');
    if (word == "rs2" || word == "fs2") return reg('t', text, word[0] == 'f');
    if (word == "fs3") return reg('r', text, true);
    if (word == "csr") {
      auto number = find_name(text, 4096, [](u32 n) { return riscv::find_csr(n) ? riscv::find_csr(n)->name : ""; });
      if (!number) number = parse_number(text);
      if (number) raw = (raw & 0xfffff) | *number << 20;
      return number.has_value();
    }
    if (word == "pred" || word == "succ") {
      u32 set = 0;
      for (char c : text) set |= 8u >> std::string_view("iorw").find(c);
      raw |= set << (word == "pred" ? 24 : 20);
      return true;
    }
    if (word == "rtz") return text == word;
    auto number = value(text);
    if (!number) return word == "nonzero" && text.empty();
    if (word == "upper") return immediate(u64(s64(s32(u32(*number) << 12))));
    if (word == "odd") return (*number & 1) && immediate(*number & ~u64{1});
    if (word == "target") return immediate(*number - pc);
    return immediate(*number);
  }
};

struct Line {
  std::string_view mnemonic, operands;
};

bool rounding_mode(const InsnDesc& row, std::string_view& text, u32& raw) {
  if (row.pattern.field('m') == 0) return true;
  u32 mode = row.operands.ends_with('!') ? 0 : 7;
  constexpr std::string_view names[] = {"rne", "rtz", "rdn", "rup", "rmm"};
  size_t comma = text.rfind(", ");
  if (comma != text.npos) {
    if (auto named = find_name(text.substr(comma + 2), 5, [&](u32 i) { return names[i]; })) {
      mode = *named;
      text = text.substr(0, comma);
    }
  }
  raw = riscv::set_field(row, raw, 'm', mode);
  return true;
}

bool parse_operands(Operands& out, std::string_view text) {
  rounding_mode(out.row, text, out.raw);
  std::string_view format = out.row.operands;
  while (!format.empty()) {
    size_t word = 0;
    while (word < format.size() && std::isalnum(static_cast<unsigned char>(format[word]))) ++word;
    if (word == 0) {
      if (format[0] != '?' && format[0] != '!') {
        if (format[0] == ' ') {
          text = trim(text);
        } else if (text.starts_with(format[0])) {
          text.remove_prefix(1);
        } else {
          return false;
        }
      }
      format.remove_prefix(1);
      continue;
    }
    std::string_view name = format.substr(0, word);
    format.remove_prefix(word);
    size_t end = format.empty() || format[0] == '?' || format[0] == '!' ? text.size() : text.find(format[0]);
    if (end == text.npos || !out.set(name, text.substr(0, end))) return false;
    text.remove_prefix(end);
  }
  return text.empty();
}

// The row of a mnemonic, with the ordering suffix of an atomic in aq and rl.
const InsnDesc* find_row(std::string_view mnemonic, u32& raw) {
  auto by_name = [](std::string_view name) -> const InsnDesc* {
    for (const InsnDesc& row : riscv::instruction_table()) {
      if (row.mnemonic == name) return &row;
    }
    return nullptr;
  };
  const InsnDesc* row = by_name(mnemonic);
  u32 ordering = 0;
  for (auto [suffix, bits] : {std::pair{".aqrl", 3u}, {".aq", 2u}, {".rl", 1u}}) {
    std::string_view tail = suffix;
    if (row || !mnemonic.ends_with(tail)) continue;
    row = by_name(mnemonic.substr(0, mnemonic.size() - tail.size()));
    ordering = bits;
  }
  if (row) raw = row->pattern.match | ordering << 25;
  return row;
}

Line split(std::string_view text) {
  size_t space = text.find(' ');
  if (space == text.npos) return {text, {}};
  return {text.substr(0, space), trim(text.substr(space))};
}

Expected<u32> encode(std::string_view text, GuestPc pc, const Labels& labels) {
  Line line = split(trim(text));
  u32 raw = 0;
  const InsnDesc* row = find_row(line.mnemonic, raw);
  if (!row) return fail(fmt::format("no instruction '{}'", line.mnemonic));
  Operands operands{*row, labels, pc, raw};
  if (!parse_operands(operands, line.operands)) return fail(fmt::format("bad operands in '{}'", text));
  return operands.raw;
}

// li: the usual sequence of lui, addi and slli.
void load_constant(std::vector<std::string>& out, std::string_view rd, s64 value) {
  if (value >= -2048 && value < 2048) return out.push_back(fmt::format("addi {}, zero, {}", rd, value));
  s64 low = sign_extend(u64(value), 12);
  if (value == s32(value)) {
    out.push_back(fmt::format("lui {}, {:#x}", rd, (u64(value - low) >> 12) & 0xfffff));
    if (low) out.push_back(fmt::format("addiw {}, {}, {}", rd, rd, low));
    return;
  }
  load_constant(out, rd, s64(u64(value) - u64(low)) >> 12);
  out.push_back(fmt::format("slli {}, {}, 12", rd, rd));
  if (low) out.push_back(fmt::format("addi {}, {}, {}", rd, rd, low));
}

// Expands pseudo-instructions; la keeps its label for the second pass.
std::vector<std::string> expand(std::string_view text) {
  Line line = split(text);
  size_t comma = line.operands.find(',');
  std::string_view first = line.operands.substr(0, comma);
  std::string_view second = comma == line.operands.npos ? "" : trim(line.operands.substr(comma + 1));
  std::vector<std::string> out;
  if (line.mnemonic == "li") {
    load_constant(out, first, s64(parse_number(second).value_or(0)));
  } else if (line.mnemonic == "j") {
    out.push_back(fmt::format("jal zero, {}", first));
  } else if (line.mnemonic == "la") {
    out.push_back(fmt::format(".pcrel_hi {}, {}", first, second));
    out.push_back(fmt::format(".pcrel_lo {}, {}", first, second));
  } else {
    out.emplace_back(text);
  }
  return out;
}

struct Item {
  std::string text;
  GuestPc pc;
};

class Assembler {
 public:
  explicit Assembler(GuestPc base) : program_{base, {}, {}} {}

  Expected<Program> run(std::string_view source) {
    while (!source.empty()) {
      size_t end = source.find_first_of("\n;");
      MIMUS_CHECK(place(source.substr(0, end)));
      source.remove_prefix(end == source.npos ? source.size() : end + 1);
    }
    for (const Item& item : items_) MIMUS_CHECK(emit(item));
    program_.bytes.resize(at_ - program_.base);
    return std::move(program_);
  }

 private:
  // First pass: addresses.
  Expected<void> place(std::string_view text) {
    text = trim(text.substr(0, text.find('#')));
    size_t colon = text.find(':');
    if (colon != text.npos) {
      program_.labels[std::string(text.substr(0, colon))] = at_;
      text = trim(text.substr(colon + 1));
    }
    if (text.empty()) return {};
    for (std::string& one : expand(text)) {
      MIMUS_TRY(unsigned size, size_of(one));
      items_.push_back({std::move(one), at_});
      at_ += size;
    }
    return {};
  }

  Expected<unsigned> size_of(std::string_view text) {
    Line line = split(text);
    u64 number = parse_number(line.operands).value_or(0);
    if (line.mnemonic == ".dword") return 8u;
    if (line.mnemonic == ".word" || line.mnemonic.starts_with(".pcrel")) return 4u;
    if (line.mnemonic == ".align") return unsigned(align_up(at_, number) - at_);
    if (line.mnemonic == ".org") return unsigned(program_.base + number - at_);
    u32 raw = 0;
    const InsnDesc* row = find_row(line.mnemonic, raw);
    if (!row) return fail(fmt::format("no instruction '{}'", text));
    return unsigned(row->pattern.width / 8);
  }

  // Second pass: bytes.
  Expected<void> emit(const Item& item) {
    Line line = split(item.text);
    if (line.mnemonic == ".align" || line.mnemonic == ".org") return {};
    if (line.mnemonic == ".dword" || line.mnemonic == ".word") {
      auto label = program_.labels.find(line.operands);
      u64 value = label != program_.labels.end() ? label->second : parse_number(line.operands).value_or(0);
      put(item.pc, value, line.mnemonic == ".word" ? 4 : 8);
      return {};
    }
    MIMUS_TRY(u32 raw, encode(relocated(item, line), item.pc, program_.labels));
    put(item.pc, raw, riscv::insn_length(u16(raw)));
    return {};
  }

  std::string relocated(const Item& item, const Line& line) {
    if (!line.mnemonic.starts_with(".pcrel")) return item.text;
    size_t comma = line.operands.find(',');
    std::string_view rd = line.operands.substr(0, comma);
    bool high = line.mnemonic == ".pcrel_hi";
    auto label = program_.labels.find(trim(line.operands.substr(comma + 1)));
    u64 distance = (label == program_.labels.end() ? 0 : label->second) - (high ? item.pc : item.pc - 4);
    s64 low = sign_extend(distance, 12);
    if (!high) return fmt::format("addi {}, {}, {}", rd, rd, low);
    return fmt::format("auipc {}, {:#x}", rd, ((distance - u64(low)) >> 12) & 0xfffff);
  }

  void put(GuestPc pc, u64 value, unsigned bytes) {
    size_t offset = pc - program_.base;
    if (program_.bytes.size() < offset + bytes) program_.bytes.resize(offset + bytes);
    std::memcpy(&program_.bytes[offset], &value, bytes);
  }

  Program program_;
  std::vector<Item> items_;
  GuestPc at_ = program_.base;
};

}  // namespace

Expected<Program> assemble(std::string_view source, GuestPc base) { return Assembler(base).run(source); }

Expected<u32> assemble_insn(std::string_view text, GuestPc pc) { return encode(text, pc, {}); }

}  // namespace mimus::test
