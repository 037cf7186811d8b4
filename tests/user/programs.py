"""Debian's programs that tests/user/run.py runs, each with what it must print."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    name: str
    command: list
    expected: object       # what is printed ({isa}: the machine's name), or the exit status
    pattern: bool = False  # `expected` is a pattern to be found


ROUND_TRIP = """head -c 2000000 /dev/urandom > data
for packer in gzip bzip2 xz zstd; do $packer -c < data > packed && $packer -dc < packed | cmp - data && echo $packer; done
7z a -bd data.7z data > log && 7z t data.7z | grep -c 'Everything is Ok'"""
GIT = """git init -q origin && cd origin && git config user.email a@b && git config user.name n
seq 1000 > file && git add file && git commit -qm one && seq 2000 > file && git commit -qam two
cd .. && git clone -q origin copy && cd copy && git fsck 2> log && git log --oneline | wc -l"""
PYTHON = """import hashlib, json, os, subprocess, sys, threading
results = []
threads = [threading.Thread(target=lambda n=n: results.append(n * n)) for n in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
print(sorted(results)[-1], json.loads('{"a": [1.5]}'), hashlib.sha256(b"x").hexdigest()[:8])
print(subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True).stdout.strip(), os.uname().machine)
"""

QUICK = (
    Row("pipes", ["bash", "-c", "echo one two | tr ' ' '\\n' | sort -r | head -1; for i in 1 2 3; do echo -n $((i * i)); done"],
        "two\n149"),
    Row("status of a pipe", ["bash", "-c", "seq 3 | while read n; do test $n = 2 && exit 7; done; echo $?"], "7\n"),
    Row("signal", ["bash", "-c", "kill -TERM $$"], -15),
    Row("names", ["bash", "-c", "ls -d /usr/bin/perl; readlink /proc/self/exe; uname -m"],
        "/usr/bin/perl\n/usr/bin/readlink\n{isa}\n"),
    Row("python", ["python3", "-c", PYTHON], "49 {'a': [1.5]} 2d711642\n42 {isa}\n"),
    Row("perl", ["perl", "-e", "print join(',', map { $_ * 2 } 1 .. 3), system('true; exit 3') >> 8"], "2,4,63"),
    Row("lua", ["lua5.4", "-e", "print(7 // 2, 2^0.5)"], "3\t1.4142135623731\n"),
    Row("sqlite", ["sqlite3", ":memory:", "create table t(a, b); insert into t values (1, 2), (3, 4); select sum(a * b) from t"],
        "14\n"),
    Row("openssl", ["bash", "-c", "printf x | openssl dgst -sha256 -r"],
        "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881 *stdin\n"),
    Row("packers", ["bash", "-c", ROUND_TRIP], "gzip\nbzip2\nxz\nzstd\n1\n"),
    Row("git", ["bash", "-c", GIT], "2\n"),
)

COREUTILS = """seq 200000 > a && sort -R a | sort -n | cmp - a && split -n 5 a part. && cat part.* | cmp - a
sha256sum a | sha256sum -c - > log && md5sum a | cut -c1-8 && factor 1000000016000000063 && wc -l < a && tac a | head -1
shuf -i 1-1000 | sort -n | uniq | wc -l; stat -c %s a; dd if=a bs=1k count=3 2> log | wc -c; numfmt --to=iec 1048576"""
CPLUSPLUS = """cat > a.cc << 'X'
#include <algorithm>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <thread>
#include <vector>
int main() {
  std::map<std::string, int> words;
  std::regex word("[a-z]+");
  const std::string text = "the cat and the dog and the bird";
  for (std::sregex_iterator i(text.begin(), text.end(), word), end; i != end; ++i) ++words[i->str()];
  std::vector<std::thread> threads;
  std::vector<long> sums(4);
  for (int t = 0; t < 4; ++t) threads.emplace_back([&sums, t] { for (long i = 0; i < 100000; ++i) sums[t] += i % (t + 2); });
  for (auto& t : threads) t.join();
  try { throw std::runtime_error("thrown"); } catch (const std::exception& e) { std::cout << e.what() << ' '; }
  std::cout << words["the"] << ' ' << words["and"] << ' ' << sums[3] << std::endl;
}
X
ln -s /usr/bin/as /usr/bin/ld . ; g++ -O2 -pthread -o a a.cc && ./a && gcc -xc -O2 -o b - << 'X' && ./b
#include <stdio.h>
int main(void) { printf("%d\\n", 6 * 7); }
X"""
GO = """mkdir work && cd work && export HOME=$PWD GOPATH=$PWD/path GOCACHE=$PWD/cache GOFLAGS=-mod=mod GOTELEMETRY=off && cat > main.go << 'X'
package main
import ("fmt"; "runtime"; "sort"; "strings"; "sync")
func main() {
  var wait sync.WaitGroup
  results := make(chan int, 100)
  for i := 0; i < 100; i++ { wait.Add(1); go func(n int) { defer wait.Done(); results <- n * n }(i) }
  wait.Wait(); close(results)
  var all []int
  for r := range results { all = append(all, r) }
  sort.Ints(all)
  runtime.GC()
  fmt.Println(all[99], strings.Repeat("go", 2), runtime.GOARCH != "")
}
X
go build -o program main.go && ./program"""
JAVA = """cat > Main.java << 'X'
import java.util.*; import java.util.concurrent.*; import java.util.stream.*;
public class Main {
  public static void main(String[] a) throws Exception {
    ExecutorService pool = Executors.newFixedThreadPool(4);
    List<Future<Long>> parts = new ArrayList<>();
    for (int t = 0; t < 8; t++) { final int k = t; parts.add(pool.submit(() -> LongStream.range(0, 2000000).filter(x -> x % (k + 2) == 0).sum())); }
    long sum = 0; for (Future<Long> f : parts) sum += f.get();
    pool.shutdown(); System.gc();
    System.out.println(sum + " " + String.format("%.3f", Math.sqrt(2)) + " " + new TreeMap<>(Map.of("b", 1, "a", 2)));
  }
}
X
java Main.java 2>&1 || java -version 2>&1"""
NODE = """const crypto = require('crypto'), zlib = require('zlib'), { Worker } = require('worker_threads');
const text = 'x'.repeat(1e6);
const back = zlib.gunzipSync(zlib.gzipSync(text)).toString();
let f = n => n < 2 ? n : f(n - 1) + f(n - 2);
const w = new Worker("require('worker_threads').parentPort.postMessage(6 * 7)", { eval: true });
w.on('message', m => console.log(crypto.createHash('sha256').update('x').digest('hex').slice(0, 8), back === text, f(25), m, process.arch.length > 0));"""
BIG_ROUND_TRIP = """python3 -c 'import random, sys; r = random.Random(1); w = [r.randbytes(r.randrange(1, 40)) for i in range(5000)]
out = sys.stdout.buffer; n = 0
while n < 100_000_000: b = b"".join(r.choices(w, k=4000)); out.write(b); n += len(b)' > data
{command}"""


def round_trip(pack):
    return ["bash", "-c", BIG_ROUND_TRIP.replace("{command}", pack + " && echo same")]


def python_test(name):
    return Row(f"python test_{name}", ["python3", "-m", "test", f"test_{name}"], r"Result: SUCCESS|Tests result: SUCCESS", True)


LONG = QUICK + (
    Row("coreutils", ["bash", "-c", COREUTILS],
        "6b94d2a4\n1000000016000000063: 1000000007 1000000009\n200000\n200000\n1000\n1288895\n3072\n1.0M\n"),
    *map(python_test, ("math", "json", "threading", "signal", "subprocess", "socket", "mmap")),
    Row("C++", ["bash", "-c", CPLUSPLUS], "thrown 3 2 200000\n42\n"),
    Row("openssl speed", ["openssl", "speed", "-seconds", "1", "sha256", "aes-128-cbc", "ecdsap256"], r"sha256 +[0-9]", True),
    Row("openssl keys", ["bash", "-c", "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key 2> log && "
                         "openssl pkey -in key -pubout -out pub && printf x > m && openssl dgst -sha256 -sign key -out s m && "
                         "openssl dgst -sha256 -verify pub -signature s m"], "Verified OK\n"),
    Row("xz of 100 MB", round_trip("xz -3 -T2 -c data > p && xz -dc p | cmp - data"), "same\n"),
    Row("zstd of 100 MB", round_trip("zstd -q -T2 data -o p && zstd -qdc p | cmp - data"), "same\n"),
    Row("7z of 100 MB", round_trip("7z a -bd -mx=3 p.7z data > log && 7z x -so p.7z | cmp - data"), "same\n"),
    Row("go", ["bash", "-c", GO], "9801 gogo true\n"),
    Row("java", ["bash", "-c", JAVA], r"\d+ 1\.414 \{a=2, b=1\}|OpenJDK 64-Bit Server VM", True),
    Row("node", ["node", "-e", NODE], "2d711642 true 75025 42 true\n"),
)
