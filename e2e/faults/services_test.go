package faults

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hallmarksign/hallmark/e2e/sandbox"
)

// Steps at which a service is asked.
const (
	stepTUF       = "trust root"
	stepToken     = "token"
	stepFulcio    = "certificate"
	stepTimestamp = "timestamp"
	stepState     = "state of the log"
	stepLog       = "log"
	stepResolve   = "resolve"
	stepReferrers = "referrers"
	stepUpload    = "upload"
	stepManifest  = "manifest"
)

// A service is what is asked at a step.
type service struct {
	of    func(l logKind) sandbox.Service
	match func(*http.Request) bool
}

func always(s sandbox.Service) func(logKind) sandbox.Service {
	return func(logKind) sandbox.Service { return s }
}

func theLog(l logKind) sandbox.Service {
	if l.generation == 1 {
		return sandbox.Rekor1
	}
	return sandbox.Rekor
}

func isPost(r *http.Request) bool { return r.Method == http.MethodPost }

func isGet(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

var services = map[string]service{
	stepTUF:       {always(sandbox.TUF), isGet},
	stepToken:     {always(sandbox.Actions), func(r *http.Request) bool { return strings.HasPrefix(r.URL.Path, "/token") }},
	stepFulcio:    {always(sandbox.Fulcio), isPost},
	stepTimestamp: {always(sandbox.TSA), isPost},
	stepState:     {theLog, isGet},
	stepLog:       {theLog, isPost},
	stepResolve:   {always(sandbox.Registry), func(r *http.Request) bool { return isGet(r) && strings.Contains(r.URL.Path, "/manifests/1") }},
	stepReferrers: {always(sandbox.Registry), func(r *http.Request) bool { return isGet(r) && strings.Contains(r.URL.Path, "/referrers/") }},
	stepUpload:    {always(sandbox.Registry), func(r *http.Request) bool { return isPush(r) && strings.Contains(r.URL.Path, "/blobs/") }},
	stepManifest:  {always(sandbox.Registry), func(r *http.Request) bool { return isPush(r) && strings.Contains(r.URL.Path, "/manifests/") }},
}

// Faults that other places name.
const (
	silent = "no answer"
	hidden = "answer lost, then hidden"
)

// serviceFaults are what happens at services, at each of the steps.
func serviceFaults(steps ...string) []fault {
	var all []fault
	for _, step := range steps {
		for _, f := range []fault{
			{name: "refused", begin: refused},
			{name: "400", begin: at(sandbox.Status(http.StatusBadRequest))},
			{name: "403", begin: at(sandbox.Status(http.StatusForbidden))},
			{name: "503", begin: at(sandbox.Status(http.StatusServiceUnavailable))},
			{name: silent, begin: noAnswer},
			{name: "answer lost", begin: at(sandbox.DropAnswer())},
			{name: "closed inside the answer", begin: at(sandbox.Truncate(40))},
			{name: "INT", signal: true, begin: signals(1, syscall.SIGINT)},
			{name: "TERM", signal: true, begin: signals(1, syscall.SIGTERM)},
			{name: "HUP", signal: true, begin: signals(1, syscall.SIGHUP)},
			{name: "KILL", signal: true, begin: signals(1, syscall.SIGKILL)},
		} {
			f.step = step
			all = append(all, f)
		}
		if step == stepLog {
			all = append(all, fault{step: step, name: "INT twice", signal: true, begin: signals(1, syscall.SIGINT, syscall.SIGINT)},
				fault{step: step, name: hidden, begin: lostAndHidden},
				fault{step: step, name: "first answer lost", begin: at(sandbox.First(1, sandbox.DropAnswer()))})
		}
	}
	return all
}

// at puts a fault before the step's service. The log works on whatever reaches it.
func at(f sandbox.Fault) func(*trial) {
	return func(r *trial) {
		s := services[r.step]
		r.stand(s.of(r.log), sandbox.Match(s.match, f))
	}
}

// noAnswer never answers. A log does its work all the same.
func noAnswer(r *trial) {
	if r.step == stepLog {
		at(sandbox.Late(time.Hour))(r)
		return
	}
	at(sandbox.Hang())(r)
}

// refused closes the port when the first request of the step has come: a service
// that is asked at this step only is closed from the beginning.
func refused(r *trial) {
	s := services[r.step]
	of := s.of(r.log)
	var once sync.Once
	stopped := make(chan struct{})
	stop := func() { once.Do(func() { defer close(stopped); r.Stop(of) }) }
	r.after(func() {
		stop()
		<-stopped
		r.must(r.Resume(of))
	})
	if r.image == nil || of != sandbox.Registry {
		if r.step != stepLog || r.verb.name != "log upload" {
			stop()
			return
		}
	}
	at(sandbox.Arrival(func(*http.Request) { stop() }))(r)
}

// signals sends signals to the program when the n-th request of the step has come,
// and gives it a moment to see each.
func signals(n int, list ...os.Signal) func(*trial) {
	return func(r *trial) {
		var count atomic.Int64
		at(sandbox.Arrival(func(*http.Request) {
			if count.Add(1) != int64(n) {
				return
			}
			process := r.running()
			for _, s := range list {
				process.Signal(s) // if it has ended, there is nothing to do
				time.Sleep(150 * time.Millisecond)
			}
		}))(r)
	}
}

// lostAndHidden loses the answer to the first upload; the log then knows nothing of
// the entry for two looks at it.
func lostAndHidden(r *trial) {
	look := sandbox.Match(isGet, sandbox.First(2, sandbox.Status(http.StatusNotFound)))
	lose := sandbox.Match(isPost, sandbox.First(1, sandbox.DropAnswer()))
	r.stand(theLog(r.log), func(server http.Handler) http.Handler { return look(lose(server)) })
}

// batchFaults are those of several files.
func batchFaults() []fault {
	var all []fault
	for _, k := range []struct {
		name string
		n    int
	}{{"5th", 5}, {"20th", 20}} {
		for _, s := range []struct {
			name   string
			signal os.Signal
		}{{"INT", syscall.SIGINT}, {"KILL", syscall.SIGKILL}} {
			all = append(all, fault{step: stepLog, name: s.name + " at the " + k.name, signal: true, begin: signals(k.n, s.signal)})
		}
	}
	some := func(f sandbox.Fault) func(*trial) {
		return func(r *trial) {
			var count atomic.Int64
			s := services[r.step]
			r.stand(s.of(r.log), sandbox.Match(func(q *http.Request) bool { return s.match(q) && count.Add(1)%4 == 0 }, f))
		}
	}
	return append(all,
		fault{step: stepLog, name: "400 for a quarter", begin: some(sandbox.Status(http.StatusBadRequest))},
		fault{step: stepLog, name: "answer lost for a quarter", begin: some(sandbox.DropAnswer())},
		fault{step: stepTimestamp, name: "400 for a quarter", begin: some(sandbox.Status(http.StatusBadRequest))},
		fault{step: "target", name: "5 are signed already", begin: fiveBefore},
		fault{step: "target", name: "5 are signed already, and their run was killed", begin: func(r *trial) {
			fiveBefore(r)
			for i := range 5 {
				for _, left := range []string{"lock", "reserved"} {
					r.write(filepath.Join(out, fmt.Sprintf(".f-%02d.sigstore.json.hallmark-%s.tmp", i, left)), nil)
				}
			}
		}},
		fault{step: "target", name: "room for some", begin: roomForSome},
	)
}

// fiveBefore signs five of the files first.
func fiveBefore(r *trial) {
	first := append(append([]string{}, r.args[:6]...), "--yes")
	if got := r.run(r.command("", first)); got.status != 0 {
		r.t.Fatalf("%q ends with status %d\n%s", first, got.status, got.stderr)
	}
}

// imageFaults are those of images alone.
func imageFaults() []fault {
	return []fault{
		{step: "cache folder", name: "not a folder, and 403 for the push", begin: func(r *trial) {
			asFile(r, filepath.Join(r.dir, "cache"))
			s := services[stepManifest]
			r.stand(sandbox.Registry, sandbox.Match(s.match, sandbox.Status(http.StatusForbidden)))
		}},
		{step: "state folder", name: "not a folder, and 403 for the push", begin: func(r *trial) {
			asFile(r, filepath.Join(r.dir, "state"))
			s := services[stepManifest]
			r.stand(sandbox.Registry, sandbox.Match(s.match, sandbox.Status(http.StatusForbidden)))
		}},
	}
}
