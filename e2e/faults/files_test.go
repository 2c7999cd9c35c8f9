package faults

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// named makes the first run write to another name, in the folder of outputs.
func named(name string, more ...string) func([]string) []string {
	return func(args []string) []string {
		return append(without(args), append([]string{"--bundle", name}, more...)...)
	}
}

// without drops --bundle and its name.
func without(args []string) []string {
	var out []string
	for i := 0; i < len(args); i++ {
		if args[i] == "--bundle" {
			i++
			continue
		}
		out = append(out, args[i])
	}
	return out
}

func forced(args []string) []string { return append(append([]string{}, args...), "--force") }

// targetFaults are wrong targets of a single bundle.
func targetFaults() []fault {
	path := func(name string) string { return filepath.Join(out, name) }
	all := []fault{
		{name: "folder missing", args: named(path("nodir/x")), begin: func(r *trial) {
			r.targets = []string{path("nodir/x")}
			r.after(func() { r.must(os.Mkdir(r.path(path("nodir")), 0o755)) })
		}},
		{name: "below a file", args: named(path("g/x")), begin: func(r *trial) {
			r.targets = []string{path("g/x")}
			asFile(r, r.path(path("g")))
		}},
		{name: "ends in a slash", args: named(path("x/")), other: true, begin: func(r *trial) {
			r.targets = append(r.targets, path("x")) // where it would be if that were the name
		}},
		{name: "name of 300 characters", args: named(path(strings.Repeat("n", 300))), other: true},
		{name: "exists", begin: occupied(func(at string) error { return os.WriteFile(at, []byte("mine\n"), 0o644) })},
		{name: "a file, --force", args: forced, begin: func(r *trial) {
			r.must(os.WriteFile(r.path(r.targets[0]), []byte("old\n"), 0o644))
		}},
		{name: "a folder", begin: occupied(func(at string) error { return os.Mkdir(at, 0o755) })},
		{name: "a dangling link", begin: occupied(func(at string) error { return os.Symlink("nowhere", at) })},
		{name: "a folder, --force", args: forced, begin: occupied(func(at string) error { return os.Mkdir(at, 0o755) })},
		{name: "a link, --force", args: forced, begin: occupied(func(at string) error { return os.Symlink("other", at) })},
		{name: "a dangling link, --force", args: forced, begin: occupied(func(at string) error { return os.Symlink("nowhere", at) })},
		{name: "a FIFO, --force", args: forced, begin: occupied(func(at string) error { return syscall.Mkfifo(at, 0o644) })},
	}
	for i := range all {
		all[i].step = "target"
	}
	return all
}

// occupied puts something at the target.
func occupied(put func(at string) error) func(*trial) {
	return func(r *trial) {
		at := r.path(r.targets[0])
		r.must(os.WriteFile(filepath.Join(filepath.Dir(at), "other"), []byte("not for hallmark\n"), 0o644))
		r.must(put(at))
		r.after(func() {
			data, err := os.ReadFile(filepath.Join(filepath.Dir(at), "other"))
			if err != nil || string(data) != "not for hallmark\n" {
				r.problem("the file that a link leads to was changed")
			}
			r.must(os.RemoveAll(at))
		})
	}
}

