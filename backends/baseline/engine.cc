#include "backends/baseline/engine.h"

#include <fmt/format.h>

#include <mutex>

#include "backends/baseline/code.h"
#include "backends/emit/fp_assist.h"

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

  std::string saved_code_identity() const override;
  Expected<std::unique_ptr<Code>> load(std::span<const u8> saved, const PrepareOptions& options) override;

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
          finish(w, artifact.bytes, region.blocks[0]->key.pc);
          return std::make_unique<BaselineCode>(owner_, start, options, artifact);
        case Compiler::Outcome::refused: return fail("baseline: cannot compile " + w.compiler.refusal());
        case Compiler::Outcome::no_room: break;
      }
      if (w.used == 0) wanted *= 2;  // not even an empty chunk was enough
      if (wanted > kLargestChunk) return fail("baseline: the region is too large");
      MIMUS_CHECK(take_chunk(w, wanted));
    }
  }

  void finish(Worker& w, u32 bytes, GuestPc pc) {
    if (slab_.has_listener()) slab_.announce(w.chunk.exec + w.used, bytes, fmt::format("baseline {:#x}", pc));
    w.used = u32(align_up(w.used + bytes, 16));
  }

  Expected<std::unique_ptr<Code>> place(Worker& w, const SavedCode& saved, const PrepareOptions& options);
  bool attach(const SavedCode& saved, const PrepareOptions& options, u8* code, u64 offset, const u32* counter);

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
  const BaselineCode::Owner owner_{slab_, host_, layout_, assists_};
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

// ---- saved code ----

std::string BaselineEngine::saved_code_identity() const {
  const emit::HostFeatures& f = host_.features();
  const bool features[] = {f.bmi1, f.bmi2, f.lzcnt, f.popcnt, f.movbe,  f.pclmul, f.ssse3, f.sse41, f.sse42,
                           f.avx,  f.avx2, f.fma,   f.f16c,   f.avx512, f.cx16,   f.aes,   f.sha};
  std::string identity = fmt::format("baseline memory={} thunks={:#x} host=", u32(layout_.memory), slab_.sealed());
  for (const bool feature : features) identity += feature ? '1' : '0';
  return identity;
}

// Makes the fields of code that is at `offset` in the slab now what they have to be here. False: one refers to nothing.
bool BaselineEngine::attach(const SavedCode& saved, const PrepareOptions& options, u8* code, u64 offset,
                            const u32* counter) {
  const u32 moved = u32(saved.head.slab_offset - offset);
  const u32 counter_moved = counter ? u32(slab_.data_offset_of(counter) - saved.head.counter_offset) : 0;
  const auto add32 = [&](u8* at, u32 value) {
    u32 field;
    std::memcpy(&field, at, sizeof field);
    field += value;
    std::memcpy(at, &field, sizeof field);
  };
  const auto put = [](u8* at, auto value) { std::memcpy(at, &value, sizeof value); };
  for (const u32 relocation : saved.relocations) {
    u8* const at = code + (relocation & kRelocOffset);
    u64 index = 0;
    const Reloc kind = Reloc(relocation >> 24);
    if (field_bytes(kind) == 8) std::memcpy(&index, at, sizeof index);
    switch (kind) {
      case Reloc::slab: add32(at, moved); break;
      case Reloc::code_id: put(at, options.code_id); break;
      case Reloc::counter:
        if (!counter) return false;
        add32(at, moved + counter_moved);
        break;
      case Reloc::helper:
        if (index >= layout_.helpers.size()) return false;
        put(at, reinterpret_cast<u64>(layout_.helpers[index].function));
        break;
      case Reloc::run_single: put(at, reinterpret_cast<u64>(&run_single_op)); break;
      case Reloc::run_scalar: put(at, reinterpret_cast<u64>(&run_scalar_op)); break;
      case Reloc::fp_assist: put(at, reinterpret_cast<u64>(&emit::fp_assist)); break;
      case Reloc::single: {
        const interp::SingleOp* single = index < saved.ops.size() ? assists_.get(saved.ops[index]) : nullptr;
        if (!single) return false;
        put(at, reinterpret_cast<u64>(single));
        break;
      }
      case Reloc::count: return false;
    }
  }
  return true;
}

Expected<std::unique_ptr<Code>> BaselineEngine::load(std::span<const u8> bytes, const PrepareOptions& options) {
  SavedCode saved;
  if (!saved.parse(bytes)) return fail("baseline: damaged code");
  std::unique_ptr<Worker> worker = acquire();
  auto code = place(*worker, saved, options);
  release(std::move(worker));
  return code;
}

Expected<std::unique_ptr<Code>> BaselineEngine::place(Worker& w, const SavedCode& saved,
                                                      const PrepareOptions& options) {
  const u32 size = saved.head.code_bytes;
  if (w.generation != slab_.generation() || w.used + size > w.chunk.size) {
    if (size > kLargestChunk) return fail("baseline: the region is too large");
    MIMUS_CHECK(take_chunk(w, std::max(kChunkBytes, size)));
  }
  u32* counter = nullptr;
  if (saved.head.counter_offset) {
    if (!(counter = slab_.allocate_counter())) return fail("baseline: no room for counters");
    *counter = options.profile_limit ? options.profile_limit - 1 : 0;
  }
  u8* const write = w.chunk.write + w.used;
  const u64 start = w.chunk.exec + w.used;
  std::memcpy(write, saved.code.data(), size);
  if (!attach(saved, options, write, slab_.offset_of(start), counter)) return fail("baseline: damaged code");
  finish(w, size, saved.pc_map.empty() ? 0 : saved.pc_map[0].guest_pc);
  return std::make_unique<BaselineCode>(owner_, start, options, saved, counter);
}

}  // namespace
}  // namespace mimus::baseline

namespace mimus {

std::unique_ptr<Engine> make_baseline_engine(const RuntimeLayout& layout, emit::CodeSlab& slab,
                                             emit::HostRuntime& host) {
  return std::make_unique<baseline::BaselineEngine>(layout, slab, host);
}

}  // namespace mimus
