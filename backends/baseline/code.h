// What the baseline engine hands out: a piece of host code with its links.
#pragma once

#include "backends/baseline/compiler.h"

namespace mimus::baseline {

class BaselineCode final : public Code {
 public:
  BaselineCode(emit::CodeSlab& slab, const emit::HostRuntime& host, u64 start, u32 profile_limit, Artifact artifact)
      : slab_(slab), host_(host), start_(start), profile_limit_(profile_limit), artifact_(std::move(artifact)) {}

  void run(CpuState& state) override { host_.enter(state, start_); }
  u64 host_entry() const override { return start_; }
  std::span<const CodeEdge> edges() const override { return artifact_.edges; }
  void link(const CodeWriteToken&, u32 edge, u64 host_target) override;
  void unlink(const CodeWriteToken&, u32 edge) override;
  void redirect(const CodeWriteToken&, u64 host_target) override;
  std::span<const u8> host_bytes() const override { return {reinterpret_cast<const u8*>(start_), artifact_.bytes}; }
  std::span<const PcMapEntry> pc_map() const override { return artifact_.pc_map; }
  bool hot() const override;
  std::string dump() const override;

 private:
  void patch(u32 displacement, u64 target);

  emit::CodeSlab& slab_;
  const emit::HostRuntime& host_;
  u64 start_;  // executable address
  u32 profile_limit_;
  Artifact artifact_;
};

}  // namespace mimus::baseline