// folderFaults are those of the folder of outputs, before the run.
func folderFaults() []fault {
	return []fault{
		{step: "target", name: "read-only folder", begin: func(r *trial) {
			r.mount(r.path(out), "")
			r.fillOutputs()
			r.must(syscall.Mount("", r.path(out), "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
			r.after(func() { r.must(syscall.Mount("", r.path(out), "", syscall.MS_REMOUNT, "")) })
		}},
		{step: "target", name: "disk full", begin: func(r *trial) {
			r.mount(r.path(out), "size=2m")
			r.fillOutputs()
			r.after(r.fill(r.path(out)))
		}},
		{step: "target", name: "limit on the size of files", before: "ulimit -f 2"},
	}
}

// roomForSome leaves room for a few bundles on the disk of the outputs.
func roomForSome(r *trial) {
	r.mount(r.path(out), "size=2m")
	r.fillOutputs()
	empty := r.fill(r.path(out))
	filler := filepath.Join(r.path(out), filler)
	info, err := os.Stat(filler)
	r.must(err)
	const room = 64 << 10
	r.must(os.Truncate(filler, info.Size()-room))
	r.after(empty)
}

// meanwhileFaults happen to the target while the log is asked.
func meanwhileFaults() []fault {
	all := []fault{
		{name: "folder removed", begin: whileLogged(func(r *trial) {
			r.must(os.RemoveAll(r.path(out)))
			r.after(func() { r.must(os.MkdirAll(r.path(out), 0o755)); r.fillOutputs() })
		})},
		{name: "another, read-only folder mounted", begin: func(r *trial) { mountedOver(r, func() {}) }},
		{name: "the same, and no state folder", begin: func(r *trial) {
			mountedOver(r, func() { asFile(r, filepath.Join(r.dir, "state")) })
		}},
		{name: "disk full", begin: func(r *trial) {
			r.mount(r.path(out), "size=2m")
			r.fillOutputs()
			whileLogged(func(r *trial) { r.after(r.fill(r.path(out))) })(r)
		}},
		{name: "name taken", begin: whileLogged(func(r *trial) {
			r.must(os.WriteFile(r.path(r.targets[0]), []byte("mine\n"), 0o644))
			r.after(func() { r.must(os.Remove(r.path(r.targets[0]))) })
		})},
		{name: "name taken by a folder", begin: whileLogged(func(r *trial) {
			r.must(os.Mkdir(r.path(r.targets[0]), 0o755))
			r.after(func() { r.must(os.Remove(r.path(r.targets[0]))) })
		})},
	}
	for i := range all {
		all[i].step = "written"
	}
	return all
}

// mountedOver hides the folder of outputs when the log is asked, and does more then.
func mountedOver(r *trial, more func()) {
	if !canMount() {
		r.skip("no file system can be mounted here")
	}
	whileLogged(func(r *trial) {
		over := r.path(out)
		r.must(syscall.Mount("tmpfs", over, "tmpfs", syscall.MS_RDONLY, "size=64k"))
		r.after(func() { r.must(syscall.Unmount(over, syscall.MNT_DETACH)) })
		more()
	})(r)
}

// whileLogged does something when the log is asked for the first time.
func whileLogged(do func(*trial)) func(*trial) {
	return func(r *trial) {
		var once sync.Once
		log := services[stepLog]
		r.stand(theLog(r.log), sandbox.Match(log.match, sandbox.Arrival(func(*http.Request) { once.Do(func() { do(r) }) })))
	}
}

// stateFaults are those of the folders of the program itself.
func stateFaults() []fault {
	return []fault{
		{step: "state folder", name: "not a folder", begin: func(r *trial) { asFile(r, filepath.Join(r.dir, "state")) }},
		{step: "state folder", name: "read-only", begin: func(r *trial) { r.readOnly(filepath.Join(r.dir, "state")) }},
		{step: "state folder", name: "disk full", begin: func(r *trial) {
			dir := filepath.Join(r.dir, "state")
			r.must(os.MkdirAll(dir, 0o700))
			r.mount(dir, "size=2m,mode=0700")
			r.after(r.fill(dir))
		}},
		{step: "cache folder", name: "not a folder", begin: func(r *trial) { asFile(r, filepath.Join(r.dir, "cache")) }},
		{step: "cache folder", name: "read-only", begin: func(r *trial) { r.readOnly(filepath.Join(r.dir, "cache")) }},
	}
}

// threeAtOnce runs the same line three times at once.
var threeAtOnce = fault{step: "target", name: "three at once", runs: 3}

// asFile puts a file where a folder is to be.
func asFile(r *trial, path string) {
	aside := path + ".aside"
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		r.t.Fatal(err)
	}
	r.must(os.WriteFile(path, nil, 0o600))
	r.after(func() {
		r.must(os.Remove(path))
		if err := os.Rename(aside, path); err != nil {
			r.must(os.MkdirAll(path, 0o700))
		}
	})
}

// readOnly puts a read-only file system in place of a folder.
func (r *trial) readOnly(dir string) {
	if !canMount() {
		r.skip("no file system can be mounted here")
	}
	r.must(os.MkdirAll(dir, 0o700))
	r.must(syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_RDONLY, "size=64k,mode=0700"))
	r.after(func() { r.must(syscall.Unmount(dir, syscall.MNT_DETACH)) })
}

// mount puts a file system of its own at a folder, until the cell ends.
func (r *trial) mount(dir, options string) {
	if !canMount() {
		r.skip("no file system can be mounted here")
	}
	r.must(os.RemoveAll(dir))
	r.must(os.MkdirAll(dir, 0o755))
	r.must(syscall.Mount("tmpfs", dir, "tmpfs", 0, options))
	r.t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// canMount reports whether this process may mount.
var canMount = sync.OnceValue(func() bool {
	dir, err := os.MkdirTemp("", "hallmark-faults-")
	if err != nil {
		return false
	}
	defer os.Remove(dir)
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		return false
	}
	return syscall.Unmount(dir, 0) == nil
})

// filler is the file that fills a disk.
const filler = "filler"

// fill takes all room of the disk at dir, and returns what gives it back.
func (r *trial) fill(dir string) func() {
	path := filepath.Join(dir, filler)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	r.must(err)
	for block := make([]byte, 4096); err == nil; {
		_, err = f.Write(block)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		r.t.Error(fmt.Errorf("fill %s: %w", dir, err))
	}
	r.must(f.Close())
	return func() { r.must(os.Remove(path)) }
}
