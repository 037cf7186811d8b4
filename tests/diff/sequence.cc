#include "tests/diff/sequence.h"

#include <fmt/format.h>

#include "tests/isa/assembler.h"

namespace mimus::diff {
namespace {

using riscv::Ext;
using riscv::Insn;
using riscv::InsnDesc;
using riscv::Rng;

constexpr riscv::CpuModel kModel{};
constexpr unsigned kContextRegister = 31;

bool is_memory(const InsnDesc& d) {
  return d.operands.find("(rs1)") != d.operands.npos && !d.mnemonic.starts_with("prefetch") && d.mnemonic != "jalr";
}
bool is_atomic(const InsnDesc& d) {
  return d.extension == Ext::A || d.extension == Ext::Zabha || d.extension == Ext::Zacas;
}
bool is_branch(const InsnDesc& d) { return d.operands.find("target") != d.operands.npos; }
bool is_jump_register(const InsnDesc& d) {
  return d.mnemonic == "jalr" || d.mnemonic == "c.jr" || d.mnemonic == "c.jalr";
}
bool is_csr(const InsnDesc& d) { return d.extension == Ext::Zicsr; }
bool writes_integer(const InsnDesc& d) { return !d.operands.starts_with("fd") && (d.rd.width != 0 || d.rd.base != 0); }

// Values at which operations have corners, as integers and as both kinds of floats.
u64 interesting(Rng& rng) {
  static constexpr u64 kWords[] = {0,
                                   1,
                                   2,
                                   0x7f,
                                   0x80,
                                   0x7fff,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   0x7fffffffffffffff,
                                   0x8000000000000000,
                                   ~u64{0},
                                   ~u64{1},
                                   63,
                                   64,
                                   0xfffffffffffff};
  u64 random = rng();
  switch (rng() % 4) {
    case 0: return kWords[random % std::size(kWords)];
    case 1: return random >> (rng() % 64);
    case 2: return u64(s64(random) >> (rng() % 64));
    default: return random;
  }
}

// The parts of a float of `exponent_bits` and `mantissa_bits`: special exponents and near ones come often.
u64 interesting_float(Rng& rng, unsigned exponent_bits, unsigned mantissa_bits) {
  u64 max = (u64{1} << exponent_bits) - 1, bias = max >> 1;
  u64 mantissa = rng() & ((u64{1} << mantissa_bits) - 1), exponent = rng() & max;
  switch (rng() % 8) {
    case 0: exponent = 0; break;
    case 1: exponent = max; break;
    case 2: exponent = max - 1; break;
    case 3:
    case 4: exponent = bias + rng() % 5 - 2; break;
    case 5: exponent = bias + rng() % 72 - 4; break;  // around the integers' limits
    default: break;
  }
  switch (rng() % 6) {
    case 0: mantissa = 0; break;
    case 1: mantissa = (u64{1} << mantissa_bits) - 1; break;
    case 2: mantissa = u64{1} << (rng() % mantissa_bits); break;
    case 3: mantissa = mantissa >> (mantissa_bits / 2) << (mantissa_bits / 2); break;  // products are exact
    default: break;
  }
  return (rng() & 1) << (exponent_bits + mantissa_bits) | exponent << mantissa_bits | mantissa;
}

u64 float_register(Rng& rng) {
  switch (rng() % 8) {
    case 0: return interesting(rng);  // seldom a proper NaN box
    case 1:
    case 2:
    case 3: return interesting_float(rng, 11, 52);
    default: return 0xffffffff00000000 | interesting_float(rng, 8, 23);
  }
}

// Instructions that always trap in user mode.
bool traps(const InsnDesc& d) {
  return d.extension == Ext::S || d.extension == Ext::Svinval || d.mnemonic == "ecall" ||
         d.mnemonic.ends_with("ebreak") || d.mnemonic == "mret" || d.mnemonic == "wfi";
}
// ecall would be a system call there.
bool oracle_knows(const InsnDesc& d) {
  static constexpr Ext kNewer[] = {Ext::Zimop, Ext::Zcmop, Ext::Zcb, Ext::Zabha, Ext::Zacas, Ext::Zfa};
  if (std::ranges::find(kNewer, d.extension) != std::end(kNewer)) return false;
  return d.extension != Ext::Zicond && d.extension != Ext::Zicbom && d.extension != Ext::Zicboz &&
         d.extension != Ext::Zawrs && d.mnemonic != "ecall";
}

class Maker {
 public:
  Maker(u64 seed, const Options& options) : rng_(seed), options_(options) {
    out_.seed = seed;
    MachineState& s = out_.before;
    for (u64& x : s.x) x = interesting(rng_);
    for (u64& f : s.f) f = float_register(rng_);
    s.fcsr = (rng_() % 5) << 5 | (rng_() & rng_() & 31);
    for (u8& byte : s.window) byte = u8(rng_());
    s.x[0] = 0;
    s.x[kContextRegister] = kContext;
  }

