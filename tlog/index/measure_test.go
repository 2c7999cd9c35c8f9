package index

import (
	"bytes"
	"crypto"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/hallmarksign/hallmark/internal/sigtest"
	"github.com/hallmarksign/hallmark/internal/tiles"
	"github.com/hallmarksign/hallmark/internal/tiles/tilestest"
	"github.com/hallmarksign/hallmark/tlog/read"
)

// TestMeasure measures a first build and look-ups on a log of so many entries as
// HALLMARK_MEASURE says, each in a process of its own. The log is kept in
// HALLMARK_MEASURE_DIR for the next run; e2e/cmd/tilelog writes one there with the
// library that real logs are made with.
func TestMeasure(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("HALLMARK_MEASURE"))
	if err != nil {
		t.Skip("HALLMARK_MEASURE is not set to a number of entries: nothing is measured")
	}
	dir := filepath.Join(os.Getenv("HALLMARK_MEASURE_DIR"), strconv.Itoa(n))
	v := newWorld(t, dir, 2048)
	if _, err := os.Stat(filepath.Join(dir, "api/v2/checkpoint")); err != nil {
		v.grow(n)
	}
	switch os.Getenv("HALLMARK_MEASURE_PART") {
	case "read":
		measureRead(t, v)
		return
	case "build":
		measureBuild(t, v)
		return
	}
	for _, part := range []string{"read", "build", "read", "build"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMeasure$", "-test.v")
		cmd.Env = append(os.Environ(), "HALLMARK_MEASURE_PART="+part)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		for line := range bytes.Lines(out) {
			if _, text, ok := bytes.Cut(line, []byte("measured: ")); ok {
				t.Logf("%s: %s", part, bytes.TrimSpace(text))
			}
		}
	}
}

// measureRead only reads, hashes and decodes, on all processors.
func measureRead(t *testing.T, v *world) {
	tree := must(v.reader().Tree(t.Context()))
	begin, used := time.Now(), busy()
	var wg sync.WaitGroup
	todo := make(chan int64)
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for n := range todo {
				w := int(min(tiles.Width, tree.Size()-n*tiles.Width))
				data := must(os.ReadFile(filepath.Join(v.dir, tilestest.Path("entries", int(n), w))))
				must(os.ReadFile(filepath.Join(v.dir, tilestest.Path("0", int(n), w))))
				for len(data) > 0 {
					size := int(data[0])<<8 | int(data[1])
					body := data[2 : 2+size]
					data = data[2+size:]
					tlog.RecordHash(body)
					var doc struct {
						Kind, APIVersion string
						Spec             struct {
							HashedRekordV002 struct {
								Data struct {
									Algorithm string
									Digest    []byte
								}
								Signature struct {
									Content  []byte
									Verifier struct {
										KeyDetails      string
										X509Certificate struct{ RawBytes []byte }
									}
								}
							}
						}
					}
					if err := json.Unmarshal(body, &doc); err != nil {
						panic(err)
					}
				}
			}
		})
	}
	for n := range tree.Bundles() {
		todo <- n
	}
	close(todo)
	wg.Wait()
	t.Logf("measured: %d entries in %v, busy %v; %s", tree.Size(), time.Since(begin), busy()-used, peak())
}

func measureBuild(t *testing.T, v *world) {
	path := filepath.Join(t.TempDir(), "index")
	x := v.open(path, Config{})
	x.layout = firstBits
	begin, used := time.Now(), busy()
	if err := x.Update(t.Context(), v.reader()); err != nil {
		t.Fatal(err)
	}
	n := must(x.Size())
	info := must(os.Stat(path))
	t.Logf("measured: %d entries in %v, busy %v; %s; %d bytes, %.1f an entry", n, time.Since(begin), busy()-used, peak(), info.Size(), float64(info.Size())/float64(n))
	x.Close()
	for _, q := range []struct {
		name string
		q    read.Query
	}{
		{"digest", read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(int(n) / 3)}},
		{"absent digest", read.Query{Hash: crypto.SHA256, Digest: sigtest.EntryDigest(-1)}},
		{"last e-mail", read.Query{Subject: sigtest.Who(4).Subject, From: n - 2048}},
	} {
		x := v.open(path, Config{ReadOnly: true})
		x.layout = firstBits
		begin := time.Now()
		list := must(x.Candidates(q.q.Term(), q.q.From))
		first := time.Since(begin)
		begin = time.Now()
		const times = 100
		for range times {
			must(x.Candidates(q.q.Term(), q.q.From))
		}
		t.Logf("measured: %s: %d found, %v at first, %v then", q.name, len(list), first, time.Since(begin)/times)
		x.Close()
	}
}

// busy is how long this process had a processor, which other processes do not
// change as they change the time on the wall.
func busy() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the largest resident set of this process so far.
func peak() string {
	data, _ := os.ReadFile("/proc/self/status")
	for line := range bytes.Lines(data) {
		if bytes.HasPrefix(line, []byte("VmHWM")) {
			return fmt.Sprintf("peak %s kB", bytes.Fields(line)[1])
		}
	}
	return "peak unknown"
}
