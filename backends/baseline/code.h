// What the baseline engine hands out: a piece of host code with its links.
#pragma once

#include "backends/baseline/saved_code.h"

namespace mimus::baseline {

class BaselineCode final : public Code {
 public:
  // What all code of an engine shares.
  struct Owner {
    emit::CodeSlab& slab;
    const emit::HostRuntime& host;
    const RuntimeLayout& layout;
    Assists& assists;
  };
  // `owner` outlives the code.
  BaselineCode(const Owner& owner, u64 start, const PrepareOptions& options, const Artifact& artifact);
  // Of saved code that has been put to `start` already, with its counter.
  BaselineCode(const Owner& owner, u64 start, const PrepareOptions& options, const SavedCode& saved,
               const u32* counter);

  void run(CpuState& state) override { owner_.host.enter(state, start_); }
  u64 host_entry() const override { return start_; }
  std::span<const CodeEdge> edges() const override { return edges_; }
  void link(const CodeWriteToken&, u32 edge, u64 host_target) override;
  void unlink(const CodeWriteToken&, u32 edge) override;
  void redirect(const CodeWriteToken&, u64 host_target) override;
  std::span<const u8> host_bytes() const override { return {reinterpret_cast<const u8*>(start_), bytes_}; }
  std::span<const PcMapEntry> pc_map() const override { return pc_map_; }
  std::span<const FaultEntry> faults() const override { return faults_; }
  bool save(std::vector<u8>& out) const override;
  bool hot() const override;
  u64 runs() const override;
  std::string dump() const override;

 private:
  void patch(u32 displacement, u64 target);
  void restore(std::span<u8> code) const;
  bool detach(std::span<u8> code, std::vector<OpKey>& ops) const;

  const Owner& owner_;
  u64 start_;  // executable address
  u32 bytes_, leave_;
  u32 profile_limit_;
  const u32* counter_;
  u64 first_bytes_ = 0;  // of the entry, before redirect() has changed it
  bool savable_ = false;
  std::unique_ptr<std::byte[]> tables_;  // one allocation for what follows
  std::span<const PcMapEntry> pc_map_;
  std::span<const FaultEntry> faults_;
  std::span<const CodeEdge> edges_;
  std::span<const EdgePatch> patches_, internal_;
  std::span<const u32> relocations_;
};

}  // namespace mimus::baseline