  Sequence run() {
    for (unsigned i = 0; i < options_.length; ++i) {
      tame_ = rng_() % 12 != 0;
      u32 raw = riscv::random_insn(
          rng_, [&](const InsnDesc& d) { return in_sequences(d, options_) && !(tame_ && traps(d)); });
      Insn insn;
      riscv::decode(raw, kModel, insn);
      entries_.push_back(next());
      if (!tame_ && rng_() % 8 == 0) {
        push(rng_() % 2 ? 0 : ~u32{0});  // defined to be illegal (Volume I, 1.5)
        continue;
      }
      add_row(*insn.desc, raw);
    }
    // An instruction must not be reached without the ones that prepare its address.
    for (Item& item : out_.items) {
      if (!item.target) continue;
      auto entry = std::ranges::lower_bound(entries_, *item.target);
      item.target = entry == entries_.end() ? next() : *entry;
    }
    return std::move(out_);
  }

 private:
  void push(u32 raw, std::optional<unsigned> target = {}) {
    out_.items.push_back({raw, u8(riscv::insn_length(u16(raw))), target});
  }
  void push(const std::string& text) { push(*test::assemble_insn(text)); }
  unsigned next() const { return unsigned(out_.items.size()); }

  void add_row(const InsnDesc& d, u32 raw) {
    // x31 is not to be written.
    if (writes_integer(d) && d.rd.get(raw) == kContextRegister) {
      raw = riscv::set_field(d, raw, d.pattern.field('d') ? 'd' : 'x', 30);
    }
    if (d.pattern.field('m') && tame_ && (raw >> 12 & 7) > 4) raw |= 7u << 12;
    if (is_csr(d)) return csr(d, raw);
    if (options_.oracle && d.mnemonic == "ctzw") {
      // The oracle (7.2) gives 63 for a zero word; Volume I, Zbb, ctzw wants 32.
      unsigned reg = address_register(d, raw);
      push(fmt::format("ori {0}, {0}, 1024", riscv::register_name(reg)));
    }
    if (is_branch(d)) return push(raw, next() + 1 + unsigned(rng_() % 4));
    if (is_jump_register(d)) return jump_register(d, raw);
    if (is_memory(d)) return memory(d, raw);
    push(raw);
  }

  // The register that is a row's address, changed if it is one that must not be written.
  unsigned address_register(const InsnDesc& d, u32& raw) {
    unsigned reg = d.rs1.get(raw);
    if (d.rs1.width == 5 && (reg == 0 || reg == kContextRegister)) {
      raw = riscv::set_field(d, raw, 's', reg = 9);
    }
    return reg;
  }

