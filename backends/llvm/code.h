// LlvmCode: a region's blob in the code slab, with its link cells and patchable entry.
//
//   host_entry:  8 bytes of nops, replaced by a jump on redirect()
//                the function and its constants
//                stubs: what ways out that are not linked and what rare paths do
//                cells: one 8-byte word per stub, where the way out goes; linking is one store into it
#pragma once

#include "backends/emit/slab.h"
#include "backends/emit/thunks.h"
#include "backends/llvm/compiler.h"
#include "backends/llvm/stubs.h"
#include "backends/llvm/thunks.h"

namespace mimus::jit {

struct CodePlace {
  emit::CodeSlab& slab;
  const emit::HostRuntime& host;
  const Thunks& thunks;
};

class LlvmCode : public Code {
 public:
  static Expected<std::unique_ptr<Code>> place(const CodePlace& where, const ir::Region& region,
                                               const PrepareOptions& options, CompiledRegion compiled);

  void run(CpuState& state) override { host_.enter(state, entry_); }
  u64 host_entry() const override { return entry_; }
  std::span<const CodeEdge> edges() const override { return edges_; }
  void link(const CodeWriteToken&, u32 edge, u64 host_target) override;
  void unlink(const CodeWriteToken&, u32 edge) override;
  void redirect(const CodeWriteToken&, u64 host_target) override;
  std::span<const u8> host_bytes() const override { return {reinterpret_cast<const u8*>(entry_), code_bytes_}; }
  std::span<const FaultEntry> faults() const override { return faults_; }
  std::string dump() const override;

 private:
  explicit LlvmCode(const CodePlace& where) : host_(where.host) {}
  void make_links(std::span<const ExitStub> exits, std::span<const StubWriter::Written> written, u64 stubs);
  // Writes what goes into the patchpoints: jumps to the cold sites, or accesses.
  Expected<void> fill_patchpoints(const CompiledRegion& compiled, const Blob& blob, std::span<const u32> cold,
                                  u64 function, u64 stubs);
  void set_cell(u32 stub, u64 target);
  void number_edges(const ir::Region& region, std::span<const ExitStub> stubs);
  u32 edge_of(const ExitStub& stub) const;

  const emit::HostRuntime& host_;
  emit::CodeSlab::Piece piece_;
  u64 entry_ = 0;
  u64 go_back_ = 0;       // code that leaves to the run loop at the region's guest PC
  u32 entry_offset_ = 0;  // in the piece
  u32 code_bytes_ = 0;    // from the entry on
  u32 cells_ = 0;         // offset in the piece
  std::vector<CodeEdge> edges_;
  struct Link {
    u32 stub = 0;      // whose cell it is
    u64 unlinked = 0;  // what the cell holds when the edge is not linked
  };
  std::vector<Link> links_;  // of each edge
  std::vector<FaultEntry> faults_;
  std::string listing_;
};

}  // namespace mimus::jit
