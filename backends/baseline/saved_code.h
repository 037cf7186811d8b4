// Code in the form that outlives a process (Code::save, Engine::load): a head, tables, the code bytes.
//
//   SavedHead | PcMapEntry[] | OpKey[] | FaultEntry[] | SavedEdge[] | EdgePatch[] of edges | of inner jumps
//   | relocations | code
//
// The fields that relocations (Reloc) point to hold
//   slab        the displacement that it had at SavedHead::slab_offset
//   code_id     nothing
//   counter     the displacement that it had there, to SavedHead::counter_offset
//   helper      the index of the helper
//   run_*       nothing
//   single      the index of its OpKey
// Offsets are from the start of the slab's writable view, where the thunks are at the same places in every process of
// one build on one kind of host.
#pragma once

#include "backends/baseline/compiler.h"

namespace mimus::baseline {

struct SavedHead {
  u32 code_bytes = 0;
  u32 leave = 0;
  u64 slab_offset = 0;
  u64 counter_offset = 0;                                                                      // 0: no counter
  u32 pc_map = 0, faults = 0, edges = 0, patches = 0, internal = 0, relocations = 0, ops = 0;  // entries of the tables
  u32 unused = 0;
};

// Edges as bytes without gaps.
struct SavedEdge {
  u32 block = 0, exit = 0;
  u32 flags = 0;  // 1: linkable, 2: to_return
};

// What a piece of saved code says, in place.
struct SavedCode {
  SavedHead head;
  std::span<const PcMapEntry> pc_map;
  std::span<const FaultEntry> faults;
  std::span<const SavedEdge> edges;
  std::span<const EdgePatch> patches, internal;
  std::span<const OpKey> ops;
  std::span<const u32> relocations;
  std::span<const u8> code;

  // False: it is not whole or points outside itself. `bytes` is aligned to 8 bytes.
  bool parse(std::span<const u8> bytes);
};

// Bytes of the field that a relocation points to.
inline u32 field_bytes(Reloc kind) { return kind >= Reloc::helper ? 8 : 4; }

}  // namespace mimus::baseline
