#include "tests/diff/aarch64_sequence.h"

#include <fmt/format.h>

#include <algorithm>

namespace mimus::diff::a64 {
namespace {

using aarch64::Format;
using aarch64::Insn;
using aarch64::InsnDesc;
using aarch64::Rng;

// Values at which operations have corners.
u64 interesting(Rng& rng) {
  static constexpr u64 kWords[] = {0,       1,          2,          0x7f,       0x80,         0x7fff,
                                   0x8000,  0x7fffffff, 0x80000000, 0xffffffff, ~u64{0} >> 1, u64{1} << 63,
                                   ~u64{0}, 63,         64};
  const u64 random = rng();
  switch (rng() % 4) {
    case 0: return kWords[random % std::size(kWords)];
    case 1: return random >> (rng() % 64);
    case 2: return u64(s64(random) >> (rng() % 64));
    default: return random;
  }
}

// The parts of a float: special exponents and near ones come often.
u64 interesting_float(Rng& rng, unsigned exponent_bits, unsigned mantissa_bits) {
  const u64 max = (u64{1} << exponent_bits) - 1, bias = max >> 1;
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
    default: break;
  }
  return (rng() & 1) << (exponent_bits + mantissa_bits) | exponent << mantissa_bits | mantissa;
}
u64 vector_half(Rng& rng) {
  switch (rng() % 4) {
    case 0: return interesting(rng);
    case 1: return interesting_float(rng, 8, 23) | interesting_float(rng, 8, 23) << 32;
    default: return interesting_float(rng, 11, 52);
  }
}

bool contains(const InsnDesc& d, std::string_view text) { return d.operands.find(text) != d.operands.npos; }
bool is_memory(const InsnDesc& d) { return contains(d, "[Xn_sp"); }
bool is_branch(const InsnDesc& d) {
  return d.format == Format::Branch26 ||
         (contains(d, "target") && d.pattern.field('i') && !d.mnemonic.starts_with("ld") &&
          !d.mnemonic.starts_with("prf") && d.mnemonic != "adr");
}
bool is_literal(const InsnDesc& d) { return contains(d, "target") && !is_branch(d) && d.mnemonic != "adr"; }
bool writes_back(const InsnDesc& d) { return contains(d, "]!") || contains(d, "],"); }
bool is_pair(const InsnDesc& d) { return d.format == Format::Imm7; }
bool is_simd_row(const InsnDesc& d) { return d.pattern.mask & 1u << 26 && d.pattern.match & 1u << 26; }

// The oracle extends the sign of FCVTZS and FCVTZU (scalar, fixed-point) beyond the halfword that they write.
bool oracle_errs(u32 raw) { return (raw & 0xdff0'fc00) == 0x5f10'fc00; }

class Maker {
 public:
  Maker(u64 seed, unsigned length) : rng_(seed), length_(length) {
    out_.seed = seed;
    MachineState& s = out_.before;
    for (u64& x : s.x) x = interesting(rng_);
    for (auto& v : s.v)
      for (u64& half : v) half = vector_half(rng_);
    s.sp = interesting(rng_);
    s.nzcv = (rng_() & 15) << 28;
    constexpr u64 kModes = 0x07c80000;  // AHP, DN, FZ, RMode, FZ16
    s.fpcr = rng_() % 2 ? 0 : rng_() & (rng_() | 0xc00000) & kModes;
    s.fpsr = rng_() & rng_() & 0x0800009f;
    for (u8& byte : s.window) byte = u8(rng_());
    s.x[kContextRegister] = kContext;
  }

  Sequence run() {
    for (unsigned i = 0; i < length_; ++i) {
      const u32 raw = aarch64::random_insn(rng_, model(), in_sequences);
      if (oracle_errs(raw)) continue;
      Insn insn;
      aarch64::decode(raw, model(), insn);
      entries_.push_back(next());
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
  unsigned next() const { return unsigned(out_.items.size()); }
  void push(u32 raw, std::optional<unsigned> target = {}) { out_.items.push_back({raw, target}); }

  static u32 field(u32 raw, unsigned lsb) { return raw >> lsb & 31; }
  static u32 with(u32 raw, unsigned lsb, u32 value) { return (raw & ~(31u << lsb)) | value << lsb; }

  // x28 is not to be written: every 5-bit register field that names it names another one.
  u32 keep_context(const InsnDesc& d, u32 raw) {
    for (char letter : std::string_view("dnma")) {
      const specgen::BitRange range = specgen::bit_range(d.pattern, letter);
      if (range.width == 5 && range.get(raw) == kContextRegister) raw = with(raw, range.lsb, kContextRegister - 2);
    }
    return raw;
  }

  void add_row(const InsnDesc& d, u32 raw) {
    raw = keep_context(d, raw);
    if (is_branch(d)) return push(raw, next() + 1 + unsigned(rng_() % 4));
    if (is_literal(d)) raw = aarch64::insert_immediate(d.format, raw, s64(rng_() % 16) * 4);
    if (is_memory(d)) return memory(d, raw);
    push(raw);
  }

  // add or sub xN, x28, #offset
  void point(unsigned reg, int offset) {
    const u32 base = offset < 0 ? 0xd1000000 : 0x91000000;
    push(base | u32(std::abs(offset)) << 10 | kContextRegister << 5 | reg);
  }

  // Where reuse of a register is UNPREDICTABLE it is given another one.
  u32 distinct(const InsnDesc& d, u32 raw, unsigned base) {
    const bool simd = is_simd_row(d);
    auto away = [&](unsigned lsb, std::initializer_list<u32> from) {
      u32 value = field(raw, lsb);
      while (std::ranges::find(from, value) != from.end() || (!simd && value == kContextRegister))
        value = (value + 5) % 27;
      raw = with(raw, lsb, value);
    };
    const bool exclusive_store = d.mnemonic.starts_with("st{l}x");
    if (!simd && writes_back(d)) away(0, {base});
    if (is_pair(d) || d.mnemonic.ends_with("xp")) {
      if (!simd && writes_back(d)) {
        away(10, {base, field(raw, 0)});
      } else {
        away(10, {field(raw, 0)});
      }
    }
    if (exclusive_store) away(16, {base, field(raw, 0), field(raw, 10)});
    return raw;
  }

  void memory(const InsnDesc& d, u32 raw) {
    unsigned base = field(raw, 5);
    if (base == 31) {
      base = 9;
      raw = with(raw, 5, base);
    }
    raw = distinct(d, raw, base);
    int offset = int(rng_() % (kWindow - 64)) & (rng_() % 2 ? ~0 : ~15);
    const bool ordered = d.mnemonic.find("xr") != d.mnemonic.npos || d.mnemonic.find("xp") != d.mnemonic.npos ||
                         d.feature == aarch64::Feat::LSE || d.feature == aarch64::Feat::LRCPC ||
                         d.feature == aarch64::Feat::LRCPC2 || d.mnemonic.find("lr") != d.mnemonic.npos ||
                         d.mnemonic.find("ldar") != d.mnemonic.npos;
    if (ordered) offset &= ~15;
    offset -= int(kWindow / 2);
    if (contains(d, "index")) {  // a small index, by MOVZ
      u32 index = field(raw, 16);
      if (index == base || index == 31) index = base == 11 ? 12 : 11;
      raw = with(raw, 16, index);
      push(0xd2800000 | u32(rng_() % 4) << 5 | index);
      if (!is_simd_row(d) && field(raw, 0) == index) raw = with(raw, 0, index == 13 ? 14 : 13);
    } else if (d.pattern.field('i')) {
      const s64 imm = s64(rng_() % 4) * (ordered ? 0 : 1);
      raw = aarch64::insert_immediate(d.format, raw, imm);
    }
    point(base, offset);
    push(raw);
    if (d.mnemonic.starts_with("ld{a}x") && rng_() % 4) store_exclusive(raw, base);
  }

  // The store that belongs to a load-exclusive.
  void store_exclusive(u32 load, unsigned base) {
    u32 store = load & ~(1u << 22);
    u32 status = unsigned(rng_() % 27);
    while (status == base || status == field(load, 0) || status == field(load, 10)) status = (status + 1) % 27;
    if (field(load, 0) == base || field(load, 10) == base) return;
    push(with(store, 16, status));
  }

  Rng rng_;
  unsigned length_;
  Sequence out_;
  std::vector<unsigned> entries_;  // items that jumps may lead to
};

}  // namespace

const aarch64::CpuModel& model() {
  static const aarch64::CpuModel model = *aarch64::parse_cpu_model("max");
  return model;
}

bool in_sequences(const InsnDesc& d) {
  static constexpr std::string_view kNever[] = {"eret", "svc", "hvc",   "smc",  "hlt", "brk", "udf",
                                                "wfe",  "wfi", "sys",   "sysl", "msr", "mrs", "br",
                                                "blr",  "ret", "yield", "bl",   "adr", "adrp"};
  if (std::ranges::find(kNever, d.mnemonic) != std::end(kNever) || d.mnemonic.starts_with("msr ")) return false;
  // Codes of pointers depend on random keys; the oracle does not know FEAT_MOPS.
  if (d.feature == aarch64::Feat::PAuth || d.feature == aarch64::Feat::MOPS) return false;
  // A store without its load succeeds or not as the implementation likes.
  return !d.mnemonic.starts_with("st{l}x");
}

Sequence make_sequence(u64 seed, unsigned length) { return Maker(seed, length).run(); }

std::vector<u32> Sequence::code(GuestVa base, GuestVa end) const {
  std::vector<u32> words;
  for (size_t i = 0; i < items.size(); ++i) {
    u32 raw = items[i].raw;
    if (items[i].target) {
      Insn insn;
      aarch64::decode(raw, model(), insn);
      raw = aarch64::insert_immediate(insn.desc->format, raw, 4 * (s64(*items[i].target) - s64(i)));
    }
    words.push_back(raw);
  }
  const GuestVa at = base + 4 * words.size();
  words.push_back(0x14000000 | (u32((end - at) / 4) & 0x3ffffff));  // b end
  return words;
}

Sequence Sequence::prefix(unsigned count) const {
  Sequence part{seed, before, {items.begin(), items.begin() + count}};
  for (Item& item : part.items)
    if (item.target) item.target = std::min(*item.target, count);
  return part;
}

std::string Sequence::listing(GuestVa base) const {
  std::string text;
  GuestVa pc = base;
  for (u32 raw : code(base, base)) {
    Insn insn;
    const bool known = aarch64::decode(raw, model(), insn);
    text += fmt::format("  {:#x}: {:08x}  {}\n", pc, raw, known ? aarch64::disassemble(insn, pc) : "(undefined)");
    pc += 4;
  }
  return text;
}

void count_rows(const Sequence& sequence, aarch64::Coverage& coverage) {
  for (const Item& item : sequence.items) {
    Insn insn;
    if (aarch64::decode(item.raw, model(), insn)) coverage.count(*insn.desc);
  }
}

namespace {

// Calls visit(name, value in a, value in b) for all that a state consists of.
template <class Visit>
void each_field(const MachineState& a, const MachineState& b, Visit visit) {
  for (unsigned i = 0; i < 31; ++i) visit(fmt::format("x{}", i), a.x[i], b.x[i]);
  visit(std::string("sp"), a.sp, b.sp);
  visit(std::string("nzcv"), a.nzcv, b.nzcv);
  visit(std::string("fpcr"), a.fpcr, b.fpcr);
  visit(std::string("fpsr"), a.fpsr, b.fpsr);
  for (unsigned i = 0; i < 32; ++i)
    for (unsigned h : {0u, 1u}) visit(fmt::format("v{}.d[{}]", i, h), a.v[i][h], b.v[i][h]);
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

}  // namespace mimus::diff::a64
