// Floating point of the code generators on edge values, in all rounding modes, against the soft float (through the
// interpreter): results and accumulated flags, bit for bit.
#include <gtest/gtest.h>

#include "backends/interp/interp.h"
#include "tests/backend/owned_engine.h"
#include "tests/ir/machine.h"
#include "tests/softfloat/values.h"

namespace mimus {
namespace {

constexpr u32 kFlags = 0x3d;  // without DE, which only x86 guests see
constexpr const char* kRoundings[] = {"", "round rne", "round rtz", "round rdn", "round rup", "round rmm"};

struct Accused {
  const char* name;
  std::unique_ptr<Engine> (*make)(const RuntimeLayout&);
};
void PrintTo(const Accused& accused, std::ostream* out) { *out << accused.name; }

std::unique_ptr<Engine> make_full(const RuntimeLayout& layout) { return std::make_unique<test::OwnedBaseline>(layout); }
std::unique_ptr<Engine> make_plain(const RuntimeLayout& layout) {
  return std::make_unique<test::OwnedBaseline>(layout, emit::HostFeatures::none());
}
std::unique_ptr<Engine> make_llvm(const RuntimeLayout& layout) { return std::make_unique<test::OwnedLlvm>(layout); }

// baseline_plain: on a host without AVX, FMA and the like.
constexpr Accused kAccused[] = {{"baseline", make_full}, {"baseline_plain", make_plain}, {"llvm", make_llvm}};

struct Pair {
  Pair(const std::string& body, Engine& engine) : interp(make_interp_engine(test::runtime_layout())) {
    auto block = ir::parse("block pc=0x1000 phys=0x1000 mode=0x0 bytes=4 insns=1\n  insn 0x1000 +4\n" + body +
                               "  end yield 0x1004 [insns 1]\n",
                           test::text_context());
    if (!block) throw std::runtime_error(block.error().message + "\n" + body);
    auto prepared = engine.prepare({{&*block}}, {});
    if (!prepared) throw std::runtime_error(prepared.error().message + "\n" + body);
    accused = std::move(*prepared);
    judge = std::move(*interp->prepare({{&*block}}, {}));
  }
  // Runs both with these inputs; a message when they differ.
  std::string run(const std::string& what, u64 a, u64 b, u64 c, u32 mode) {
    for (test::State* state : {&got, &want}) fill(*state, a, b, c, mode);
    accused->run(got);
    judge->run(want);
    const bool same =
        got.f64[3] == want.f64[3] && got.r[0] == want.r[0] && ((got.guest_mxcsr ^ want.guest_mxcsr) & kFlags) == 0;
    if (same) return {};
    char text[256];
    std::snprintf(text, sizeof text,
                  "%s(%016lx, %016lx, %016lx) mode %u: %016lx %016lx flags %02x, soft float: %016lx %016lx flags %02x",
                  what.c_str(), a, b, c, mode, got.f64[3], got.r[0], got.guest_mxcsr & kFlags, want.f64[3], want.r[0],
                  want.guest_mxcsr & kFlags);
    return text;
  }

 private:
  static void fill(test::State& state, u64 a, u64 b, u64 c, u32 mode) {
    state.f64[3] = state.r[0] = 0;
    state.f64[0] = a, state.f64[1] = b, state.f64[2] = c;
    state.f32[0] = u32(a), state.f32[1] = u32(b);
    state.r[1] = a;
    state.guest_mxcsr = 0x1f80 | mode << 13;
  }
  test::State got{}, want{};
  std::unique_ptr<Engine> interp;
  std::unique_ptr<Code> accused, judge;
};

template <class F>
std::vector<u64> values() {
  std::vector<u64> out;
  for (const auto bits : softfloat::edge_values<F>()) out.push_back(u64(bits));
  softfloat::Random random(1);
  for (int i = 0; i < 8; ++i) out.push_back(u64(typename F::Bits(random.next())));
  return out;
}

std::string attributes(const std::string& rounding) { return rounding.empty() ? "" : " [" + rounding + "]"; }

class Floats : public testing::TestWithParam<Accused> {
 protected:
  // Runs `body` on all pairs of `values` (and a few third operands) under the four dynamic modes.
  void check(const std::string& what, const std::string& body, const std::vector<u64>& values, unsigned operands) {
    Pair pair(body, *engine_);
    unsigned wrong = 0;
    for (u32 mode = 0; mode < 4; ++mode)
      for (const u64 a : values)
        for (size_t i = 0; i < (operands > 1 ? values.size() : 1); ++i)
          for (size_t k = 0; k < (operands > 2 ? values.size() : 1); k += operands > 2 ? 3 : 1)
            if (const std::string text = pair.run(what, a, values[i], values[(k + i) % values.size()], mode);
                !text.empty())
              if (++wrong <= 3) ADD_FAILURE() << text << "\n" << body;
  }
  void check_arithmetic(bool wide);

