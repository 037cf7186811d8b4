// Measures the LLVM engine's compile time: regions grown from the loop heads of a flat RISC-V binary.
//   llvm_compile_bench FILE.bin [budget of guest instructions]
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <set>

#include "backends/llvm/engine.h"
#include "core/passes/pass.h"
#include "frontends/riscv/riscv.h"

extern "C" mimus::Engine* mimus_make_llvm_engine(const mimus::LlvmEngineConfig*, mimus::Error*);

namespace mimus {
namespace {

constexpr GuestPc kBase = 0x80001000;

// Processor time of this thread: other load on the machine does not count.
double cpu_ms() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) * 1e3 + double(now.tv_nsec) / 1e6;
}

struct Bench {
  std::unique_ptr<Frontend> frontend = make_riscv_frontend({});
  std::vector<u8> code;

  ir::Block lift(GuestPc pc) const {
    ir::Block block;
    block.key = {pc, pc, 3};
    const auto bytes = std::span(code).subspan(pc - kBase);
    frontend->translate({pc, bytes, u32(bytes.size()), std::nullopt}, {}, block);
    passes::run_passes(block, {frontend->layout(), frontend->helpers()});
    return block;
  }
  bool inside(GuestPc pc) const { return pc >= kBase && pc < kBase + code.size() - 4; }

  // Targets of backward jumps.
  std::set<GuestPc> loop_heads() const {
    std::set<GuestPc> heads;
    for (GuestPc pc = kBase; inside(pc);) {
      const ir::Block block = lift(pc);
      for (const ir::Exit& exit : block.exits)
        if (exit.kind == ir::Exit::Kind::jump && exit.target <= pc + block.guest_bytes && inside(exit.target))
          heads.insert(exit.target);
      pc += std::max(block.guest_bytes, 2u);
    }
    return heads;
  }
  std::vector<ir::Block> region(GuestPc seed, u32 budget) const {
    std::vector<ir::Block> blocks;
    std::vector<GuestPc> pending{seed};
    u32 insns = 0;
    for (size_t next = 0; next < pending.size() && insns < budget; ++next) {
      blocks.push_back(lift(pending[next]));
      insns += blocks.back().guest_insns;
      for (const ir::Exit& exit : blocks.back().exits)
        if (exit.kind == ir::Exit::Kind::jump && inside(exit.target) &&
            std::ranges::find(pending, exit.target) == pending.end())
          pending.push_back(exit.target);
    }
    return blocks;
  }
};

int run(const char* file, u32 budget) {
  Bench bench;
  std::ifstream in(file, std::ios::binary);
  bench.code.assign(std::istreambuf_iterator<char>(in), {});
  auto slab = *emit::CodeSlab::create(u64{256} << 20);
  auto host = *emit::HostRuntime::create(*slab, bench.frontend->layout());
  const MemoryModel memory = getenv("MIMUS_FLAT") ? MemoryModel::flat_zero : MemoryModel::soft_tlb;
  const RuntimeLayout runtime{bench.frontend->layout(), bench.frontend->helpers(), memory};
  Error error;
  const LlvmEngineConfig config{runtime, slab.get(), host.get(), getenv("MIMUS_LISTING") != nullptr};
  std::unique_ptr<Engine> engine(mimus_make_llvm_engine(&config, &error));
  std::map<u32, std::pair<double, u64>> by_size;  // size class -> milliseconds, regions
  u64 insns = 0, bytes = 0;
  double total = 0;
  const u64 before = slab->used();
  const char* only = getenv("MIMUS_PC");
  for (const GuestPc seed : bench.loop_heads()) {
    if (only && std::strtoull(only, nullptr, 0) != seed) continue;
    const auto blocks = bench.region(seed, budget);
    ir::Region region;
    u32 size = 0, ir_size = 0;
    for (const ir::Block& b : blocks)
      region.blocks.push_back(&b), size += b.guest_insns, ir_size += u32(b.insts.size());
    const double start = cpu_ms();
    auto code = engine->prepare(region, {});
    const double ms = cpu_ms() - start;
    if (!code) {
      fmt::print("{:#x}: {}\n", seed, code.error().message);
      continue;
    }
    if (only) fmt::print("{}\n", (*code)->dump());
    if (getenv("VERBOSE"))
      fmt::print("{:#x}: {} blocks, {} insns, {} ir, {} bytes: {:.2f} ms\n", seed, blocks.size(), size, ir_size,
                 (*code)->host_bytes().size(), ms);
    auto& [sum, count] = by_size[std::bit_ceil(size)];
    sum += ms, ++count, total += ms, insns += size, bytes += (*code)->host_bytes().size();
  }
  for (const auto& [size, entry] : by_size)
    fmt::print("up to {:4} insns: {:3} regions, {:.2f} ms each\n", size, entry.second,
               entry.first / double(entry.second));
  fmt::print("{:.1f} ms in all, {:.1f} us and {:.1f} bytes of code ({:.1f} with stubs) per guest instruction\n", total,
             total * 1000 / double(insns), double(bytes) / double(insns),
             double(slab->used() - before) / double(insns));
  return 0;
}

}  // namespace
}  // namespace mimus

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return mimus::run(argv[1], argc > 2 ? unsigned(std::atoi(argv[2])) : 256);
}
