#include "tests/ir/machine.h"

#include <fmt/format.h>

#include <random>

namespace mimus::test {

namespace {

using ir::Elem;
using ir::Type;
using ir::vec;

#define AT(field) u32(offsetof(State, field))
constexpr SlotDesc kSlots[] = {
    {"r0", ir::i64, AT(r[0]), SlotRole::general, 1},
    {"r1", ir::i64, AT(r[1]), SlotRole::general, 2},
    {"r2", ir::i64, AT(r[2]), SlotRole::general, 3},
    {"r3", ir::i64, AT(r[3]), SlotRole::general, 4},
    {"r4", ir::i64, AT(r[4]), SlotRole::general, 5},
    {"r5", ir::i64, AT(r[5]), SlotRole::general, 6},
    {"r6", ir::i64, AT(r[6]), SlotRole::general, 7},
    {"r7", ir::i64, AT(r[7]), SlotRole::general, 8},
    {"r8", ir::i64, AT(r[8]), SlotRole::floating},
    {"r9", ir::i64, AT(r[9]), SlotRole::floating},
    {"r10", ir::i64, AT(r[10]), SlotRole::floating},
    {"r11", ir::i64, AT(r[11]), SlotRole::floating},
    {"pc", ir::i64, AT(pc), SlotRole::program_counter},
    {"b0", ir::i1, AT(bits[0]), SlotRole::flag},
    {"b1", ir::i1, AT(bits[1]), SlotRole::flag},
    {"byte", ir::i8, AT(byte), SlotRole::hidden},
    {"half", ir::i16, AT(half), SlotRole::hidden},
    {"w0", ir::i32, AT(word[0]), SlotRole::system},
    {"w1", ir::i32, AT(word[1]), SlotRole::system},
    {"d0", ir::f64, AT(f64[0]), SlotRole::floating},
    {"d1", ir::f64, AT(f64[1]), SlotRole::floating},
    {"d2", ir::f64, AT(f64[2]), SlotRole::floating},
    {"d3", ir::f64, AT(f64[3]), SlotRole::floating},
    {"s0", ir::f32, AT(f32[0]), SlotRole::floating},
    {"s1", ir::f32, AT(f32[1]), SlotRole::floating},
    {"kind", ir::i64, AT(flags[0]), SlotRole::flag},
    {"fa", ir::i64, AT(flags[1]), SlotRole::flag},
    {"fb", ir::i64, AT(flags[2]), SlotRole::flag},
    {"fr", ir::i64, AT(flags[3]), SlotRole::flag},
    {"q0", ir::i128, AT(i128[0]), SlotRole::system},
    {"q1", ir::i128, AT(i128[1]), SlotRole::system},
    {"x0", ir::f80, AT(f80), SlotRole::floating},
    {"v0", vec(Elem::i64, 2), AT(v128[0]), SlotRole::vector},
    {"v1", vec(Elem::i64, 2), AT(v128[1]), SlotRole::vector},
    {"v2", vec(Elem::i64, 2), AT(v128[2]), SlotRole::vector},
    {"v3", vec(Elem::i64, 2), AT(v128[3]), SlotRole::vector},
    {"z0", vec(Elem::i64, 8), AT(v512[0]), SlotRole::vector},
    {"z1", vec(Elem::i64, 8), AT(v512[1]), SlotRole::vector},
    {"fuel", ir::i64, AT(fuel), SlotRole::hidden},
};
static_assert(kSlots[kSlotKind].name == "kind" && kSlots[kSlotFuel].name == "fuel" && kSlots[kSlotPc].name == "pc");
#undef AT
constexpr StateLayout kLayout{"test", kSlots, sizeof(State)};

Machine& machine(CpuState* state) { return *reinterpret_cast<Machine*>(state->port); }
State& slots(CpuState* state) { return *static_cast<State*>(state); }

// -- helpers, one for each combination of effects that engines treat differently --
u64 mix(CpuState*, u64 a, u64 b, u64, u64) { return (a * 31) ^ (b << 7 | b >> 57); }
u64 mix4(CpuState*, u64 a, u64 b, u64 c, u64 d) { return a + 3 * b + 5 * c + 7 * d; }
u64 sum(CpuState* state, u64, u64, u64, u64) {
  u64 total = 0;
  for (u64 r : slots(state).r) total += r;
  return total;
}
u64 stir(CpuState* state, u64 a, u64 b, u64, u64) {
  slots(state).r[a % kWords] ^= b;
  slots(state).r[(a >> 8) % kWords] += b;
  slots(state).word[0] += u32(a);
  machine(state).events().push_back({Event::Kind::helper, 0, a, b});
  return a ^ b;
}
u64 perhaps(CpuState* state, u64 a, u64, u64, u64) {
  if (a & 3) return a + 1;
  machine(state).events().push_back({Event::Kind::helper, state->pc, a, 0});
  slots(state).r[1] = a;
  state->pc = 0x77000;
  state->leave = u32(Leave::dispatch);
  return 0;
}
u64 halve(CpuState*, u64 a, u64, u64, u64) {
  const double value = double(a >> 12) / 3.0;  // rounds to nearest only if the host's MXCSR is loaded
  return std::bit_cast<u64>(value);
}
u64 raise_flags(CpuState* state, u64 a, u64, u64, u64) {
  const u32 old = state->guest_mxcsr;
  state->guest_mxcsr |= a & 0x3d;
  return old & 0x3d;
}
using enum HelperEffects;
constexpr HelperDesc kHelpers[] = {
    {"mix", mix, 2, none},
    {"mix4", mix4, 4, none},
    {"sum", sum, 0, reads_state},
    {"stir", stir, 2, reads_state | writes_state},
    {"perhaps", perhaps, 1, reads_state | writes_state | may_leave},
    {"halve", halve, 1, uses_host_fp},
    {"raise_flags", raise_flags, 1, touches_fp_flags},
};
const RuntimeLayout kRuntimeLayout{kLayout, kHelpers};
const ir::TextContext kTextContext{kLayout, kHelpers};

void reverse(u8* bytes, unsigned count) { std::reverse(bytes, bytes + count); }

}  // namespace

// The slow paths. RAM is mapped at kRamBase; anything else faults.
struct MachineRuntime {
  struct Request {
    Machine& m;
    State& state;
    u64 va;
    unsigned bytes;
    ir::MemAttr attr;
    u64 site;
    Request(CpuState* s, u64 va, u32 desc, u64 site)
        : m(machine(s)),
          state(slots(s)),
          va(va),
          bytes(1u << (desc & 15)),
          attr(ir::MemAttr::unpack(u16(desc >> 8))),
          site(site) {}

