// Engines against the oracle and against each other, on random sequences of RISC-V instructions.
//
// MIMUS_DIFF_SEQUENCES=N  how many sequences each test runs, to be divided by EngineRow::slowness (10,000 by default; a
//                         long run has 1,000,000)
// MIMUS_DIFF_SEED=S       the first seed (1 by default); a report names the seed of the sequence that failed
//
// Where the oracle and the manual disagree, sequence.cc keeps out of the way and says so.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "core/ir/text.h"
#include "frontends/riscv/csr.h"
#include "frontends/riscv/trap.h"
#include "tests/diff/oracle.h"
#include "tests/diff/sequence.h"
#include "tests/isa/rig.h"

namespace mimus::diff {
namespace {

constexpr unsigned kBatch = 1000;
constexpr GuestVa kHandler = kCode + 0x780000;  // never run

u64 setting(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

u64 sequence_count(const test::EngineRow& engine) { return setting("MIMUS_DIFF_SEQUENCES", 10000) / engine.slowness; }

// What an engine makes of a sequence: the state, and the trap that ended it early, if any.
struct Outcome {
  MachineState state;
  u64 cause = 0, tval = 0, pc = 0;
  bool operator==(const Outcome&) const = default;
};

// One engine that runs sequences in U mode, without translation.
class Subject {
 public:
  explicit Subject(const test::EngineRow& engine) : name(engine.name), rig_(engine, {}, kCode, kRamEnd - kCode) {}

  void load(const Placement& placement) {
    rig_.load_bytes(placement.image, kCode);
    placement_ = &placement;
  }

  Outcome run(const Sequence& sequence, size_t index) {
    riscv::RiscvState& s = rig_.state();
    prepare(sequence.before);
    s.pc = placement_->starts[index];
    rig_.stop = placement_->end;
    for (unsigned i = 0; i < 200 && s.pc != placement_->end && s.pc != kHandler; ++i) rig_.step();
    Outcome out;
    std::copy_n(s.x, 32, out.state.x.begin());
    std::copy_n(s.f, 32, out.state.f.begin());
    out.state.fcsr = s.frm << 5 | riscv::read_fflags(s);
    EXPECT_TRUE(rig_.memory().read(kContext - kWindow / 2, out.state.window));
    if (s.pc == kHandler) {
      out.cause = s.mcause + 1;
      out.tval = s.mtval;
      out.pc = s.mepc;
    } else {
      EXPECT_EQ(s.pc, placement_->end) << name << ": the sequence did not end";
    }
    return out;
  }

  // The IR of every block that the sequence starts with.
  std::string ir(const Sequence& sequence, size_t index) {
    prepare(sequence.before);
    std::string text;
    GuestPc pc = placement_->starts[index];
    while (pc < placement_->end || text.empty()) {
      ir::Block block = rig_.translate(pc);
      text += ir::print(block, {rig_.frontend().layout(), rig_.frontend().helpers()});
      pc += block.guest_bytes;
      if (block.guest_bytes == 0 || block.exits.back().target != pc) break;
    }
    return text;
  }

  std::string_view name;
  // An engine may leave code to the interpreter, but nothing that sequences hold: it would go untested.
  ~Subject() { EXPECT_EQ(rig_.declined, 0u) << name << ": " << rig_.first_decline; }

 private:
  void prepare(const MachineState& before) {
    riscv::RiscvState& s = rig_.state();
    rig_.frontend().reset(s);
    std::copy_n(before.x.begin(), 32, s.x);
    std::copy_n(before.f.begin(), 32, s.f);
    s.mstatus |= riscv::kStatusFs;
    riscv::write_fflags(s, before.fcsr);
    riscv::write_frm(s, before.fcsr >> 5);
    riscv::poke_csr(s, 0x3B0, ~u64{0});
    riscv::poke_csr(s, 0x3A0, 0x1f);
    s.menvcfg = s.senvcfg = riscv::kEnvCbie | riscv::kEnvCbcfe | riscv::kEnvCbze;
    s.mtvec = kHandler;
    s.privilege = riscv::kUser;
    s.regime = riscv::data_regime(s);
    EXPECT_TRUE(rig_.memory().write(kContext - kWindow / 2, before.window));
  }

  test::Rig rig_;
  const Placement* placement_ = nullptr;
};

// The signal that Linux makes of an exception.
u64 signal_of(u64 cause) {
  switch (cause) {
    case riscv::kCauseIllegal: return SIGILL;
    case riscv::kCauseBreakpoint: return SIGTRAP;
    case riscv::kCauseLoadMisaligned:
    case riscv::kCauseStoreMisaligned: return SIGBUS;
    default: return SIGSEGV;
  }
}

// What user mode sees of an outcome; the oracle's driver does not store x31.
Outcome as_signal(Outcome o) {
  o.state.x[31] = 0;
  if (!o.cause) return o;
  o.cause = signal_of(o.cause - 1);
  if (o.cause == SIGILL || o.cause == SIGTRAP) o.tval = 0;
  return o;
}
Outcome as_signal(const OracleResult& r) {
  Outcome o{r.state, r.signal, r.address, r.pc};
  o.state.x[31] = 0;
  if (o.cause == SIGILL || o.cause == SIGTRAP) o.tval = 0;
  return o;
}

std::string report(const Sequence& sequence, GuestVa base, std::string_view left, std::string_view right,
                   const Outcome& a, const Outcome& b, const std::string& ir) {
  std::string text = fmt::format("seed {}: {} != {}\n{}{}", sequence.seed, left, right, differences(a.state, b.state),
                                 sequence.listing(base));
  for (const Outcome* o : {&a, &b}) {
    text += fmt::format("  trap {} (mcause + 1, or the signal) at {:#x}, {:#x}\n", o->cause, o->pc, o->tval);
  }
  text += "before (where not 0):\n" + values(sequence.before);
  return text + ir;
}

std::vector<Sequence> batch(u64 first, u64 count, const Options& options, riscv::Coverage& coverage) {
  std::vector<Sequence> sequences;
  for (u64 i = 0; i < count; ++i) {
    sequences.push_back(make_sequence(first + i, options));
    count_rows(sequences.back(), coverage);
  }
  return sequences;
}

// The shortest beginning of `sequence` after which the engine and the oracle differ.
std::string first_difference(Subject& subject, const Sequence& sequence) {
  std::vector<Sequence> prefixes;
  for (unsigned n = 1; n <= sequence.items.size(); ++n) prefixes.push_back(sequence.prefix(n));
  auto expected = run_oracle(prefixes);
  if (!expected) return expected.error().message;
  Placement placement = place(prefixes);
  subject.load(placement);
  for (size_t i = 0; i < prefixes.size(); ++i) {
    Outcome got = as_signal(subject.run(prefixes[i], i)), want = as_signal((*expected)[i]);
    if (got != want) {
      return report(prefixes[i], placement.starts[i], subject.name, "oracle", got, want, subject.ir(prefixes[i], i));
    }
  }
  return "the prefixes agree";
}

// The oracle's results. A sequence that ends the oracle itself (a store may hit what its driver works with) is taken
// out of `sequences` and named on the standard output.
Expected<std::vector<OracleResult>> judge(std::vector<Sequence>& sequences) {
  auto results = run_oracle(sequences);
  for (unsigned lost = 0; !results && lost < 3; ++lost) {
    std::span<const Sequence> suspects = sequences;
    while (suspects.size() > 1) {
      const auto half = suspects.first(suspects.size() / 2);
      suspects = run_oracle(half) ? suspects.subspan(half.size()) : half;
    }
    fmt::print("the oracle does not survive seed {}:\n{}", suspects[0].seed, suspects[0].listing(kCode));
    sequences.erase(sequences.begin() + (suspects.data() - sequences.data()));
    results = run_oracle(sequences);
  }
  return results;
}

void print(u64 traps, u64 total, const std::string& met) {
  fmt::print("{} of {} sequences trapped\n{}", traps, total, met);
}

class AgainstOracle : public testing::TestWithParam<test::EngineRow> {};
TEST_P(AgainstOracle, SameStateAfterEachSequence) {
  if (!oracle_available()) GTEST_SKIP() << "qemu-riscv64 is not installed (package qemu-user)";
  riscv::Coverage coverage;
  Options options;
  u64 total = sequence_count(GetParam()), first = setting("MIMUS_DIFF_SEED", 1), traps = 0;
  for (u64 done = 0; done < total && !HasFailure(); done += kBatch) {
    std::vector<Sequence> sequences = batch(first + done, std::min<u64>(kBatch, total - done), options, coverage);
    auto expected = judge(sequences);
    ASSERT_TRUE(expected.has_value()) << "seeds from " << first + done << ": " << expected.error().message;
    Placement placement = place(sequences);
    Subject subject(GetParam());  // a new one for each batch: code memory is not reused
    subject.load(placement);
    for (size_t i = 0; i < sequences.size(); ++i) {
      Outcome got = as_signal(subject.run(sequences[i], i)), want = as_signal((*expected)[i]);
      traps += want.cause != 0;
      if (got == want) continue;
      ADD_FAILURE() << report(sequences[i], placement.starts[i], subject.name, "oracle", got, want, "") << "shortest:\n"
                    << first_difference(subject, sequences[i]);
      break;
    }
  }
  auto wanted = [&](const riscv::InsnDesc& row) { return in_sequences(row, options); };
  std::string met = coverage.report(wanted);
  print(traps, total, met);
  EXPECT_FALSE(met.starts_with("never met") && total >= 10000) << met;
}

// Everything that user mode can meet, traps included: the interpreter judges.
class AgainstInterpreter : public testing::TestWithParam<test::EngineRow> {};
TEST_P(AgainstInterpreter, SameStateAndTrapAfterEachSequence) {
  riscv::Coverage coverage;
  Options options{.oracle = false};
  u64 total = sequence_count(GetParam()), first = setting("MIMUS_DIFF_SEED", 1), traps = 0;
  for (u64 done = 0; done < total && !HasFailure(); done += kBatch) {
    std::vector<Sequence> sequences = batch(first + done, std::min<u64>(kBatch, total - done), options, coverage);
    Placement placement = place(sequences);
    Subject judge(test::engines()[0]), subject(GetParam());
    judge.load(placement);
    subject.load(placement);
    for (size_t i = 0; i < sequences.size(); ++i) {
      Outcome want = judge.run(sequences[i], i), got = subject.run(sequences[i], i);
      traps += want.cause != 0;
      if (got == want) continue;
      ADD_FAILURE() << report(sequences[i], placement.starts[i], subject.name, judge.name, got, want,
                              judge.ir(sequences[i], i));
      break;
    }
  }
  std::string met = coverage.report([](const riscv::InsnDesc&) { return true; });
  print(traps, total, met);
  EXPECT_FALSE(met.starts_with("never met") && total >= 10000) << met;
}

auto engine_name = [](const auto& info) { return std::string(info.param.name); };
const auto all_engines = testing::ValuesIn(test::engines_and_mixture().begin(), test::engines_and_mixture().end());
INSTANTIATE_TEST_SUITE_P(Engines, AgainstOracle, all_engines, engine_name);
INSTANTIATE_TEST_SUITE_P(Engines, AgainstInterpreter, all_engines, engine_name);

}  // namespace
}  // namespace mimus::diff