  void memory(const InsnDesc& d, u32 raw) {
    s64 imm = riscv::extract_immediate(d.format, raw);
    if (imm < -1024 || imm > 1024) {
      imm %= 1024;
      raw = riscv::insert_immediate(d.format, raw, imm);
      imm = riscv::extract_immediate(d.format, raw);
    }
    // The oracle looks neither at alignment nor at permissions when an SC has no reservation.
    bool sc = d.mnemonic.starts_with("sc.");
    bool tame = tame_ || (sc && options_.oracle);
    unsigned base = address_register(d, raw);
    if (!tame && rng_() % 2 == 0) return bad_address(base, imm, raw);
    u64 offset = rng_() % (kWindow - 8);
    if (is_atomic(d) ? tame : rng_() % 2 != 0) offset &= ~u64{7};
    // An SC of another width than the LR's may succeed or fail (Volume I, 14.2): LR and stray SC never meet.
    if (options_.oracle && d.mnemonic.starts_with("lr.")) offset %= kWindow / 2;
    if (options_.oracle && sc) offset = kWindow / 2 + offset % (kWindow / 2);
    if (d.mnemonic.starts_with("cbo")) offset = 128 + rng_() % 64;
    std::string address = fmt::format("addi {}, t6, {}", riscv::register_name(base), s64(offset) - 128 - imm);
    push(address);
    push(raw);
    if (tame_ && d.mnemonic.starts_with("lr.") && rng_() % 4 != 0) store_conditional(d, raw, base, address);
  }

  // Nothing is mapped from kRamEnd on, nor below kCode; an access may begin in the last page and end behind it.
  void bad_address(unsigned base, s64 imm, u32 raw) {
    auto name = riscv::register_name(base);
    switch (rng_() % 3) {
      case 0: push(fmt::format("lui {}, 0x20000", name)); break;
      case 1: push(fmt::format("addi {}, zero, {}", name, s64(rng_() % 1000) - imm)); break;
      default:
        push(fmt::format("lui {}, {:#x}", name, kRamEnd >> 12));
        push(fmt::format("addi {0}, {0}, {1}", name, -s64(rng_() % 8) - imm));
        break;
    }
    push(raw);
  }

  // The SC that belongs to an LR, with something in between.
  void store_conditional(const InsnDesc& lr, u32 raw, unsigned base, const std::string& address) {
    if (rng_() % 2) {
      riscv::Rng& rng = rng_;
      u32 between = riscv::random_insn(rng, [](const InsnDesc& d) { return d.extension == Ext::Zbb; });
      Insn insn;
      riscv::decode(between, kModel, insn);
      add_row(*insn.desc, between);
      push(address);
    } else if (lr.rd.get(raw) == base) {
      push(address);
    }
    unsigned rd = unsigned(rng_() % 31), value = unsigned(rng_() % 32);
    push(fmt::format("sc.{} {}, {}, ({})", lr.mnemonic.back(), riscv::register_name(rd), riscv::register_name(value),
                     riscv::register_name(base)));
  }

  // auipc and a jump through the register, which code() gives the distance.
  void jump_register(const InsnDesc& d, u32 raw) {
    unsigned reg = address_register(d, raw);
    unsigned target = next() + 3 + unsigned(rng_() % 3);
    push(fmt::format("auipc {}, 0", riscv::register_name(reg)));
    push(fmt::format("addi {0}, {0}, 0", riscv::register_name(reg)), target);
    push(d.format == riscv::Format::I ? riscv::insert_immediate(d.format, raw, s64(rng_() & 1)) : raw);
  }
  void push(const std::string& text, unsigned target) { push(*test::assemble_insn(text), target); }

  void csr(const InsnDesc& d, u32 raw) {
    u32 number = 1 + u32(rng_() % 3);
    raw = (raw & 0xfffff) | number << 20;
    bool immediate = d.format == riscv::Format::Csr;
    if (tame_ && number != 1) {
      // frm stays one of the five modes: a plain write of one, or no bit of it touched.
      bool write = d.mnemonic.starts_with("csrrw");
      u32 mask = number == 3 ? (write ? 0x7f : 0x1f) : (write ? 3 : 0);
      if (immediate) {
        raw = riscv::insert_immediate(d.format, raw, s64(number == 2 ? (write ? rng_() % 5 : 0) : rng_() & 31));
      } else {
        unsigned reg = address_register(d, raw);
        push(fmt::format("andi {0}, {0}, {1}", riscv::register_name(reg), mask));
      }
    }
    push(raw);
  }

