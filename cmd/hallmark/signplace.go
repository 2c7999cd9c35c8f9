package main

import (
	"errors"
	"io/fs"
	"os"

	"github.com/hallmarksign/hallmark/internal/atomicfile"
	"github.com/hallmarksign/hallmark/internal/check"
)

// bundleRoom is the room that is made for a bundle before it is signed, in bytes,
// besides its statement: certificate, entries of two logs and two timestamps.
const bundleRoom = 24 << 10

// journalRoom is the room that is made for a signature in the journal, in bytes,
// besides its statement: its certificate and a timestamp.
const journalRoom = 8 << 10

// reserve takes the place of every bundle, before any work is done: an entry in a log
// can't be taken back when its bundle turns out to have no place (N1, N2, N3). A file
// that is there already is left for later: it may be the signature that is wanted.
func (o *signOptions) reserve(targets []*target, args []string) error {
	inputs := o.inputs(args)
	for _, t := range targets {
		if t.output == "" {
			continue
		}
		if info, err := os.Stat(t.output); err == nil {
			if name := inputs.names(info); name != "" {
				return usage("the bundle of %q would replace %q, which this command reads", t.arg, name).WithNext("choose another name with --bundle")
			}
		}
		if info, err := os.Lstat(t.output); err == nil && info.Mode().IsRegular() && !o.force {
			t.exists = true
			atomicfile.Sweep(t.output)
			continue
		}
		var err error
		t.reserved, err = atomicfile.Reserve(t.output, bundleRoom+o.attest.room(), 0o644, atomicfile.Options{Overwrite: o.force})
		if err != nil {
			return err
		}
	}
	return nil
}

// release gives back the places in which nothing was put.
func release(targets []*target) {
	for _, t := range targets {
		if t.reserved != nil {
			t.reserved.Release()
		}
	}
}

// inTheWay says that the output of a command exists.
func inTheWay(path string) *check.Error {
	return &check.Error{Check: check.FS, Field: printable(path, 256), Err: errors.New("exists already"),
		Next: "use --force to replace it, or --bundle for another name"}
}

// inputs are the files that a run reads, with the names they were given by.
type inputs []struct {
	name string
	info fs.FileInfo
}

// inputs returns every file that a sign command was given to read.
func (o *signOptions) inputs(args []string) (list inputs) {
	list = list.add(args...)
	list = list.add(o.config, o.trust.trustedRoot, o.login.tokenFile, o.image.pushOnly)
	list = list.add(o.image.registry.ca, o.image.registry.cert, o.image.registry.key)
	if o.attest != nil {
		list = list.add(o.attest.predicate, o.attest.statement)
	}
	return list
}

func (in inputs) add(names ...string) inputs {
	for _, name := range names {
		if info, err := os.Stat(name); err == nil {
			in = append(in, struct {
				name string
				info fs.FileInfo
			}{name, info})
		}
	}
	return in
}

// names returns the name by which a file was given to read, "" if it was not. It is
// compared as a file, for a file has many names.
func (in inputs) names(info fs.FileInfo) string {
	for _, i := range in {
		if os.SameFile(i.info, info) {
			return i.name
		}
	}
	return ""
}

// room is the room in bytes that a statement takes in a bundle.
func (a *attestOptions) room() int {
	if a == nil {
		return 0
	}
	var size int64
	for _, name := range []string{a.predicate, a.statement} {
		if info, err := os.Stat(name); err == nil {
			size += info.Size()
		}
	}
	return int(min(size, maxStatement)) * 3 / 2
}