    // The bytes in RAM, or null after a fault has been delivered.
    u8* place(bool aligned) {
      const bool misaligned = aligned && (va & (bytes - 1)) != 0;
      if (!misaligned && va >= kRamBase && va - kRamBase <= kRamBytes - bytes) return &m.ram_[va - kRamBase];
      m.events_.push_back({Event::Kind::fault, site ? m.pc_at(site) : state.pc, va, bytes});
      state.pc = 0x55000;
      state.leave = u32(Leave::dispatch);
      return nullptr;
    }
    u8* place() { return place(attr.align == ir::Align::natural); }
  };

  static u128 read(const u8* from, unsigned bytes, bool big_endian) {
    u128 value = 0;
    std::memcpy(&value, from, bytes);
    if (big_endian) reverse(reinterpret_cast<u8*>(&value), bytes);
    return value;
  }
  static void write(u8* to, u128 value, unsigned bytes, bool big_endian) {
    if (big_endian) reverse(reinterpret_cast<u8*>(&value), bytes);
    std::memcpy(to, &value, bytes);
  }
  static void to_scratch(State& state, unsigned word, u128 value) { std::memcpy(&state.scratch[word], &value, 16); }
  static u128 from_scratch(State& state, unsigned word) {
    return read(reinterpret_cast<u8*>(&state.scratch[word]), 16, false);
  }

