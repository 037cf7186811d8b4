// Decoder: finds the row of an instruction table that an encoding belongs to. A few bits of the word choose a bucket;
// the rows of a bucket are tried from the most to the least specific, so that a row which lies inside another one wins.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "frontends/specgen/pattern.h"

namespace mimus::specgen {

class Decoder {
 public:
  // A pattern and the number that find() reports for it.
  struct Row {
    const Pattern* pattern;
    u16 number;
  };

  // `index`: the ranges of bits, at most 16 in all, that choose the bucket.
  Decoder(std::vector<Row> rows, std::vector<BitRange> index) : index_(std::move(index)) {
    unsigned index_bits = 0;
    for (BitRange range : index_) index_bits += range.width;
    std::ranges::stable_sort(rows, std::greater{}, [](const Row& r) { return std::popcount(r.pattern->mask); });
    fill(rows, u32{1} << index_bits);
  }

  // The first matching row whose number `accept` agrees to, or -1.
  template <class Accept>
  int find(u32 raw, Accept&& accept) const {
    u32 bucket = bucket_of(raw);
    for (u32 i = first_[bucket]; i < first_[bucket + 1]; ++i) {
      const Candidate& c = candidates_[i];
      if ((raw & c.mask) == c.match && accept(unsigned(c.number))) return c.number;
    }
    return -1;
  }

 private:
  struct Candidate {
    u32 mask, match;
    u16 number;
  };

  u32 bucket_of(u32 raw) const {
    u32 bucket = 0;
    unsigned shift = 0;
    for (BitRange range : index_) {
      bucket |= range.get(raw) << shift;
      shift += range.width;
    }
    return bucket;
  }

  // Calls visit(bucket) for every bucket that words of `p` fall into.
  template <class Visit>
  void each_bucket(const Pattern& p, Visit&& visit) const {
    u32 fixed = bucket_of(p.match), free = bucket_of(~p.mask);
    u32 subset = 0;
    do {
      visit(fixed | subset);
      subset = (subset - free) & free;
    } while (subset != 0);
  }

  void fill(const std::vector<Row>& rows, u32 buckets) {
    first_.assign(buckets + 1, 0);
    for (const Row& r : rows) each_bucket(*r.pattern, [&](u32 b) { ++first_[b + 1]; });
    for (u32 b = 0; b < buckets; ++b) first_[b + 1] += first_[b];
    candidates_.resize(first_[buckets]);
    std::vector<u32> next(first_.begin(), first_.end() - 1);
    for (const Row& r : rows) {
      each_bucket(*r.pattern, [&](u32 b) { candidates_[next[b]++] = {r.pattern->mask, r.pattern->match, r.number}; });
    }
  }

  std::vector<BitRange> index_;
  std::vector<u32> first_;  // of each bucket, in candidates_
  std::vector<Candidate> candidates_;
};

}  // namespace mimus::specgen
