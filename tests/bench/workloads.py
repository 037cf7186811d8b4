"""What `./dev bench exec` runs: kernels of our own, programs of Debian, and starts."""

import random
from dataclasses import dataclass
from pathlib import Path

KERNELS = ("core_mix", "n_body", "matrix_float", "matrix_int", "hash_table", "sieve", "sort_calls", "sha256", "bytecode",
           "memory_string", "virtual_calls", "vector_loops", "string_search", "big_switch", "atomics")
FLOAT_KERNELS = ("n_body", "matrix_float", "vector_loops")
KERNEL_FLAGS = ["-O2", "-ffp-contract=off", "-static"]

PYTHON = """
import json, random
random.seed(1)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
class Point:
    def __init__(self, x, y): self.x, self.y = x, y
    def norm(self): return (self.x * self.x + self.y * self.y) ** 0.5
total = fib(25)
points = [Point(i * 0.5, i * 0.25) for i in range(40000)]
total += sum(p.norm() for p in points)
words = {}
for i in range(250000): words[f"w{i % 997}"] = words.get(f"w{i % 997}", 0) + i
text = json.dumps([{"a": i, "b": [i, str(i)], "c": None} for i in range(8000)])
values = sorted(random.random() for _ in range(60000))
print(round(total, 6), sum(words.values()), len(text), sum(len(r["b"]) for r in json.loads(text)), round(values[30000], 9))
"""
LUA = """
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
local t, s = {}, 0
for i = 1, 900000 do t[i] = (i * 7919) % 10007 end
table.sort(t)
for i = 1, #t do s = (s * 31 + t[i]) % 1000000007 end
local parts = {}
for i = 1, 120000 do parts[#parts + 1] = string.format("%d:%s", i, ("x"):rep(i % 5)) end
local text, n = table.concat(parts, ","), 0
for word in text:gmatch("%d+:x") do n = n + 1 end
print(fib(27), s, #text, n)
"""
PERL = """
my (%count, $sum);
for my $i (1 .. 700_000) { my $w = "k" . ($i * 7919 % 5003); $count{$w} += $i; $sum = ($sum + $count{$w}) % 1000003; }
my $text = join " ", map { "item$_=" . $_ ** 2 } 1 .. 60_000;
my $hits = 0;
while ($text =~ /item(\\d+)=(\\d+)/g) { $hits += $2 % 7 if $1 % 3 == 0 }
my @sorted = sort { $a <=> $b } map { $_ * 7919 % 100_003 } 1 .. 120_000;
print "$sum $hits $sorted[5000]\\n";
"""
SQL = """create table t(id integer primary key, name text, value real);
insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000) select i, 'name' || (i * 7919 % 9973), i * 0.5 from n;
create index by_name on t(name);
select count(*), sum(value) from t where name like 'name12%';
select name, count(*) c, avg(value) from t group by name order by c desc, name limit 3;
select count(*) from t a join t b on a.name = b.name where a.id < 3000;
delete from t where id % 3 = 0; select count(*), total(value) from t;
"""


@dataclass(frozen=True)
class Program:
    """A program of Debian: `path` in its root, words ({python} and the like are files), standard input."""

    name: str
    path: str
    words: tuple
    stdin: str = ""
    same_output: bool = True  # on the host too, whose version is another one


PROGRAMS = (
    Program("xz", "usr/bin/xz", ("-T1", "-3", "-c"), "text", False),
    Program("bzip2", "usr/bin/bzip2", ("-c",), "large"),
    Program("gzip", "usr/bin/gzip", ("-nc",), "large", False),
    Program("zstd", "usr/bin/zstd", ("-9", "-q", "-c", "--single-thread"), "large", False),
    Program("7z", "usr/lib/7zip/7z", ("a", "-an", "-txz", "-mx=3", "-mmt=1", "-si", "-so", "-bd"), "text", False),
    Program("python3", "usr/bin/python3", ("-S", "-E", "{python}")),
    Program("sqlite3", "usr/bin/sqlite3", (":memory:",), "sql"),
    Program("lua", "usr/bin/lua5.4", ("{lua}",)),
    Program("perl", "usr/bin/perl", ("{perl}",)),
    Program("openssl-sha256", "usr/bin/openssl", ("dgst", "-sha256", "-r"), "huge"),
    Program("openssl-aes", "usr/bin/openssl", ("enc", "-aes-128-cbc", "-K", "0" * 31 + "1", "-iv", "0" * 32, "-out", "/dev/null"), "huge"),
)

STARTS = (
    Program("true", "usr/bin/true", ()),
    Program("python3 -c pass", "usr/bin/python3", ("-c", "pass")),
)


def write_inputs(folder):
    """Makes the files that programs read; the same ones every time. Returns {name: path}."""
    source = random.Random(7)
    words = ["".join(source.choices("etaoinshrdlucmfwypvbgkjqxz", weights=range(26, 0, -1), k=source.randint(2, 11))) for _ in range(6000)]
    text = " ".join(source.choices(words, weights=[1 / (i + 3) for i in range(len(words))], k=1_100_000)).encode()
    noise = source.randbytes(1 << 20)
    contents = {"text": text[:2_500_000] + noise[:200_000], "large": text + noise, "huge": (text + noise) * 12, "sql": SQL.encode(),
                "python": PYTHON.encode(), "lua": LUA.encode(), "perl": PERL.encode()}
    paths = {}
    for name, content in contents.items():
        paths[name] = Path(folder) / f"input-{name}"
        paths[name].write_bytes(content)
    return paths