  std::unique_ptr<Engine> engine_ = GetParam().make(test::runtime_layout());
};

void Floats::check_arithmetic(bool wide) {
  const std::string type = wide ? "f64" : "f32", a = wide ? "d0" : "s0", b = wide ? "d1" : "s1";
  const std::vector<u64> inputs = wide ? values<softfloat::F64>() : values<softfloat::F32>();
  const std::string head = "  %1 = read." + type + " " + a + "\n  %2 = read." + type + " " + b + "\n";
  const std::string tail = "  %4 = nan_fix." + type + " %3 [positive_default]\n" +
                           (wide ? "  %5 = bitcast.i64 %4\n  write r0, %5\n"
                                 : "  %5 = bitcast.i32 %4\n  %6 = zext.i64 %5\n  write r0, %6\n");
  for (const char* op : {"fadd", "fsub", "fmul", "fdiv"})
    for (const char* rounding : kRoundings)
      check(std::string(op) + "." + type + attributes(rounding),
            head + "  %3 = " + op + "." + type + " %1, %2" + attributes(rounding) + "\n" + tail, inputs, 2);
  for (const char* rounding : kRoundings)
    check("fsqrt." + type, head + "  %3 = fsqrt." + type + " %1" + attributes(rounding) + "\n" + tail, inputs, 1);
  for (const char* op : {"fmin", "fmax"})
    for (const char* rule : {"number_2019", "minmax_2019", "num_2008", "x86"})
      check(std::string(op) + "." + type + " " + rule,
            head + "  %3 = " + op + "." + type + " %1, %2 [" + rule + "]\n" + tail, inputs, 2);
}

TEST_P(Floats, Arithmetic64) { check_arithmetic(true); }
TEST_P(Floats, Arithmetic32) { check_arithmetic(false); }

TEST_P(Floats, MultiplyAdd) {
  for (const char* negated : {"", "a", "c", "ac"}) {
    const std::string n = negated;
    std::string body =
        "  %1 = read.f64 d0\n  %2 = read.f64 d1\n  %3 = read.f64 d2\n  %4 = fneg.f64 %1\n  %5 = fneg.f64 %3\n";
    body += "  %6 = fma.f64 " + std::string(n.find('a') != n.npos ? "%4" : "%1") + ", %2, " +
            (n.find('c') != n.npos ? "%5" : "%3") + "\n  %7 = nan_fix.f64 %6 [positive_default]\n  write d3, %7\n";
    check("fma " + n, body, values<softfloat::F64>(), 3);
  }
}

// What a multiply-add raises does not wait for somebody who looks at its result.
TEST_P(Floats, MultiplyAddByItself) {
  const std::string head = "  %1 = read.f64 d0\n  %2 = read.f64 d1\n  %3 = read.f64 d2\n";
  check("fma, dropped", head + "  %4 = fma.f64 %1, %2, %3\n", values<softfloat::F64>(), 3);
  check("fma, fixed later",
        head +
            "  %4 = fma.f64 %1, %2, %3\n  %5 = fneg.f64 %2\n  %6 = nan_fix.f64 %4 [positive_default]\n"
            "  write d3, %6\n  %8 = bitcast.i64 %5\n  write r0, %8\n",
        values<softfloat::F64>(), 3);
}

TEST_P(Floats, Comparisons) {
  for (const char* op : {"feq", "flt", "fle", "flt_quiet", "fle_quiet", "funordered"}) {
    check(op,
          std::string("  %1 = read.f64 d0\n  %2 = read.f64 d1\n  %3 = ") + op +
              ".i1 %1, %2\n  %4 = zext.i64 %3\n  write r0, %4\n",
          values<softfloat::F64>(), 2);
    check(op,
          std::string("  %1 = read.f32 s0\n  %2 = read.f32 s1\n  %3 = ") + op +
              ".i1 %1, %2\n  %4 = zext.i64 %3\n  write r0, %4\n",
          values<softfloat::F32>(), 2);
  }
}

std::vector<u64> around_integers() {
  std::vector<u64> out = values<softfloat::F64>();
  for (const double limit : {0.0, 1.0, 2147483648.0, 4294967296.0, 9223372036854775808.0, 18446744073709551616.0})
    for (const double delta : {-1.5, -1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0})
      for (const double sign : {1.0, -1.0}) {
        const u64 bits = std::bit_cast<u64>(sign * (limit + delta));
        out.insert(out.end(), {bits, bits + 1, bits - 1});
      }
  return out;
}

TEST_P(Floats, ToIntegers) {
  std::vector<u64> narrow = values<softfloat::F32>();
  for (const u64 wide : around_integers()) narrow.push_back(std::bit_cast<u32>(float(std::bit_cast<double>(wide))));
  for (const char* op : {"fto_s", "fto_u"})
    for (const char* to : {"i32", "i64"})
      for (const char* rounding : kRoundings)
        for (const char* rule : {"", "rule arm", "rule x86"}) {
          const std::string r = rounding, attr = r.empty() || !*rule ? r + rule : r + ", " + rule;
          const std::string tail =
              std::string(to) == "i32" ? "  %3 = sext.i64 %2\n  write r0, %3\n" : "  write r0, %2\n";
          check(std::string(op) + "." + to,
                "  %1 = read.f64 d0\n  %2 = " + (std::string(op) + "." + to) + " %1" + attributes(attr) + "\n" + tail,
                around_integers(), 1);
          check(std::string(op) + "." + to,
                "  %1 = read.f32 s0\n  %2 = " + (std::string(op) + "." + to) + " %1" + attributes(attr) + "\n" + tail,
                narrow, 1);
        }
}

TEST_P(Floats, FromIntegers) {
  std::vector<u64> integers = {0, 1, 2, 3, ~u64{0}, ~u64{0} - 1};
  for (unsigned bit = 1; bit < 64; ++bit)
    for (const s64 delta : {-2, -1, 0, 1, 2})
      integers.insert(integers.end(), {(u64{1} << bit) + u64(delta), (u64{3} << (bit - 1)) + u64(delta)});
  for (const char* op : {"ffrom_s", "ffrom_u"})
    for (const char* rounding : kRoundings)
      for (const bool word : {false, true}) {
        const std::string from =
            word ? "  %1 = read.i64 r1\n  %2 = trunc.i32 %1\n" : "  %1 = read.i64 r1\n  %2 = add.i64 %1, %1\n";
        check(op, from + "  %3 = " + op + ".f64 %2" + attributes(rounding) + "\n  write d3, %3\n", integers, 1);
        check(op,
              from + "  %3 = " + op + ".f32 %2" + attributes(rounding) +
                  "\n  %4 = bitcast.i32 %3\n  %5 = zext.i64 %4\n  write r0, %5\n",
              integers, 1);
      }
}

TEST_P(Floats, FormatsAndRounding) {
  for (const char* rounding : kRoundings) {
    const std::string attr = attributes(rounding);
    check("narrow",
          "  %1 = read.f64 d0\n  %2 = fcvt.f32 %1" + attr +
              "\n  %3 = nan_fix.f32 %2 [positive_default]\n  %4 = box.i64 %3\n  write r0, %4\n",
          around_integers(), 1);
    check("widen",
          "  %1 = read.f32 s0\n  %2 = fcvt.f64 %1" + attr +
              "\n  %3 = nan_fix.f64 %2 [positive_default]\n  write d3, %3\n",
          values<softfloat::F32>(), 1);
    for (const char* quiet : {"", "quiet"}) {
      const std::string r = rounding, both = attributes(r.empty() || !*quiet ? r + quiet : r + ", " + quiet);
      check("fround",
            "  %1 = read.f64 d0\n  %2 = fround.f64 %1" + both +
                "\n  %3 = nan_fix.f64 %2 [positive_default]\n  write d3, %3\n",
            around_integers(), 1);
    }
  }
  check("unbox", "  %1 = read.i64 r1\n  %2 = unbox.f32 %1\n  %3 = bitcast.i32 %2\n  %4 = zext.i64 %3\n  write r0, %4\n",
        {0, ~u64{0}, 0xffffffff3f800000, 0xfffffffe3f800000, 0x3f800000}, 1);
}

TEST_P(Floats, SignsAndFlags) {
  check("signs",
        "  %1 = read.f64 d0\n  %2 = read.f64 d1\n  %3 = fneg.f64 %1\n  %4 = fabs.f64 %2\n  %5 = fcopysign.f64 %3, %4\n"
        "  %6 = nan_fix.f64 %2 [x86_default]\n  write d3, %5\n  %8 = bitcast.i64 %6\n  write r0, %8\n",
        values<softfloat::F64>(), 2);
  check("flags", "  %1 = read.i64 r1\n  fp_flags_write %1\n  %3 = fp_flags_read.i64\n  write r0, %3\n",
        {0, 1, 2, 4, 8, 16, 31, 21, 10}, 1);
  check("fclass", "  %1 = read.f64 d0\n  %2 = fclass.i64 %1\n  write r0, %2\n", values<softfloat::F64>(), 1);
}

INSTANTIATE_TEST_SUITE_P(Engines, Floats, testing::ValuesIn(kAccused),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace mimus
