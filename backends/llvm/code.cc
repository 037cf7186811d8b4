#include "backends/llvm/code.h"

#include <algorithm>
#include <charconv>

#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>

#include "backends/llvm/flat.h"

namespace mimus::jit {
namespace {

constexpr u32 kCellAlignment = 64;
constexpr u32 kEntryBytes = 8;                         // the patchable entry, right in front of the function
constexpr u64 kEntryNops = 0x00'1f'0f'00'00'44'1f'0f;  // nop of five bytes, nop of three

// Atomic, so that a CPU that runs the code meanwhile sees the old or the new word.
void store_word(u8* at, u64 value) { __atomic_store_n(reinterpret_cast<u64*>(at), value, __ATOMIC_RELEASE); }

constexpr u8 kJumpOpcode = 0xe9;

// Executable address of the symbol that a reference names, or 0.
u64 resolve(std::string_view name, const Thunks& thunks, std::span<const StubWriter::Written> exits, u64 stubs,
            u64 cells) {
  if (name == kCellsName) return cells;
  if (name == kFunctionsName) return thunks.functions();
  if (name.starts_with(kExitPrefix)) {
    u32 index = 0;
    name.remove_prefix(kExitPrefix.size());
    std::from_chars(name.data(), name.data() + name.size(), index);
    return index < exits.size() ? stubs + exits[index].offset : 0;
  }
  for (unsigned i = 0; i < kSymbolNames.size(); ++i)
    if (name == kSymbolNames[i]) return thunks.address(Symbol(i));
  return 0;
}

void put_displacement(u8* at, u64 target, u64 next) {
  const s32 value = s32(target - next);
  std::memcpy(at, &value, sizeof value);
}

// Where an access at the offset goes on when it faults.
Expected<u32> landing_of(const Blob& blob, u32 offset) {
  auto it = std::ranges::upper_bound(blob.call_sites, offset, {}, &Blob::CallSite::start);
  if (it == blob.call_sites.begin() || offset >= (--it)->start + it->length)
    return fail("LLVM has not written down where a fault goes");
  return it->landing;
}

}  // namespace

Expected<std::unique_ptr<Code>> LlvmCode::place(const CodePlace& where, const ir::Region& region,
                                                const PrepareOptions& options, CompiledRegion compiled) {
  MIMUS_TRY(const Blob blob, read_object(compiled.object));
  if (blob.entry != 0) return fail("LLVM put something in front of the function");
  StubWriter writer(where.host, where.thunks, region, options, compiled);
  std::unique_ptr<LlvmCode> code(new LlvmCode(where));
  code->number_edges(region, compiled.stubs);
  std::vector<StubWriter::Written> exits;
  std::vector<u32> cold;
  for (u32 i = 0; i < compiled.stubs.size(); ++i)
    exits.push_back(writer.write_exit(i, code->edge_of(compiled.stubs[i])));
  for (const StackMap::Record& record : blob.stack_map.records) cold.push_back(writer.write_cold(record));
  const u32 go_back = writer.write_go_back(region.blocks[0]->key.pc);
  if (writer.failed())
    return fail(std::string("a region's stubs cannot be written: ") + Xbyak::ConvertErrorToString(Xbyak::GetError()));

  const u32 function_at = std::max<u32>(blob.alignment, 16);
  const u32 stubs_at = function_at + u32(blob.bytes.size());
  const u32 cells_at = u32(align_up(stubs_at + writer.bytes().size(), kCellAlignment));
  const u32 size = cells_at + 8 * u32(exits.size());
  MIMUS_TRY(const emit::CodeSlab::Piece piece, where.slab.allocate(size, std::max(function_at, kCellAlignment)));
  const u64 function = piece.exec + function_at, stubs = piece.exec + stubs_at, cells = piece.exec + cells_at;

  std::memcpy(piece.write + function_at, blob.bytes.data(), blob.bytes.size());
  for (const Blob::Reference& r : blob.references) {
    const u64 target = resolve(r.name, where.thunks, exits, stubs, cells);
    if (!target) return fail("LLVM refers to '" + r.name + "', which generated code cannot call");
    put_displacement(piece.write + function_at + r.offset, target + u64(s64(r.addend)), function + r.offset);
  }
  std::memcpy(piece.write + stubs_at, writer.bytes().data(), writer.bytes().size());
  writer.place(piece.write + stubs_at, stubs, function, cells);
  code->piece_ = piece;
  code->entry_offset_ = function_at - kEntryBytes;
  code->entry_ = piece.exec + code->entry_offset_;
  MIMUS_CHECK(code->fill_patchpoints(compiled, blob, cold, function, stubs));
  code->cells_ = cells_at;
  code->make_links(compiled.stubs, exits, stubs);
  store_word(piece.write + code->entry_offset_, kEntryNops);
  code->go_back_ = stubs + go_back;
  code->code_bytes_ = kEntryBytes + blob.code_bytes;
  code->listing_ = std::move(compiled.listing);
  if (where.slab.has_listener()) {
    char name[32];
    std::snprintf(name, sizeof name, "llvm %#lx", static_cast<unsigned long>(region.blocks[0]->key.pc));
    where.slab.announce(code->entry_, kEntryBytes + u32(blob.bytes.size()) + u32(writer.bytes().size()), name);
  }
  return code;
}

Expected<void> LlvmCode::fill_patchpoints(const CompiledRegion& compiled, const Blob& blob, std::span<const u32> cold,
                                          u64 function, u64 stubs) {
  for (size_t i = 0; i < cold.size(); ++i) {
    const StackMap::Record& record = blob.stack_map.records[i];
    const u64 at = function + record.offset;
    u8* const write = piece_.write + (at - piece_.exec);
    if (const auto& access = compiled.cold_sites[record.id].access) {
      MIMUS_CHECK(write_flat_access(*access, compiled.memory, record, write));
      MIMUS_TRY(const u32 landing, landing_of(blob, record.offset));
      faults_.push_back({u32(at - entry_), u32(function + landing - entry_)});
    } else {
      *write = kJumpOpcode;
      put_displacement(write + 1, stubs + cold[i], at + 5);
    }
  }
  std::ranges::sort(faults_, {}, &FaultEntry::host_offset);
  return {};
}

void LlvmCode::make_links(std::span<const ExitStub> exits, std::span<const StubWriter::Written> written, u64 stubs) {
  for (u32 i = 0; i < exits.size(); ++i) {
    if (!written[i].links) continue;
    const u32 edge = edge_of(exits[i]);
    edges_[edge].linkable = true;
    links_[edge] = {i, stubs + written[i].unlinked};
    set_cell(i, links_[edge].unlinked);
  }
}

// All direct exits in the order of blocks and exits, then the landings of returns: the order of every engine.
void LlvmCode::number_edges(const ir::Region& region, std::span<const ExitStub> stubs) {
  for (u32 b = 0; b < region.blocks.size(); ++b)
    for (u32 e = 0; e < region.blocks[b]->exits.size(); ++e)
      if (is_direct(region.blocks[b]->exits[e])) edges_.push_back({b, e, false, false});
  for (const ExitStub& stub : stubs)
    if (stub.kind == ExitStub::Kind::landing) edges_.push_back({stub.block, stub.exit, false, true});
  links_.resize(edges_.size());
}

u32 LlvmCode::edge_of(const ExitStub& stub) const {
  const bool landing = stub.kind == ExitStub::Kind::landing;
  const auto it = std::ranges::find_if(edges_, [&](const CodeEdge& e) {
    return e.block == stub.block && e.exit == stub.exit && e.to_return == landing;
  });
  return u32(it - edges_.begin());
}

void LlvmCode::set_cell(u32 stub, u64 target) { store_word(piece_.write + cells_ + 8 * stub, target); }

void LlvmCode::link(const CodeWriteToken&, u32 edge, u64 host_target) {
  if (edges_[edge].linkable) set_cell(links_[edge].stub, host_target);
}
void LlvmCode::unlink(const CodeWriteToken&, u32 edge) {
  if (edges_[edge].linkable) set_cell(links_[edge].stub, links_[edge].unlinked);
}

void LlvmCode::redirect(const CodeWriteToken& token, u64 host_target) {
  if (!host_target)
    for (u32 i = 0; i < edges_.size(); ++i) unlink(token, i);
  const s64 displacement = s64(host_target ? host_target : go_back_) - s64(entry_ + 5);
  const u64 jump = 0xe9 | u64(u32(displacement)) << 8;
  store_word(piece_.write + entry_offset_, jump | (kEntryNops & ~(~u64{0} >> 24)));
}

std::string LlvmCode::dump() const {
  LLVMInitializeX86Disassembler();
  std::string out = listing_;
  LLVMDisasmContextRef context = LLVMCreateDisasm("x86_64-unknown-linux-gnu", nullptr, 0, nullptr, nullptr);
  if (!context) return out;
  char text[256];
  const auto bytes = host_bytes();
  for (size_t at = 0; at < bytes.size();) {
    const size_t length = LLVMDisasmInstruction(context, const_cast<u8*>(bytes.data()) + at, bytes.size() - at,
                                                entry_ + at, text, sizeof text);
    if (!length) break;
    char place[24];
    std::snprintf(place, sizeof place, "%lx", static_cast<unsigned long>(entry_ + at));
    out += std::string(place) + text + '\n';
    at += length;
  }
  LLVMDisasmDispose(context);
  return out;
}

}  // namespace mimus::jit
