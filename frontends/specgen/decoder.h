// Decoder: finds the row of an instruction table that an encoding belongs to. A few bits of the word choose a bucket,
// in which the rows are tried from the most to the least specific, so that a row which lies inside another one wins.
// Crowded buckets are split by further bits.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "frontends/specgen/pattern.h"

namespace mimus::specgen {

// `Split` chooses within a crowded bucket, the ranges of `Index` (at most 12 bits in all) choose the bucket.
template <BitRange Split, BitRange... Index>
class Decoder {
 public:
  // A pattern and the number that find() reports for it.
  struct Row {
    const Pattern* pattern;
    u16 number;
  };

  explicit Decoder(std::vector<Row> rows) {
    std::ranges::stable_sort(rows, std::greater{}, [](const Row& r) { return std::popcount(r.pattern->mask); });
    constexpr u32 kBuckets = u32{1} << (0 + ... + Index.width);
    std::vector<std::vector<Row>> members(kBuckets);
    for (const Row& row : rows) {
      each_subset(bucket_of(row.pattern->match), bucket_of(~row.pattern->mask),
                  [&](u32 b) { members[b].push_back(row); });
    }
    buckets_.resize(kBuckets);
    for (u32 b = 0; b < kBuckets; ++b) {
      if (members[b].size() > kCrowded) {
        split(b, members[b]);
      } else {
        fill(b, members[b]);
      }
    }
  }

  // The first matching row whose number `accept` agrees to, or -1.
  template <class Accept>
  int find(u32 raw, Accept&& accept) const {
    const Bucket* bucket = &buckets_[bucket_of(raw)];
    if (bucket->is_split) bucket = &buckets_[bucket->first + Split.get(raw)];
    const Candidate* c = &candidates_[bucket->first];
    for (const Candidate* end = c + bucket->count; c != end; ++c) {
      if ((raw & c->mask) == c->match && accept(unsigned(c->number))) return c->number;
    }
    return -1;
  }

 private:
  static constexpr size_t kCrowded = 4;
  struct Candidate {
    u32 mask, match;
    u16 number;
  };
  struct Bucket {
    u32 first = 0;  // in candidates_, or of the parts in buckets_
    u8 count = 0;
    bool is_split = false;
  };

  static u32 bucket_of(u32 raw) {
    u32 bucket = 0;
    unsigned shift = 0;
    ((bucket |= Index.get(raw) << shift, shift += Index.width), ...);
    return bucket;
  }

  // Calls visit(fixed | s) for every subset s of the bits in `free`.
  template <class Visit>
  static void each_subset(u32 fixed, u32 free, Visit&& visit) {
    u32 subset = 0;
    do {
      visit(fixed | subset);
      subset = (subset - free) & free;
    } while (subset != 0);
  }

  void fill(u32 bucket, const std::vector<Row>& rows) {
    buckets_[bucket].first = u32(candidates_.size());
    buckets_[bucket].count = u8(rows.size());
    for (const Row& r : rows) candidates_.push_back({r.pattern->mask, r.pattern->match, r.number});
  }

  void split(u32 bucket, const std::vector<Row>& rows) {
    constexpr u32 kParts = u32{1} << Split.width;
    u32 first = u32(buckets_.size());
    buckets_[bucket] = {first, 0, true};
    buckets_.resize(first + kParts);
    std::vector<std::vector<Row>> parts(kParts);
    for (const Row& row : rows) {
      each_subset(Split.get(row.pattern->match), Split.get(~row.pattern->mask),
                  [&](u32 p) { parts[p].push_back(row); });
    }
    for (u32 p = 0; p < kParts; ++p) fill(first + p, parts[p]);
  }

  std::vector<Bucket> buckets_;
  std::vector<Candidate> candidates_;
};

}  // namespace mimus::specgen
