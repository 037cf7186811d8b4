// What the baseline engine hands out: a piece of host code with its links.
#pragma once

#include "backends/baseline/compiler.h"

namespace mimus::baseline {

class BaselineCode final : public Code {
 public:
  BaselineCode(emit::CodeSlab& slab, const emit::HostRuntime& host, u64 start, u32 profile_limit,
               const Artifact& artifact);

  void run(CpuState& state) override { host_.enter(state, start_); }
  u64 host_entry() const override { return start_; }
  std::span<const CodeEdge> edges() const override { return edges_; }
  void link(const CodeWriteToken&, u32 edge, u64 host_target) override;
  void unlink(const CodeWriteToken&, u32 edge) override;
  void redirect(const CodeWriteToken&, u64 host_target) override;
  std::span<const u8> host_bytes() const override { return {reinterpret_cast<const u8*>(start_), bytes_}; }
  std::span<const PcMapEntry> pc_map() const override { return pc_map_; }
  std::span<const FaultEntry> faults() const override { return faults_; }
  bool hot() const override;
  u64 runs() const override;
  std::string dump() const override;

 private:
  void patch(u32 displacement, u64 target);

  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  u64 start_;  // executable address
  u32 bytes_, leave_;
  u32 profile_limit_;
  const u32* counter_;
  std::unique_ptr<std::byte[]> tables_;  // one allocation for what follows
  std::span<const PcMapEntry> pc_map_;
  std::span<const FaultEntry> faults_;
  std::span<const CodeEdge> edges_;
  std::span<const EdgePatch> patches_, internal_;
};

}  // namespace mimus::baseline
