package sandbox_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// listening returns the address of each TCP socket a process listens on.
func listening(t *testing.T, pid int) []net.IP {
	t.Helper()
	proc := fmt.Sprintf("/proc/%d", pid)
	files, err := filepath.Glob(proc + "/fd/*")
	if err != nil || len(files) == 0 {
		t.Skipf("SKIPPED: no %s here (%v)", proc, err)
	}
	owned := map[string]bool{}
	for _, f := range files {
		if link, err := os.Readlink(f); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				owned[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var out []net.IP
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile(proc + "/net/" + table)
		if err != nil {
			continue // a system without IPv6
		}
		for _, line := range strings.Split(string(data), "\n")[1:] {
			f := strings.Fields(line)
			const listen = "0A"
			if len(f) < 10 || f[3] != listen || !owned[f[9]] {
				continue
			}
			out = append(out, address(t, f[1]))
		}
	}
	return out
}

// address decodes a host of /proc/net/tcp: 32-bit words in the byte order of
// the machine, which is little-endian on all that the tests run on.
func address(t *testing.T, field string) net.IP {
	t.Helper()
	host, _, _ := strings.Cut(field, ":")
	ip, err := hex.DecodeString(host)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(ip); i += 4 {
		ip[i], ip[i+1], ip[i+2], ip[i+3] = ip[i+3], ip[i+2], ip[i+1], ip[i]
	}
	return ip
}

// keys returns all key and certificate bytes of a trusted root, without the
// addresses, which may change.
func keys(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(regexp.MustCompile(`"rawBytes":\s*"[^"]+"`).FindAllString(string(data), -1))
}

func body(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func decode[T any](t *testing.T, data string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}
