#include "backends/baseline/engine.h"

#include <fmt/format.h>

#include <mutex>

#include "backends/baseline/code.h"

namespace mimus::baseline {

namespace {

constexpr u32 kChunkBytes = 32 << 10;
constexpr u32 kLargestChunk = 4 << 20;

// A compiler and the stretch of the slab that it writes to: whoever compiles has one to himself.
struct Worker {
  Worker(const RuntimeLayout& layout, Assists& assists, emit::CodeSlab& slab, const emit::HostRuntime& host)
      : compiler(layout, assists, slab, host) {}
  Compiler compiler;
  Artifact artifact;
  emit::CodeSlab::Piece chunk;
  u32 used = 0;
  u64 generation = ~u64{0};  // of the slab, when the chunk was taken
};

class BaselineEngine final : public Engine {
 public:
  BaselineEngine(const RuntimeLayout& layout, emit::CodeSlab& slab, const emit::HostRuntime& host)
      : layout_(layout), assists_(layout), slab_(slab), host_(host) {}

  std::string_view name() const override { return "baseline"; }

  Expected<std::unique_ptr<Code>> prepare(const ir::Region& region, const PrepareOptions& options) override {
    if (region.blocks.empty()) return fail("baseline: empty region");
    std::unique_ptr<Worker> worker = acquire();
    auto code = compile(*worker, region, options);
    release(std::move(worker));
    return code;
  }

 private:
  Expected<std::unique_ptr<Code>> compile(Worker& w, const ir::Region& region, const PrepareOptions& options) {
    u32 wanted = kChunkBytes;
    for (;;) {
      if (w.generation != slab_.generation() || w.used + kMinimumRoom > w.chunk.size) {
        MIMUS_CHECK(take_chunk(w, wanted));
      }
      Artifact& artifact = w.artifact;
      const u64 start = w.chunk.exec + w.used;
      switch (w.compiler.compile(region, options, w.chunk.write + w.used, w.chunk.size - w.used, artifact)) {
        case Compiler::Outcome::done:
          w.used = u32(align_up(w.used + artifact.bytes, 16));
          if (slab_.has_listener())
            slab_.announce(start, artifact.bytes, fmt::format("baseline {:#x}", region.blocks[0]->key.pc));
          return std::make_unique<BaselineCode>(slab_, host_, start, options.profile_limit, artifact);
        case Compiler::Outcome::refused: return fail("baseline: cannot compile " + w.compiler.refusal());
        case Compiler::Outcome::no_room: break;
      }
      if (w.used == 0) wanted *= 2;  // not even an empty chunk was enough
      if (wanted > kLargestChunk) return fail("baseline: the region is too large");
      MIMUS_CHECK(take_chunk(w, wanted));
    }
  }

  Expected<void> take_chunk(Worker& w, u32 bytes) {
    w.generation = slab_.generation();
    w.used = 0;
    w.chunk = {};
    MIMUS_TRY(w.chunk, slab_.allocate(bytes, 64));
    return {};
  }

  std::unique_ptr<Worker> acquire() {
    std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>(layout_, assists_, slab_, host_);
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  void release(std::unique_ptr<Worker> worker) {
    std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

  static constexpr u32 kMinimumRoom = 512;

  const RuntimeLayout layout_;
  Assists assists_;
  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

}  // namespace
}  // namespace mimus::baseline

namespace mimus {

std::unique_ptr<Engine> make_baseline_engine(const RuntimeLayout& layout, emit::CodeSlab& slab,
                                             emit::HostRuntime& host) {
  return std::make_unique<baseline::BaselineEngine>(layout, slab, host);
}

}  // namespace mimus
