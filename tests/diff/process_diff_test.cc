// `mimus exec` against the oracle: the oracle's own program, with its signal handlers, on flat memory.
//
// MIMUS_DIFF_SEQUENCES and MIMUS_DIFF_SEED as in riscv_diff_test.cc.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "tests/diff/oracle.h"

namespace mimus::diff {
namespace {

constexpr unsigned kBatch = 1000;

u64 setting(const char* name, u64 otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

bool same(const OracleResult& a, const OracleResult& b) {
  const bool has_address = a.signal != SIGILL && a.signal != SIGTRAP;
  return a.state == b.state && a.signal == b.signal && a.pc == b.pc && (!has_address || a.address == b.address);
}

// Twice from the same place: the second time, what the first has translated comes from the file.
struct Choice {
  const char *name, *engine;
  bool saved;
};

class ProcessAgainstOracle : public testing::TestWithParam<Choice> {
 protected:
  ~ProcessAgainstOracle() override { std::filesystem::remove_all(cache_); }
  std::string command() {
    if (!GetParam().saved) return fmt::format("{} exec --cache off --engine {}", MIMUS_PROGRAM, GetParam().engine);
    if (cache_.empty()) {
      std::string name = std::filesystem::temp_directory_path() / "mimus-diff-XXXXXX";
      cache_ = mkdtemp(name.data());
    }
    return fmt::format("{} exec --cache {} --engine {}", MIMUS_PROGRAM, cache_, GetParam().engine);
  }

 private:
  std::string cache_;
};
TEST_P(ProcessAgainstOracle, SameStateAfterEachSequence) {
  if (!oracle_available()) GTEST_SKIP() << "qemu-riscv64 is not installed (package qemu-user)";
  const u64 total = setting("MIMUS_DIFF_SEQUENCES", 3000), first = setting("MIMUS_DIFF_SEED", 1);
  u64 traps = 0;
  for (u64 done = 0; done < total && !HasFailure(); done += kBatch) {
    std::vector<Sequence> sequences;
    for (u64 i = 0; i < std::min<u64>(kBatch, total - done); ++i)
      sequences.push_back(make_sequence(first + done + i, {}));
    const auto expected = run_oracle(sequences);
    if (!expected) continue;  // a sequence that ends the oracle itself; riscv_diff_test.cc names it
    if (GetParam().saved) ASSERT_TRUE(run_oracle(sequences, command()).has_value());
    const auto got = run_oracle(sequences, command());
    ASSERT_TRUE(got.has_value()) << "seeds from " << first + done << ": " << got.error().message;
    const Placement placement = place(sequences);
    for (size_t i = 0; i < sequences.size(); ++i) {
      const OracleResult &want = (*expected)[i], &have = (*got)[i];
      traps += want.signal != 0;
      if (same(want, have)) continue;
      ADD_FAILURE() << fmt::format(
          "seed {}: oracle != mimus\n{}{}  signal {} at {:#x}, {:#x}\n  signal {} at {:#x}, {:#x}\n", sequences[i].seed,
          differences(want.state, have.state), sequences[i].listing(placement.starts[i]), want.signal, want.pc,
          want.address, have.signal, have.pc, have.address);
      break;
    }
  }
  fmt::print("{} of {} sequences trapped\n", traps, total);
}

INSTANTIATE_TEST_SUITE_P(Engines, ProcessAgainstOracle,
                         testing::Values(Choice{"interp", "interp", false}, Choice{"baseline", "baseline", false},
                                         Choice{"saved", "baseline", true}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace mimus::diff