  static u64 load(CpuState* s, u64 va, u32 desc, u64 site) {
    Request q(s, va, desc, site);
    const u8* from = q.place();
    if (!from) return ~u64{0};
    const u128 value = read(from, q.bytes, q.attr.big_endian);
    if (q.bytes == 16) to_scratch(q.state, 0, value);
    return u64(value);
  }
  static void store(CpuState* s, u64 va, u64 value, u32 desc, u64 site) {
    Request q(s, va, desc, site);
    const u128 wide = q.bytes == 16 ? from_scratch(q.state, 0) : value;
    if (u8* to = q.place()) write(to, wide, q.bytes, q.attr.big_endian);
  }
  static u64 load_linked(CpuState* s, u64 va, u32 desc, u64 site) {
    Request q(s, va, desc, site);
    q.state.reservation_size = 0;
    const u8* from = q.place(true);
    if (!from) return ~u64{0};
    const u128 value = read(from, q.bytes, false);
    q.state.reservation_size = q.bytes;
    q.state.reservation_address = va;
    std::memcpy(q.state.reservation_value, &value, 16);
    to_scratch(q.state, 0, value);
    return u64(value);
  }
  static u64 store_conditional(CpuState* s, u64 va, u64 value, u32 desc, u64 site) {
    Request q(s, va, desc, site);
    const u128 wide = q.bytes == 16 ? from_scratch(q.state, 0) : value;
    const unsigned reserved = std::exchange(q.state.reservation_size, 0);
    u8* to = q.place(true);
    if (!to || reserved != q.bytes || q.state.reservation_address != va) return 1;
    if (std::memcmp(to, q.state.reservation_value, q.bytes) != 0) return 1;  // as the machine's runtime does
    write(to, wide, q.bytes, false);
    return 0;
  }
  static u64 amo(CpuState* s, u64 va, u64 value, u32 desc, u64 site, u32 op) {
    Request q(s, va, desc, site);
    u8* to = q.place(true);
    if (!to) return ~u64{0};
    const u64 old = u64(read(to, q.bytes, false));
    write(to, combine(ir::Op(op), old, value, q.bytes * 8), q.bytes, false);
    return old;
  }
  static u64 combine(ir::Op op, u64 old, u64 value, unsigned width) {
    const u64 a = bits(old, 0, width), b = bits(value, 0, width);
    const s64 sa = sign_extend(old, width), sb = sign_extend(value, width);
    switch (op) {
      case ir::Op::amo_add: return a + b;
      case ir::Op::amo_and: return a & b;
      case ir::Op::amo_or: return a | b;
      case ir::Op::amo_xor: return a ^ b;
      case ir::Op::amo_smin: return sa < sb ? a : b;
      case ir::Op::amo_smax: return sa > sb ? a : b;
      case ir::Op::amo_umin: return a < b ? a : b;
      case ir::Op::amo_umax: return a > b ? a : b;
      default: return b;
    }
  }
  static void cas(CpuState* s, u64 va, u32 desc, u64 site) {
    Request q(s, va, desc, site);
    const u128 mask = q.bytes == 16 ? ~u128{0} : (u128{1} << q.bytes * 8) - 1;
    const u128 expected = from_scratch(q.state, 0) & mask, desired = from_scratch(q.state, 2);
    u8* to = q.place(true);
    if (!to) return;
    const u128 old = read(to, q.bytes, false);
    if (old == expected) write(to, desired, q.bytes, false);
    to_scratch(q.state, 0, old);
  }
  static void zero_block(CpuState* s, u64 va, u32 bytes, u64 site) {
    Request q(s, align_down(va, bytes), u32(std::countr_zero(bytes)), site);
    if (u8* to = q.place()) std::memset(to, 0, bytes);
  }
  static void trap(CpuState* s, u32 cause, u64 tval) {
    machine(s).events_.push_back({Event::Kind::trap, s->pc, cause, tval});
    s->pc = 0x66000;
    s->leave = u32(Leave::dispatch);
  }
};

namespace {
constexpr Runtime kRuntime{
    MachineRuntime::load, MachineRuntime::store, MachineRuntime::load_linked, MachineRuntime::store_conditional,
    MachineRuntime::amo,  MachineRuntime::cas,   MachineRuntime::zero_block,  MachineRuntime::trap};

// Words that integer and float ops find interesting, and plain random ones.
u64 interesting(std::mt19937_64& random) {
  static constexpr u64 kSpecial[] = {0,
                                     1,
                                     2,
                                     7,
                                     63,
                                     64,
                                     0x7f,
                                     0x80,
                                     0xff,
                                     0x7fff,
                                     0x8000,
                                     0x7fffffff,
                                     0x80000000,
                                     0xffffffff,
                                     0x7fffffffffffffff,
                                     0x8000000000000000,
                                     ~u64{0},
                                     ~u64{1},
                                     0x3ff0000000000000,
                                     0xbff0000000000000,
                                     0x7ff0000000000000,
                                     0xfff0000000000000,
                                     0x7ff8000000000000,
                                     0x7ff0000000000001,
                                     0x0010000000000000,
                                     0x000fffffffffffff,
                                     0xffffffff3f800000,
                                     0xffffffff7fc00000,
                                     0x7f8000003f800000,
                                     0x0080000000000001,
                                     0x41dfffffffc00000,
                                     0x43e0000000000000,
                                     0xffffffffffff3c00};
  const u64 word = random();
  switch (random() % 4) {
    case 0: return kSpecial[word % std::size(kSpecial)];
    case 1: return kRamBase + word % (kRamBytes + 64) - 32;
    default: return word >> (random() % 64);
  }
}
}  // namespace

const StateLayout& layout() { return kLayout; }
std::span<const HelperDesc> helpers() { return kHelpers; }
const RuntimeLayout& runtime_layout() { return kRuntimeLayout; }
const ir::TextContext& text_context() { return kTextContext; }

Machine::Machine() : state_(std::make_unique<State>()), ram_(kRamBytes), jump_cache_(kJumpCacheEntries) {
  state_->port = reinterpret_cast<CpuPort*>(this);  // never called: the way back from helpers and slow paths
  state_->runtime = &kRuntime;
  state_->jump_cache = jump_cache_.data();
  state_->tlb = tlb_.data();
  state_->tlb_mask = (kTlbEntries - 1) * sizeof(TlbEntry);
}
Machine::~Machine() = default;

void Machine::fill(u64 seed) {
  std::mt19937_64 random(seed);
  u8* bytes = reinterpret_cast<u8*>(state_.get());
  for (const SlotDesc& slot : kSlots) {
    u8 value[64];
    for (unsigned i = 0; i < sizeof value; i += 8) {
      const u64 word = interesting(random);
      std::memcpy(value + i, &word, 8);
    }
    if (slot.type == ir::i1) value[0] &= 1;
    if (slot.type == ir::f80) std::memset(value + 10, 0, 6);
    std::memcpy(bytes + slot.offset, value, slot.type.bytes());
  }
  state_->fuel = 20;
  // Random exits go to ~0 too, which no frontend does: empty entries must not look like it.
  jump_cache_[0].pc = 2;
  for (ReturnEntry& entry : state_->return_stack) entry.pc = 0x0123'4567'89ab'cdef;
  for (u8& byte : ram_) byte = u8(random());
  state_->guest_mxcsr = 0x1f80 | u32(random() & 3) << 13;
  for (unsigned page = 0; page < kRamPages; ++page) {
    const u64 va = kRamBase + page * kPageSize;
    TlbEntry& entry = tlb_[(va >> kPageBits) % kTlbEntries];
    const unsigned kind = unsigned(random() % 4);
    entry.read_tag = kind == 3 ? TlbEntry::kInvalid : va;
    entry.write_tag = kind >= 2 ? TlbEntry::kInvalid : va;
    entry.addend = reinterpret_cast<u64>(&ram_[page * kPageSize]) - va;
    entry.page = va;
  }
}

void Machine::run(Code& code) {
  code_ = &code;
  code.run(*state_);
  code_ = nullptr;
}

GuestPc Machine::pc_at(u64 site) const {
  const u64 offset = site - 1 - reinterpret_cast<u64>(code_->host_bytes().data());
  GuestPc pc = ~u64{0};
  for (const PcMapEntry& entry : code_->pc_map())
    if (entry.host_offset <= offset) pc = entry.guest_pc;
  return pc;
}

namespace {
std::string hex(const u8* bytes, unsigned count) {
  std::string text = "0x";
  for (unsigned i = count; i-- > 0;) text += fmt::format("{:02x}", bytes[i]);
  return text;
}
std::string show(const Event& e) {
  constexpr std::string_view kinds[] = {"trap", "fault", "helper"};
  return fmt::format("{} at {:#x}: {:#x} {:#x}", kinds[unsigned(e.kind)], e.pc, e.a, e.b);
}
constexpr u32 kComparedMxcsr = 0xffff & ~2u;  // DE has no guest-visible counterpart in the IR
bool is_way_out(u32 leave) { return leave == u32(Leave::edge) || leave == u32(Leave::dispatch); }
}  // namespace

std::string Machine::difference(Machine& other) {
  std::string text;
  const auto differ = [&](std::string_view name, std::string a, std::string b) {
    if (a != b) text += fmt::format("{:>8}: {}  !=  {}\n", name, a, b);
  };
  const u8* mine = reinterpret_cast<const u8*>(state_.get());
  const u8* theirs = reinterpret_cast<const u8*>(other.state_.get());
  for (const SlotDesc& slot : kSlots) {
    if (std::memcmp(mine + slot.offset, theirs + slot.offset, slot.type.bytes()) == 0) continue;
    differ(slot.name, hex(mine + slot.offset, slot.type.bytes()), hex(theirs + slot.offset, slot.type.bytes()));
  }
  const State &a = *state_, &b = *other.state_;
  if (!is_way_out(a.leave) || !is_way_out(b.leave)) differ("leave", std::to_string(a.leave), std::to_string(b.leave));
  differ("mxcsr", fmt::format("{:#x}", a.guest_mxcsr & kComparedMxcsr),
         fmt::format("{:#x}", b.guest_mxcsr & kComparedMxcsr));
  differ("reserved", std::to_string(a.reservation_size), std::to_string(b.reservation_size));
  differ("events", std::to_string(events_.size()), std::to_string(other.events_.size()));
  for (size_t i = 0; i < std::min(events_.size(), other.events_.size()); ++i)
    differ("event", show(events_[i]), show(other.events_[i]));
  if (events_.empty()) differ("insns", std::to_string(a.insn_count), std::to_string(b.insn_count));
  for (size_t i = 0; i < ram_.size(); i += 8)
    if (std::memcmp(&ram_[i], &other.ram_[i], 8) != 0)
      differ("ram", fmt::format("[{:#x}] {}", kRamBase + i, hex(&ram_[i], 8)),
             fmt::format("[{:#x}] {}", kRamBase + i, hex(&other.ram_[i], 8)));
  return text;
}

std::string Machine::describe() {
  std::string text;
  const u8* bytes = reinterpret_cast<const u8*>(state_.get());
  for (const SlotDesc& slot : kSlots)
    text += fmt::format("  {} = {}\n", slot.name, hex(bytes + slot.offset, slot.type.bytes()));
  return text + fmt::format("  mxcsr = {:#x}\n", state_->guest_mxcsr);
}

}  // namespace mimus::test
