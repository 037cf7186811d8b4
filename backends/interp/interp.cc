#include "backends/interp/interp.h"

#include <fmt/format.h>

#include "backends/interp/lower.h"

namespace mimus {
namespace interp {
namespace {

constexpr u32 kMaxInsns = 65535;  // Record::insn

class InterpCode final : public Code {
 public:
  InterpCode(const ir::Region& region, const RuntimeLayout& layout, const PrepareOptions& options, bool fuse);

  void run(CpuState& state) override;
  std::span<const CodeEdge> edges() const override { return edges_; }
  u64 runs() const override { return executions_.load(std::memory_order_relaxed); }
  std::string dump() const override;

 private:
  void add_exits(const ir::Region& region, u32 block_index, const PrepareOptions& options);
  void chain_blocks(const ir::Region& region, std::span<const u32> starts);
  bool profile_fires(CpuState& state);

  Program program_;
  std::vector<CodeEdge> edges_;
  GuestPc entry_;
  PrepareOptions options_;
  std::atomic<u32> executions_{0};
};

InterpCode::InterpCode(const ir::Region& region, const RuntimeLayout& layout, const PrepareOptions& options, bool fuse)
    : entry_(region.blocks[0]->key.pc), options_(options) {
  program_.helpers = layout.helpers;
  program_.counts = options.count_insns;
  std::vector<u32> starts;
  for (u32 i = 0; i < region.blocks.size(); ++i) {
    starts.push_back(u32(program_.records.size()));
    add_exits(region, i, options);
    Lowering(program_, *region.blocks[i], layout, fuse).run();
  }
  program_.records.shrink_to_fit();
  chain_blocks(region, starts);  // takes addresses of records: last
}

void InterpCode::add_exits(const ir::Region& region, u32 block_index, const PrepareOptions& options) {
  const ir::Block& block = *region.blocks[block_index];
  for (u32 i = 0; i < block.exits.size(); ++i) {
    const ir::Exit& exit = block.exits[i];
    ExitRecord record{.exit = exit, .counts = options.count_insns, .code_id = options.code_id};
    if (exit.kind == ir::Exit::Kind::jump || exit.kind == ir::Exit::Kind::call) {
      record.direct = true;
      record.linkable = (exit.target ^ block.key.pc) < kPageSize;
      record.edge = u32(edges_.size());
      edges_.push_back({block_index, i, record.linkable});
    }
    program_.exits.push_back(record);
  }
}

// Direct exits to blocks of the region go straight to their records; not while executions are counted, since the
// counter is at the entry.
void InterpCode::chain_blocks(const ir::Region& region, std::span<const u32> starts) {
  if (options_.profile) return;
  for (ExitRecord& exit : program_.exits) {
    if (!exit.direct) continue;
    const u64 mode = region.blocks[edges_[exit.edge].block]->key.mode;
    for (u32 i = 0; i < region.blocks.size(); ++i) {
      const ir::BlockKey& key = region.blocks[i]->key;
      if (key.pc == exit.exit.target && key.mode == mode) exit.chain = &program_.records[starts[i]];
    }
  }
}

// Counts an execution; concurrent ones may get lost. True once, when the counter passes the limit.
bool InterpCode::profile_fires(CpuState& state) {
  if (!options_.profile) return false;
  const u32 before = executions_.load(std::memory_order_relaxed);
  executions_.store(before + 1, std::memory_order_relaxed);
  if (before != options_.profile_limit) return false;
  state.pc = entry_;
  state.leave = u32(Leave::dispatch);
  return true;
}

void InterpCode::run(CpuState& state) {
  state.leave = u32(Leave::none);
  if (state.exit_request.load(std::memory_order_relaxed)) {
    state.pc = entry_;
    state.leave = u32(Leave::poll);
    return;
  }
  if (profile_fires(state)) return;

  constexpr u32 kUsualFrame = 8192;
  alignas(64) u8 usual[kUsualFrame];
  std::unique_ptr<u8[]> large;
  u8* frame = usual;
  if (program_.frame_bytes > kUsualFrame) [[unlikely]] {
    large = std::make_unique_for_overwrite<u8[]>(program_.frame_bytes);
    frame = large.get();
  }
  reinterpret_cast<FrameHead*>(frame)->program = &program_;
  const Record* r = program_.records.data();
  while (r) r = r->run(r, frame, &state);
}

// One line a record: guest PC, op, the fields of Record. An op that has taken over others stands for them.
std::string InterpCode::dump() const {
  std::string text;
  for (size_t i = 0; i < program_.records.size(); ++i) {
    const Record& r = program_.records[i];
    text += fmt::format("{:#x}  {:<16} a={} b={} c={} -> {} imm={:#x} extra={} attr={}\n", program_.insns[r.insn].pc,
                        ir::info(program_.ops[i]).name, r.a, r.b, r.c, r.result, r.imm, r.extra, r.attr);
  }
  return text;
}

class InterpEngine final : public Engine {
 public:
  InterpEngine(const RuntimeLayout& layout, bool fuse) : layout_(layout), fuse_(fuse) {}
  std::string_view name() const override { return "interp"; }

  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    size_t insns = 0;
    for (const ir::Block* block : region.blocks) insns += block->insts.size();
    if (region.blocks.empty() || insns > kMaxInsns) return fail("interp: a region of no or too many instructions");
    return std::make_unique<InterpCode>(region, layout_, options, fuse_);
  }

 private:
  const RuntimeLayout& layout_;
  const bool fuse_;
};

}  // namespace
}  // namespace interp

std::unique_ptr<Engine> make_interp_engine(const RuntimeLayout& layout) {
  return std::make_unique<interp::InterpEngine>(layout, true);
}
std::unique_ptr<Engine> make_plain_interp_engine(const RuntimeLayout& layout) {
  return std::make_unique<interp::InterpEngine>(layout, false);
}

}  // namespace mimus
