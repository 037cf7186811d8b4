#include "tests/ir/engine_diff.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "core/passes/pass.h"
#include "tests/ir/machine.h"

namespace mimus::test {

namespace {

using Blocks = std::vector<ir::Block>;

struct Verdict {
  std::string refusal;     // an engine did not take the region
  std::string difference;  // what they disagree on
  std::string listing;     // of the accused's code
  bool fine() const { return refusal.empty() && difference.empty(); }
};

// Asks code that runs for seconds to leave: a loop that its fuel does not end is a finding, not a hang.
class Watchdog {
 public:
  Watchdog() : thread_([this](std::stop_token stop) { watch(stop); }) {}

  void run(Machine& machine, Code& code) {
    set(&machine.state().exit_request);
    machine.run(code);
    set(nullptr);
  }

 private:
  void set(std::atomic<u32>* request) {
    std::lock_guard lock(mutex_);
    request_ = request;
    ++changes_;
  }
  void watch(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    for (u64 seen = 0; !stop.stop_requested(); seen = changes_) {
      wake_.wait_for(lock, stop, std::chrono::seconds(3), [] { return false; });
      if (request_ && changes_ == seen) *request_ = 1;
    }
  }

  std::mutex mutex_;
  std::atomic<u32>* request_ = nullptr;
  u64 changes_ = 0;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

class Court {
 public:
  Court(const EngineUnderTest& judge, const EngineUnderTest& accused, const DiffOptions& options)
      : options_(options), judge_(judge.make(runtime_layout())), accused_(accused.make(runtime_layout())) {}

  bool ready() const { return judge_ && accused_; }

  Verdict hear(const Blocks& blocks, u64 state_seed) {
    Verdict verdict;
    const auto expected = prepare(*judge_, blocks, verdict);
    Blocks optimised;
    if (options_.optimise) {
      optimised = blocks;
      for (ir::Block& block : optimised) passes::run_passes(block, text_context(), {.verify = true, .after = {}});
    }
    const auto got = prepare(*accused_, options_.optimise ? optimised : blocks, verdict);
    if (!expected || !got) return verdict;
    Machine a, b;
    a.fill(state_seed);
    b.fill(state_seed);
    watchdog_.run(a, *expected);
    watchdog_.run(b, *got);
    verdict.difference = a.difference(b);
    const bool edges = a.state().leave == u32(Leave::edge) && b.state().leave == a.state().leave;
    if (edges && !options_.optimise) {  // engines number them as they like
      const CodeEdge &wanted = expected->edges()[a.state().left_edge], &taken = got->edges()[b.state().left_edge];
      if (wanted.block != taken.block || wanted.exit != taken.exit || wanted.to_return != taken.to_return)
        verdict.difference += fmt::format("edge: {}.{} != {}.{}\n", wanted.block, wanted.exit, taken.block, taken.exit);
    }
    if (!verdict.fine()) verdict.listing = got->dump();
    return verdict;
  }

 private:
  static std::unique_ptr<Code> prepare(Engine& engine, const Blocks& blocks, Verdict& verdict) {
    ir::Region region;
    for (const ir::Block& block : blocks) region.blocks.push_back(&block);
    auto code = engine.prepare(region, {.code_id = 1, .count_insns = true});
    if (code) return std::move(*code);
    verdict.refusal = fmt::format("{} refuses: {}", engine.name(), code.error().message);
    return nullptr;
  }

  const DiffOptions& options_;
  std::unique_ptr<Engine> judge_, accused_;
  Watchdog watchdog_;
};

std::string text_of(const Blocks& blocks) {
  std::string text;
  for (const ir::Block& block : blocks) text += ir::print(block, text_context());
  return text;
}

bool well_formed(const Blocks& blocks) {
  for (const ir::Block& block : blocks)
    if (!ir::verify(block, text_context())) return false;
  return true;
}

// `block` without instruction `victim`: uses of its value become zero.
ir::Block without(const ir::Block& block, ir::ValueId victim) {
  ir::Block out = block;
  ir::Inst& inst = out.insts[victim];
  const bool constant = inst.op == ir::Op::constant || inst.op == ir::Op::constant_wide;
  if (!inst.type.is_void() && !constant) {
    inst = {ir::Op::constant, 0, inst.type, {ir::kNoValue, ir::kNoValue, ir::kNoValue, ir::kNoValue}, 0};
    return out;
  }
  if (inst.op == ir::Op::exit_if) {
    out.exits.erase(out.exits.begin() + long(inst.imm));
    for (ir::Inst& other : out.insts)
      if (ir::info(other.op).imm == ir::ImmKind::exit && other.imm > block.insts[victim].imm) --other.imm;
  }
  out.insts.erase(out.insts.begin() + victim);
  const auto renumber = [&](ir::ValueId& id) {
    if (id != ir::kNoValue && id > victim)
      --id;
    else if (id == victim)
      id = ir::kNoValue - 1;  // in use: the verifier turns the attempt down
  };
  for (ir::Inst& other : out.insts)
    for (ir::ValueId& arg : other.args) renumber(arg);
  for (ir::Exit& exit : out.exits) renumber(exit.value);
  return out;
}

Blocks shrink(Court& court, Blocks blocks, u64 state_seed) {
  bool progress = true;
  for (unsigned round = 0; progress && round < 6; ++round) {
    progress = false;
    for (size_t b = 0; b < blocks.size(); ++b) {
      for (size_t i = blocks[b].insts.size() - 1; i-- > 0;) {
        const bool boundary = blocks[b].insts[i].op == ir::Op::begin_insn;
        if (boundary) continue;
        Blocks candidate = blocks;
        candidate[b] = without(blocks[b], ir::ValueId(i));
        if (!well_formed(candidate) || court.hear(candidate, state_seed).fine()) continue;
        blocks = std::move(candidate);
        progress = true;
      }
    }
  }
  return blocks;
}

}  // namespace

void expect_same(const EngineUnderTest& judge, const EngineUnderTest& accused, const DiffOptions& options) {
  Court court(judge, accused, options);
  ASSERT_TRUE(court.ready());
  unsigned failures = 0;
  for (u64 seed = options.first_seed; seed < options.first_seed + options.seeds && failures < 3; ++seed) {
    const Blocks blocks = random_region(seed, options.blocks_per_region, options.random);
    for (const ir::Block& block : blocks) {
      const auto verified = ir::verify(block, text_context());
      ASSERT_TRUE(verified) << "seed " << seed << ": " << verified.error().message << "\n"
                            << ir::print(block, text_context());
    }
    for (unsigned i = 0; i < options.states_per_seed; ++i) {
      const u64 state_seed = seed * 1000 + i;
      if (court.hear(blocks, state_seed).fine()) continue;
      const Blocks small = shrink(court, blocks, state_seed);
      const Verdict verdict = court.hear(small, state_seed);
      Machine start;
      start.fill(state_seed);
      ADD_FAILURE() << "seed " << seed << ", state " << state_seed << ": " << judge.name << " != " << accused.name
                    << "\n"
                    << verdict.refusal << verdict.difference << text_of(small) << "start:\n"
                    << start.describe() << "code:\n"
                    << verdict.listing;
      ++failures;
      break;
    }
  }
}

}  // namespace mimus::test