  Rng rng_;
  const Options& options_;
  bool tame_ = true;  // the instruction in the making is not meant to trap
  Sequence out_;
  std::vector<unsigned> entries_;  // items that jumps may lead to
};

}  // namespace

bool in_sequences(const InsnDesc& row, const Options& options) { return !options.oracle || oracle_knows(row); }

Sequence make_sequence(u64 seed, const Options& options) { return Maker(seed, options).run(); }

std::vector<u8> Sequence::code(GuestVa base, GuestVa end) const {
  std::vector<u8> bytes;
  std::vector<GuestVa> at{base + 4};
  for (const Item& item : items) at.push_back(at.back() + item.length);
  auto put = [&](u32 raw, unsigned length) {
    for (unsigned i = 0; i < length; ++i) bytes.push_back(u8(raw >> (8 * i)));
  };
  put(*test::assemble_insn(fmt::format("lui t6, {:#x}", kContext >> 12)), 4);
  for (size_t i = 0; i < items.size(); ++i) {
    u32 raw = items[i].raw;
    if (items[i].target) {
      Insn insn;
      riscv::decode(raw, kModel, insn);
      // An addi with a target belongs to the auipc before it.
      GuestVa origin = is_branch(*insn.desc) ? at[i] : at[i - 1];
      raw = riscv::insert_immediate(insn.desc->format, raw, s64(at[*items[i].target] - origin));
    }
    put(raw, items[i].length);
  }
  put(*test::assemble_insn(fmt::format("jal zero, {:#x}", end), at.back()), 4);
  return bytes;
}

Sequence Sequence::prefix(unsigned count) const {
  Sequence part{seed, before, {items.begin(), items.begin() + count}};
  for (Item& item : part.items) {
    if (item.target) item.target = std::min(*item.target, count);
  }
  return part;
}

std::string Sequence::listing(GuestVa base) const {
  std::string text;
  std::vector<u8> bytes = code(base, base);
  GuestVa pc = base + 4;
  for (const Item& item : items) {
    u32 raw = 0;
    std::memcpy(&raw, &bytes[pc - base], item.length);
    Insn insn;
    bool known = riscv::decode(raw, kModel, insn);
    text += fmt::format("  {:#x}: {:<8x}  {}\n", pc, raw, known ? riscv::disassemble(insn, pc) : "(illegal)");
    pc += item.length;
  }
  return text;
}

void count_rows(const Sequence& sequence, riscv::Coverage& coverage) {
  for (const Item& item : sequence.items) {
    Insn insn;
    if (riscv::decode(item.raw, kModel, insn)) coverage.count(*insn.desc);
  }
}

namespace {

// Calls visit(name, value in a, value in b) for all that a state consists of.
template <class Visit>
void each_field(const MachineState& a, const MachineState& b, Visit visit) {
  for (unsigned i = 1; i < 31; ++i) visit(std::string(riscv::register_name(i)), a.x[i], b.x[i]);
  for (unsigned i = 0; i < 32; ++i) visit(std::string(riscv::float_register_name(i)), a.f[i], b.f[i]);
  visit(std::string("fcsr"), a.fcsr, b.fcsr);
  for (unsigned i = 0; i < kWindow; i += 8) {
    u64 left, right;
    std::memcpy(&left, &a.window[i], 8);
    std::memcpy(&right, &b.window[i], 8);
    visit(fmt::format("[{:#x}]", kContext - kWindow / 2 + i), left, right);
  }
}

}  // namespace

std::string differences(const MachineState& a, const MachineState& b) {
  std::string text;
  each_field(a, b, [&](const std::string& name, u64 left, u64 right) {
    if (left != right) text += fmt::format("  {}: {:#x} != {:#x}\n", name, left, right);
  });
  return text;
}

std::string values(const MachineState& state) {
  std::string text;
  each_field(state, state, [&](const std::string& name, u64 value, u64) {
    if (value) text += fmt::format("  {}: {:#x}\n", name, value);
  });
  return text;
}

}  // namespace mimus::diff
