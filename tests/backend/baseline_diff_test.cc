// The baseline engine against the interpreter on random blocks: identical state, memory and events.
#include <gtest/gtest.h>

#include "backends/baseline/engine.h"
#include "backends/interp/interp.h"
#include "tests/ir/machine.h"
#include "tests/ir/random_ir.h"

namespace mimus {
namespace {

using test::Machine;
using test::RandomOptions;

struct Host {
  explicit Host(const emit::HostFeatures& features = emit::HostFeatures::probe()) {
    slab = std::move(*emit::CodeSlab::create(64 << 20));
    runtime = std::move(*emit::HostRuntime::create(*slab, test::layout(), features));
    engine = make_baseline_engine(test::runtime_layout(), *slab, *runtime);
  }
  std::unique_ptr<emit::CodeSlab> slab;
  std::unique_ptr<emit::HostRuntime> runtime;
  std::unique_ptr<Engine> engine;
};

struct Tally {
  unsigned compiled = 0;
  std::map<std::string, unsigned> refused;
};

// Entries of the jump cache and return stack that no exit of a random block goes to: a guest PC of ~0 is one.
void plant_impossible_targets(Machine& machine) {
  machine.state().jump_cache[0].pc = 2;
  for (ReturnEntry& entry : machine.state().return_stack) entry.pc = 0x0123'4567'89ab'cdef;
}

void compare(Host& host, Engine& judge, const ir::Region& region, u64 seed, const PrepareOptions& options, Tally& tally) {
  auto code = host.engine->prepare(region, options);
  if (!code) {
    if (tally.refused[code.error().message]++ == 0 && code.error().message.find('.') == std::string::npos)
      std::printf("%s\n%s", code.error().message.c_str(), ir::print(*region.blocks[0], test::text_context()).c_str());
    return;
  }
  ++tally.compiled;
  auto expected = judge.prepare(region, options);
  ASSERT_TRUE(expected) << expected.error().message;
  Machine ours, theirs;
  for (u64 start = 0; start < 3; ++start) {
    ours.fill(seed * 3 + start);
    theirs.fill(seed * 3 + start);
    plant_impossible_targets(ours);
    ours.run(**code);
    theirs.run(**expected);
    const std::string difference = ours.difference(theirs);
    if (difference.empty()) continue;
    std::string text;
    for (const ir::Block* block : region.blocks) text += ir::print(*block, test::text_context());
    FAIL() << "seed " << seed << " start " << start << "\n" << difference << "\n" << text << "\n" << (*code)->dump();
  }
}

void run_blocks(Host& host, u64 first, u64 count, const RandomOptions& random, const PrepareOptions& options = {}) {
  auto judge = make_interp_engine(test::runtime_layout());
  Tally tally;
  for (u64 seed = first; seed < first + count && !::testing::Test::HasFailure(); ++seed) {
    const ir::Block block = test::random_block(seed, random);
    compare(host, *judge, {{&block}}, seed, options, tally);
  }
  std::string refused;
  for (const auto& [why, times] : tally.refused) refused += "\n  " + std::to_string(times) + " " + why;
  std::printf("compiled %u, refused %zu kinds%s\n", tally.compiled, tally.refused.size(), refused.c_str());
}

RandomOptions integers() {
  RandomOptions o;
  o.vectors = o.wide = o.floats = o.odd_floats = o.odd_rounding = false;
  return o;
}

TEST(BaselineDiff, Integers) {
  Host host;
  RandomOptions o = integers();
  o.memory = o.atomics = o.helpers = o.exits = o.faults = false;
  run_blocks(host, 0, 500, o);
}

TEST(BaselineDiff, IntegersMemoryExits) {
  Host host;
  run_blocks(host, 10000, 800, integers());
}

TEST(BaselineDiff, Floats) {
  Host host;
  RandomOptions o;
  o.vectors = o.wide = o.odd_floats = o.memory = o.atomics = o.helpers = o.exits = false;
  run_blocks(host, 20000, 800, o);
}

TEST(BaselineDiff, Everything) {
  Host host;
  run_blocks(host, 30000, 800, {});
}

TEST(BaselineDiff, WithoutHostExtensions) {
  Host host(emit::HostFeatures::none());
  run_blocks(host, 40000, 500, {});
}

TEST(BaselineDiff, CountingInstructions) {
  Host host;
  run_blocks(host, 50000, 300, {}, {.count_insns = true});
}

}  // namespace
}  // namespace mimus
