package logs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notLogs are the rows of group K that are not about a log, or that no log command
// and no test with a lying log can express, and why.
var notLogs = map[string]string{
	"K1-K9":   "the signing configuration, before any service is asked: trustroot",
	"K11":     "another operator takes over when signing: e2e/interop, sign",
	"K12":     "a log that nobody trusts is not written to: tlog",
	"K13-K19": "answers of the certificate authority: sign/fulcio, sign",
	"K20-K21": "answers of the timestamp authority: sign/tsa",
	"K26":     "a log that is late: tlog, with a clock of its own",
	"K28":     "the certificate runs out while signing: sign",
	"K29":     "the clock of the signer: sign",
	"K30":     "the artifact changes while signing",
	"K31":     "the own encoder is broken: sign",
	"K32":     "signals while signing: e2e/interop kills it at every service",
	"K33":     "many processes sign at once",
	"K34":     "how long a server may ask to wait: internal/fetch",
}

// Every row of group K is in the name of a test of this package, or has a reason
// not to be.
func TestRowsOfGroupK(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, f := range files {
		if f == "coverage_test.go" {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		text.Write(data)
	}
	reasons := map[string]bool{}
	for rows := range notLogs {
		var first, last int
		if n, _ := fmt.Sscanf(rows, "K%d-K%d", &first, &last); n == 1 {
			last = first
		}
		for i := first; i <= last; i++ {
			reasons[fmt.Sprint("K", i)] = true
		}
	}
	for i := 1; i <= 35; i++ {
		row := fmt.Sprint("K", i)
		tested := regexp.MustCompile(`[ "_]` + row + `[ _"]`).MatchString(text.String())
		if tested == reasons[row] {
			t.Errorf("%s: named by a test: %v, has a reason not to be: %v", row, tested, reasons[row])
		}
	}
}
