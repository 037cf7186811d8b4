// `mimus exec` with each engine against the oracle (qemu-aarch64), on random sequences of A64 instructions.
//
// MIMUS_DIFF_SEQUENCES=N  how many sequences each test runs (3,000 by default)
// MIMUS_DIFF_SEED=S       the first seed (1 by default); a report names the seed of the sequence that failed
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>

#include "tests/diff/aarch64_program.h"

namespace mimus::diff::a64 {
namespace {

constexpr unsigned kBatch = 1000, kMostReports = 12;

u64 setting(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

bool same(const Result& a, const Result& b) {
  const bool has_address = a.signal != SIGILL && a.signal != SIGTRAP;
  return a.state == b.state && a.signal == b.signal && a.pc == b.pc && (!has_address || a.address == b.address);
}

std::string report(const Sequence& sequence, GuestVa start, const Result& want, const Result& have) {
  return fmt::format("seed {}: oracle != mimus\n{}{}  signal {} at {:#x}, {:#x}\n  signal {} at {:#x}, {:#x}\n",
                     sequence.seed, differences(want.state, have.state), sequence.listing(start + 4), want.signal,
                     want.pc, want.address, have.signal, have.pc, have.address);
}

// The shortest beginning of `sequence` after which the two differ.
std::string first_difference(const Sequence& sequence, const std::string& command) {
  std::vector<Sequence> prefixes;
  for (unsigned n = 1; n <= sequence.items.size(); ++n) prefixes.push_back(sequence.prefix(n));
  const auto want = run(prefixes), have = run(prefixes, command);
  if (!want || !have) return "the prefixes do not run";
  const Placement placement = place(prefixes);
  for (size_t i = 0; i < prefixes.size(); ++i)
    if (!same((*want)[i], (*have)[i]))
      return report(prefixes[i], placement.starts[i], (*want)[i], (*have)[i]) + "before:\n" + values(sequence.before);
  return "the prefixes agree";
}

class Aarch64AgainstOracle : public testing::TestWithParam<const char*> {};
TEST_P(Aarch64AgainstOracle, SameStateAfterEachSequence) {
  if (!oracle_available()) GTEST_SKIP() << "qemu-aarch64 is not installed (package qemu-user)";
  const u64 total = setting("MIMUS_DIFF_SEQUENCES", 3000), first = setting("MIMUS_DIFF_SEED", 1);
  const std::string command = fmt::format("{} exec --cache off --engine {}", MIMUS_PROGRAM, GetParam());
  aarch64::Coverage coverage;
  u64 traps = 0;
  unsigned reports = 0;
  for (u64 done = 0; done < total && !HasFailure(); done += kBatch) {
    std::vector<Sequence> sequences;
    for (u64 i = 0; i < std::min<u64>(kBatch, total - done); ++i) {
      sequences.push_back(make_sequence(first + done + i));
      count_rows(sequences.back(), coverage);
    }
    const auto want = run(sequences);
    ASSERT_TRUE(want.has_value()) << "oracle, seeds from " << first + done << ": " << want.error().message;
    const auto have = run(sequences, command);
    ASSERT_TRUE(have.has_value()) << "seeds from " << first + done << ": " << have.error().message;
    for (size_t i = 0; i < sequences.size(); ++i) {
      traps += (*want)[i].signal != 0;
      if (same((*want)[i], (*have)[i])) continue;
      ADD_FAILURE() << first_difference(sequences[i], command);
      if (++reports == kMostReports) break;
    }
  }
  const std::string met =
      coverage.report([](const aarch64::InsnDesc& row) { return model().has(row.feature) && in_sequences(row); });
  fmt::print("{} of {} sequences trapped\n{}", traps, total, met);
  EXPECT_FALSE(met.starts_with("never met") && total >= 10000) << met;
}

INSTANTIATE_TEST_SUITE_P(Engines, Aarch64AgainstOracle, testing::Values("interp", "baseline", "llvm"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace
}  // namespace mimus::diff::a64
