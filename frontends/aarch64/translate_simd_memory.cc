// Loads and stores of SIMD and floating-point registers (insns/simd_loads_stores.def).
#include "frontends/aarch64/memory_shapes.h"
#include "frontends/aarch64/simd_shapes.h"

namespace mimus::aarch64::translate {

using ir::Any;
using ir::I64;
using ir::Op;
using T = Translator;

namespace {

// log2 of the bytes of an access: opc<1>:size.
unsigned scale_of(const Insn& i) { return i.get(23, 1) << 2 | i.size(); }

void load_simd(T& t, unsigned n, unsigned scale, Address at) {
  if (scale == 4) {
    t.set_v(n, t.b.load(kQ, at.base, t.access(), at.disp));
  } else {
    t.set_v_scalar(n, t.b.load(integer_of(scale), at.base, t.access(), at.disp));
  }
}
void store_simd(T& t, unsigned n, unsigned scale, Address at) {
  t.b.store(at.base, scale == 4 ? t.v(kQ, n) : t.v_scalar(integer_of(scale), n), t.access(), at.disp);
}

Next load(T& t, const Insn& i, Indexing mode, unsigned scale_imm) {
  return with_immediate(t, i, mode, scale_imm, [&](Address at) { load_simd(t, i.rt(), scale_of(i), at); });
}
Next store(T& t, const Insn& i, Indexing mode, unsigned scale_imm) {
  return with_immediate(t, i, mode, scale_imm, [&](Address at) { store_simd(t, i.rt(), scale_of(i), at); });
}

// Both registers are loaded before one changes.
Next load_pair(T& t, const Insn& i, Indexing mode) {
  const unsigned scale = 2 + i.size();
  return with_immediate(t, i, mode, scale, [&](Address at) {
    const ir::Type type = scale == 4 ? kQ : integer_of(scale);
    const Any first = t.b.load(type, at.base, t.access(), at.disp);
    const Any second = t.b.load(type, at.base, t.access(), at.disp + type.bytes());
    for (auto [n, value] : {std::pair{i.rt(), first}, std::pair{i.rt2(), second}})
      scale == 4 ? t.set_v(n, value) : t.set_v_scalar(n, value);
  });
}
Next store_pair(T& t, const Insn& i, Indexing mode) {
  const unsigned scale = 2 + i.size();
  return with_immediate(t, i, mode, scale, [&](Address at) {
    store_simd(t, i.rt(), scale, at);
    store_simd(t, i.rt2(), scale, {at.base, at.disp + (s64{1} << scale)});
  });
}

Next literal(T& t, const Insn& i, unsigned scale) {
  load_simd(t, i.rt(), scale, {t.b.constant(t.pc + u64(i.imm)), 0});
  return Next::go_on;
}

// The base after a post-indexed access: Rm, or the bytes accessed when that is 31.
void post_index(T& t, const Insn& i, I64 base, unsigned bytes) {
  if (!i.get(23, 1)) return;
  t.set_x_sp(i.rn(), t.b.add(base, i.rm() == 31 ? t.b.constant(bytes) : t.x(i.rm())));
}

// -- multiple structures --

// What the opcode says: registers, and elements of a structure.
struct Structures {
  unsigned registers, elements;
};
Structures structures_of(const Insn& i) {
  switch (i.get(12, 4)) {
    case 0: return {4, 4};
    case 2: return {4, 1};
    case 4: return {3, 3};
    case 6: return {3, 1};
    case 7: return {1, 1};
    case 8: return {2, 2};
    default: return {2, 1};
  }
}

// The registers that memory's vectors make up, or the other way round: lane k of register e is element k * n + e.
std::vector<Any> transpose(T& t, const std::vector<Any>& from, bool split) {
  const unsigned n = unsigned(from.size()), lanes = from[0].type.lanes;
  std::vector<Any> to;
  for (unsigned r = 0; r < n; ++r) {
    Any value = from[0];
    for (unsigned s = 0; s < n; ++s) {
      // Lanes of register r that come from vector s, over what the earlier ones gave.
      value = permute(t, value, from[s], [&](unsigned k) {
        const unsigned element = split ? k * n + r : r * lanes + k;
        const unsigned source = split ? element / lanes : element % n;
        const unsigned lane = split ? element % lanes : element / n;
        return source == s ? lanes + lane : k;
      });
    }
    to.push_back(value);
  }
  return to;
}

unsigned next_register(unsigned n) { return (n + 1) % 32; }

// With SCTLR_ELx.A: structures are aligned to their elements.
void check_elements(T& t, I64 base, unsigned scale) {
  if (t.mode.strict && scale > 0) t.b.load(integer_of(scale), base, t.access(), 0);
}

}  // namespace

Next load_multiple(T& t, const Insn& i) {
  const auto [registers, elements] = structures_of(i);
  const I64 base = t.base(i.rn());
  const ir::Type type = vector_of(i.get(10, 2), i.q());
  std::vector<Any> values;
  check_elements(t, base, i.get(10, 2));
  for (unsigned r = 0; r < registers; ++r) values.push_back(t.b.load(type, base, {}, s64(r * type.bytes())));
  if (elements > 1) values = transpose(t, values, true);
  unsigned n = i.rt();
  for (const Any& value : values) {
    set_vector(t, n, value);
    n = next_register(n);
  }
  post_index(t, i, base, registers * type.bytes());
  return Next::go_on;
}

Next store_multiple(T& t, const Insn& i) {
  const auto [registers, elements] = structures_of(i);
  const I64 base = t.base(i.rn());
  const ir::Type type = vector_of(i.get(10, 2), i.q());
  std::vector<Any> values;
  unsigned n = i.rt();
  for (unsigned r = 0; r < registers; ++r, n = next_register(n)) values.push_back(vector(t, type, n));
  if (elements > 1) values = transpose(t, values, false);
  check_elements(t, base, i.get(10, 2));
  for (unsigned r = 0; r < registers; ++r) t.b.store(base, values[r], {}, s64(r * type.bytes()));
  post_index(t, i, base, registers * type.bytes());
  return Next::go_on;
}

// -- single structures --

namespace {

unsigned structure_elements(const Insn& i) { return (i.get(13, 1) << 1 | i.get(21, 1)) + 1; }

struct LanePlace {
  unsigned scale, index;
};
LanePlace place_of(const Insn& i) {
  const u32 index = i.get(30, 1) << 3 | i.get(12, 1) << 2 | i.get(10, 2);  // Q:S:size
  switch (i.get(14, 2)) {
    case 0: return {0, index};
    case 1: return {1, index >> 1};
    default: return i.get(10, 1) ? LanePlace{3, i.get(30, 1)} : LanePlace{2, index >> 2};
  }
}

}  // namespace

Next load_single(T& t, const Insn& i) {
  const auto [scale, index] = place_of(i);
  const unsigned elements = structure_elements(i);
  const I64 base = t.base(i.rn());
  std::vector<Any> values;
  for (unsigned e = 0; e < elements; ++e)
    values.push_back(t.b.load(integer_of(scale), base, t.access(), s64(e << scale)));
  unsigned n = i.rt();
  for (const Any& value : values) {
    const ir::Type type = vector_of(scale, true);
    t.set_v(n, t.b.emit(Op::lane_set, type, {t.v(type, n), value}, index));
    n = next_register(n);
  }
  post_index(t, i, base, elements << scale);
  return Next::go_on;
}

Next store_single(T& t, const Insn& i) {
  const auto [scale, index] = place_of(i);
  const unsigned elements = structure_elements(i);
  const I64 base = t.base(i.rn());
  unsigned n = i.rt();
  for (unsigned e = 0; e < elements; ++e, n = next_register(n)) {
    t.b.store(base, lane(t, t.v(vector_of(scale, true), n), index), t.access(), s64(e << scale));
  }
  post_index(t, i, base, elements << scale);
  return Next::go_on;
}

Next load_replicate(T& t, const Insn& i) {
  const unsigned scale = i.get(10, 2), elements = structure_elements(i);
  const I64 base = t.base(i.rn());
  std::vector<Any> values;
  for (unsigned e = 0; e < elements; ++e)
    values.push_back(t.b.load(integer_of(scale), base, t.access(), s64(e << scale)));
  unsigned n = i.rt();
  for (const Any& value : values) {
    set_vector(t, n, splat(t, vector_of(scale, i.q()), value));
    n = next_register(n);
  }
  post_index(t, i, base, elements << scale);
  return Next::go_on;
}

// -- single registers --

Next ldr_literal_s(T& t, const Insn& i) { return literal(t, i, 2); }
Next ldr_literal_d(T& t, const Insn& i) { return literal(t, i, 3); }
Next ldr_literal_q(T& t, const Insn& i) { return literal(t, i, 4); }

Next str_simd_unscaled(T& t, const Insn& i) { return store(t, i, Indexing::offset, 0); }
Next ldr_simd_unscaled(T& t, const Insn& i) { return load(t, i, Indexing::offset, 0); }
Next str_simd_post(T& t, const Insn& i) { return store(t, i, Indexing::post, 0); }
Next ldr_simd_post(T& t, const Insn& i) { return load(t, i, Indexing::post, 0); }
Next str_simd_pre(T& t, const Insn& i) { return store(t, i, Indexing::pre, 0); }
Next ldr_simd_pre(T& t, const Insn& i) { return load(t, i, Indexing::pre, 0); }
Next str_simd_unsigned(T& t, const Insn& i) { return store(t, i, Indexing::offset, scale_of(i)); }
Next ldr_simd_unsigned(T& t, const Insn& i) { return load(t, i, Indexing::offset, scale_of(i)); }
Next str_simd_register(T& t, const Insn& i) {
  return with_register(t, i, scale_of(i), [&](Address at) { store_simd(t, i.rt(), scale_of(i), at); });
}
Next ldr_simd_register(T& t, const Insn& i) {
  return with_register(t, i, scale_of(i), [&](Address at) { load_simd(t, i.rt(), scale_of(i), at); });
}

Next stp_simd_offset(T& t, const Insn& i) { return store_pair(t, i, Indexing::offset); }
Next ldp_simd_offset(T& t, const Insn& i) { return load_pair(t, i, Indexing::offset); }
Next stp_simd_post(T& t, const Insn& i) { return store_pair(t, i, Indexing::post); }
Next ldp_simd_post(T& t, const Insn& i) { return load_pair(t, i, Indexing::post); }
Next stp_simd_pre(T& t, const Insn& i) { return store_pair(t, i, Indexing::pre); }
Next ldp_simd_pre(T& t, const Insn& i) { return load_pair(t, i, Indexing::pre); }

}  // namespace mimus::aarch64::translate
