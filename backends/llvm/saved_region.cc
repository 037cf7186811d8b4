#include "backends/llvm/saved_region.h"

#include <cstring>

namespace mimus::jit {

namespace {

class Writer {
 public:
  template <class... T>
  void put(T... values) {
    (put_one(u64(values)), ...);
  }
  void put_bytes(std::span<const u8> bytes) {
    put(bytes.size());
    out_.insert(out_.end(), bytes.begin(), bytes.end());
  }
  std::vector<u8> take() { return std::move(out_); }

 private:
  void put_one(u64 value) {
    const u8* bytes = reinterpret_cast<const u8*>(&value);
    out_.insert(out_.end(), bytes, bytes + sizeof value);
  }
  std::vector<u8> out_;
};

// After a failure everything is zero and empty.
class Reader {
 public:
  explicit Reader(std::span<const u8> bytes) : rest_(bytes) {}
  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  // The next number; a failure if it is not below `limit`.
  u64 number(u64 limit = ~u64{0}) {
    u64 value = 0;
    const auto bytes = take(sizeof value);
    if (!failed_) std::memcpy(&value, bytes.data(), sizeof value);
    failed_ |= value >= limit;
    return failed_ ? 0 : value;
  }
  // A number of things that follow, of at least `each` bytes.
  size_t count(size_t each) { return size_t(number(rest_.size() / each + 1)); }
  std::vector<u8> bytes() {
    const auto part = take(count(1));
    return {part.begin(), part.end()};
  }

 private:
  std::span<const u8> take(size_t size) {
    failed_ |= size > rest_.size();
    if (failed_) return {};
    const auto part = rest_.first(size);
    rest_ = rest_.subspan(size);
    return part;
  }
  std::span<const u8> rest_;
  bool failed_ = false;
};

constexpr u64 kWord = 8;

void put_type(Writer& w, ir::Type type) { w.put(type.elem, type.lanes); }
ir::Type read_type(Reader& r) {
  const auto elem = ir::Elem(r.number(u64(ir::Elem::f80) + 1));
  return {elem, u16(r.number(4096))};
}

void put_site(Writer& w, const ColdSite& site) {
  w.put(site.kind, site.function, site.result, site.access.has_value());
  if (const auto& access = site.access) {
    put_type(w, access->type);
    w.put(access->store, access->sign, s64(access->disp), access->room);
  }
  w.put(site.desc, site.extra, site.pc, site.insns_before, site.insn_length);
  w.put_bytes(site.words);
  w.put(site.pieces.size());
  for (const ColdSite::Piece& piece : site.pieces) w.put(piece.offset, piece.bytes);
}

ColdSite read_site(Reader& r) {
  constexpr u64 k32 = u64{1} << 32;
  ColdSite site;
  site.kind = ColdSite::Kind(r.number(u64(ColdSite::Kind::poll) + 1));
  site.function = Slow(r.number(u64(Slow::count)));
  site.result = r.number(2);
  if (r.number(2)) {
    FlatAccess& access = site.access.emplace();
    access.type = read_type(r);
    access.store = r.number(2);
    access.sign = r.number(2);
    access.disp = s32(r.number());
    access.room = u8(r.number(256));
  }
  site.desc = u32(r.number(k32));
  site.extra = u32(r.number(k32));
  site.pc = r.number();
  site.insns_before = u32(r.number(k32));
  site.insn_length = u32(r.number(k32));
  site.words = r.bytes();
  for (const u8 word : site.words)
    if (word >= std::size(CpuState{}.scratch)) return {};
  const size_t pieces = r.count(2 * kWord);
  for (size_t i = 0; i < pieces; ++i) {
    const u32 offset = u32(r.number(k32));
    site.pieces.push_back({offset, u32(r.number(9))});
  }
  return site;
}

}  // namespace

std::vector<u8> region_key(const ir::Region& region, const RuntimeLayout& layout, const PrepareOptions& options,
                           u32 access_slack, std::string_view compiler) {
  Writer w;
  w.put_bytes({reinterpret_cast<const u8*>(compiler.data()), compiler.size()});
  w.put(layout.memory, options.count_insns, access_slack, region.blocks.size());
  for (const ir::Block* block : region.blocks) {
    w.put(block->key.pc, block->key.mode, block->guest_bytes, block->guest_insns, block->insts.size());
    for (const ir::Inst& inst : block->insts) {
      w.put(u64(inst.op) | u64(inst.attr) << 16 | u64(inst.type.elem) << 32 | u64(inst.type.lanes) << 40);
      w.put(inst.args[0] | u64{inst.args[1]} << 32, inst.args[2] | u64{inst.args[3]} << 32, inst.imm);
    }
    w.put(block->exits.size());
    for (const ir::Exit& exit : block->exits)
      w.put(exit.kind, exit.value, exit.target, exit.return_pc, exit.cause, exit.tval, exit.insns);
    w.put_bytes(block->pool);
  }
  return w.take();
}

std::vector<u8> write_region(const CompiledRegion& region) {
  Writer w;
  w.put(region.memory, region.wide_vectors);
  w.put_bytes(region.object);
  w.put(region.stubs.size());
  for (const ExitStub& stub : region.stubs) w.put(stub.kind, stub.block, stub.exit);
  w.put(region.cold_sites.size());
  for (const ColdSite& site : region.cold_sites) put_site(w, site);
  return w.take();
}

std::optional<CompiledRegion> read_region(std::span<const u8> bytes) {
  Reader r(bytes);
  CompiledRegion region;
  region.memory = MemoryModel(r.number(u64(MemoryModel::flat_zero) + 1));
  region.wide_vectors = r.number(2);
  region.object = r.bytes();
  const size_t stubs = r.count(3 * kWord);
  for (size_t i = 0; i < stubs; ++i) {
    const auto kind = ExitStub::Kind(r.number(u64(ExitStub::Kind::landing) + 1));
    const u32 block = u32(r.number(u64{1} << 32));
    region.stubs.push_back({kind, block, u32(r.number(u64{1} << 32))});
  }
  const size_t sites = r.count(9 * kWord);
  for (size_t i = 0; i < sites; ++i) region.cold_sites.push_back(read_site(r));
  if (r.failed() || !r.at_end()) return std::nullopt;
  return region;
}

}  // namespace mimus::jit
