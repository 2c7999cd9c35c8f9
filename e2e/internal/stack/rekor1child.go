package stack

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Rekor1Command is the first argument of a program that is a second Rekor v1;
// the key file and the log's name follow.
const Rekor1Command = "rekor1-other"

// A rekor1Process is a second Rekor v1: this program once more, as there can
// be one log in each process. It ends when its standard input does.
type rekor1Process struct {
	http.Handler
	cmd   *exec.Cmd
	stdin io.Closer
}

func rekor1Child(keyFile, name string) (*rekor1Process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, Rekor1Command, keyFile, name)
	cmd.Stderr = os.Stderr
	// A group of its own: Ctrl-C is for us, who then end it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &rekor1Process{cmd: cmd, stdin: stdin}
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("second rekor v1: %w", err), p.end())
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: strings.TrimSpace(address)})
	proxy.ErrorLog = log.New(devNull{}, "", 0)
	p.Handler = proxy
	return p, nil
}

func (p *rekor1Process) end() error {
	p.stdin.Close()
	late := time.AfterFunc(10*time.Second, func() { p.cmd.Process.Kill() })
	defer late.Stop()
	return p.cmd.Wait()
}

// ServeRekor1 is the main function of the second Rekor v1: it writes its
// address and serves until in ends.
func ServeRekor1(args []string, in io.Reader, out io.Writer) error {
	if len(args) != 2 {
		return errors.New("want a key file and a name")
	}
	quiet()
	s, err := rekor1(args[0], args[1], "")
	if err != nil {
		return err
	}
	defer s.close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(devNull{}, "", 0)}
	go server.Serve(listener)
	defer server.Close()
	if _, err := fmt.Fprintln(out, listener.Addr()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
